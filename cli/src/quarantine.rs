//! `spillway quarantine`: quarantined messages, which deliver stores whole with the reason.

mod dead;
mod replay;

use std::fmt;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::aws::bucket::{Bucket, Listed};
use crate::place::Place;

/// The prefix of the keys of quarantined messages.
const PREFIX: &str = "quarantine/";

/// The arguments of `spillway quarantine`.
#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// Lists quarantined messages with key and size, the oldest day first
    List {
        #[command(flatten)]
        place: Place,
        /// Only messages of this day, such as 2026-11-21
        #[arg(long)]
        day: Option<String>,
        /// Lists the dead letters of this destination instead, with their reasons; `spillway redrive` sends them again
        #[arg(long, value_name = "NAME", conflicts_with = "day")]
        destination: Option<String>,
    },
    /// Shows a message with the reason; this prints data of clients
    Show {
        #[command(flatten)]
        place: Place,
        /// The key, as `list` prints it
        key: String,
    },
    /// Sends messages to the queue again, and deletes each once SQS has acknowledged it
    Replay(replay::Replay),
}

/// A quarantined message, as deliver writes it.
#[derive(Debug, Serialize, Deserialize)]
struct Quarantined {
    reason: String,
    message_id: Option<String>,
    receive_count: Option<u64>,
    sent_at: Option<String>,
    body: Option<String>,
}

/// Runs the subcommand.
pub(crate) async fn run(arguments: Quarantine) -> anyhow::Result<ExitCode> {
    match arguments {
        Quarantine::List { place, destination: Some(name), .. } => return dead::list(&place, &name).await,
        Quarantine::List { place, day, .. } => {
            let target = place.target().await?;
            let listed = list(&target.bucket().await?, day.as_deref()).await?;
            for Listed { key, bytes } in &listed {
                if target.json {
                    println!("{}", json!({"key": key, "bytes": bytes}));
                } else {
                    println!("{key}\t{bytes}");
                }
            }
            eprintln!("{} quarantined messages", listed.len());
        }
        Quarantine::Show { place, key } => {
            let target = place.target().await?;
            let quarantined = read(&target.bucket().await?, &key).await?;
            if target.json {
                println!("{}", serde_json::to_string(&quarantined)?);
            } else {
                println!("{quarantined}");
            }
        }
        Quarantine::Replay(replay) => return replay::run(replay).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// All quarantined messages, or those of one day.
async fn list(bucket: &Bucket, day: Option<&str>) -> anyhow::Result<Vec<Listed>> {
    bucket.list(&day.map_or_else(|| PREFIX.to_owned(), |day| format!("{PREFIX}dt={day}/"))).await
}

/// Reads a quarantined message; refuses any other object.
async fn read(bucket: &Bucket, key: &str) -> anyhow::Result<Quarantined> {
    ensure!(key.starts_with(PREFIX), "`{key}` is not the key of a quarantined message, which begins with `{PREFIX}`");
    let bytes = bucket.get(key).await?;
    serde_json::from_slice(&bytes).with_context(|| format!("{key} does not have the format of deliver"))
}

/// The properties, an empty line and the body.
impl fmt::Display for Quarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_unknown = |text: Option<&str>| text.unwrap_or("unknown").to_owned();
        writeln!(f, "reason        {}", self.reason)?;
        writeln!(f, "message id    {}", or_unknown(self.message_id.as_deref()))?;
        writeln!(
            f,
            "receive count {}",
            self.receive_count.map_or_else(|| or_unknown(None), |count| count.to_string())
        )?;
        writeln!(f, "sent at       {}", or_unknown(self.sent_at.as_deref()))?;
        write!(f, "\n{}", self.body.as_deref().unwrap_or("(no body)"))
    }
}

#[cfg(test)]
#[path = "quarantine/tests.rs"]
mod tests;
