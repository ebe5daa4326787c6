//! `spillway quarantine show`.

use std::fmt;
use std::process::ExitCode;

use super::{Quarantined, read};
use crate::aws::bucket::Bucket;

/// Prints a quarantined message: its properties, an empty line and its body.
pub(super) async fn run(bucket: &Bucket, key: &str) -> anyhow::Result<ExitCode> {
    println!("{}", read(bucket, key).await?);
    Ok(ExitCode::SUCCESS)
}

impl fmt::Display for Quarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        writeln!(f, "reason        {}", self.reason)?;
        writeln!(f, "message id    {}", or_unknown(&self.message_id))?;
        writeln!(f, "receive count {}", or_unknown(&self.receive_count.map(|count| count.to_string())))?;
        writeln!(f, "sent at       {}", or_unknown(&self.sent_at))?;
        write!(f, "\n{}", self.body.as_deref().unwrap_or("(no body)"))
    }
}
