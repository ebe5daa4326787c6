//! `spillway quarantine list`.

use std::process::ExitCode;

use super::PREFIX;
use crate::aws::bucket::{Bucket, Listed};

/// Prints key and size of each message, by day.
pub(super) async fn run(bucket: &Bucket, day: Option<&str>) -> anyhow::Result<ExitCode> {
    let listed = all(bucket, day).await?;
    for Listed { key, bytes } in &listed {
        println!("{key}\t{bytes}");
    }
    eprintln!("{} quarantined messages", listed.len());
    Ok(ExitCode::SUCCESS)
}

/// All quarantined messages, or those of one day.
pub(super) async fn all(bucket: &Bucket, day: Option<&str>) -> anyhow::Result<Vec<Listed>> {
    let prefix = day.map_or_else(|| PREFIX.to_owned(), |day| format!("{PREFIX}dt={day}/"));
    bucket.list(&prefix).await
}
