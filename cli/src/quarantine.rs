//! `spillway quarantine`: messages that could not be read, which deliver keeps whole, with the reason.

mod list;
mod replay;
mod show;

use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use serde::Deserialize;

use crate::aws;
use crate::aws::bucket::Bucket;

/// What the key of every quarantined message begins with.
const PREFIX: &str = "quarantine/";

/// What `spillway quarantine` is told.
#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// Lists quarantined messages: key and bytes, the oldest day first
    List {
        #[command(flatten)]
        place: Place,
        /// Only those of a day, as 2026-11-21
        #[arg(long)]
        day: Option<String>,
    },
    /// Shows one with the reason; this prints what clients sent
    Show {
        #[command(flatten)]
        place: Place,
        /// The key, as `list` prints it
        key: String,
    },
    /// Puts messages back on the queue, as after a fix of deliver; each is deleted here once SQS has acknowledged it
    Replay(replay::Replay),
}

/// Where quarantined messages lie.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The bucket
    #[arg(long, env = "BUCKET")]
    bucket: String,
    /// Where S3 is, if it is not AWS's own; a server on this machine needs no credentials
    #[arg(long)]
    s3_endpoint: Option<String>,
}

/// A quarantined message, as deliver writes it.
#[derive(Debug, Deserialize)]
struct Quarantined {
    reason: String,
    message_id: Option<String>,
    receive_count: Option<u64>,
    sent_at: Option<String>,
    body: Option<String>,
}

/// Does what is asked.
pub(crate) async fn run(arguments: Quarantine) -> anyhow::Result<ExitCode> {
    match arguments {
        Quarantine::List { place, day } => list::run(&place.bucket().await, day.as_deref()).await,
        Quarantine::Show { place, key } => show::run(&place.bucket().await, &key).await,
        Quarantine::Replay(replay) => replay::run(replay).await,
    }
}

impl Place {
    async fn bucket(&self) -> Bucket {
        Bucket::new(&aws::config(self.s3_endpoint.as_deref()).await, &self.bucket)
    }
}

/// Reads a quarantined message; nothing else in the bucket is touched.
async fn read(bucket: &Bucket, key: &str) -> anyhow::Result<Quarantined> {
    ensure!(key.starts_with(PREFIX), "`{key}` is no quarantined message: its key begins with `{PREFIX}`");
    let bytes = bucket.get(key).await?;
    serde_json::from_slice(&bytes).with_context(|| format!("{key} is not as deliver writes it"))
}

#[cfg(test)]
#[path = "quarantine/tests.rs"]
mod tests;
