//! `spillway quarantine replay`.

use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::json;
use spillway_deliver::unpack::SAME_ID;

use super::{list, read};
use crate::aws::bucket::Bucket;
use crate::aws::queue::Queue;
use crate::place::Place;

/// The arguments of `spillway quarantine replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    place: Place,
    /// The keys, as `list` prints them
    #[arg(required_unless_present_any = ["all", "day"])]
    keys: Vec<String>,
    /// All quarantined messages
    #[arg(long, conflicts_with_all = ["keys", "day"])]
    all: bool,
    /// All messages of this day, such as 2026-11-21
    #[arg(long, conflicts_with = "keys")]
    day: Option<String>,
}

/// Replays messages one after the other; a failure is printed and the next message follows.
pub(super) async fn run(arguments: Replay) -> anyhow::Result<ExitCode> {
    let target = arguments.place.target().await?;
    let (bucket, queue) = (target.bucket().await?, target.queue().await?);
    let keys = keys(arguments, &bucket).await?;
    let mut replayed = 0;
    for key in &keys {
        match one(&bucket, &queue, key).await {
            Ok(()) => replayed += 1,
            Err(error) => eprintln!("{key}: {error:#}"),
        }
    }
    let left = keys.len() - replayed;
    if target.json {
        println!("{}", json!({"replayed": replayed, "left": left}));
    } else {
        println!("{replayed} messages replayed, {left} left in quarantine");
    }
    Ok(if replayed == keys.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn keys(arguments: Replay, bucket: &Bucket) -> anyhow::Result<Vec<String>> {
    if !arguments.keys.is_empty() {
        return Ok(arguments.keys);
    }
    Ok(list(bucket, arguments.day.as_deref()).await?.into_iter().map(|listed| listed.key).collect())
}

/// Sends the body, and deletes the object after SQS has acknowledged the message.
pub(super) async fn one(bucket: &Bucket, queue: &Queue, key: &str) -> anyhow::Result<()> {
    let quarantined = read(bucket, key).await?;
    // Deliver would take it for the other message with this id and count it as stored.
    ensure!(
        quarantined.reason != SAME_ID,
        "{SAME_ID}, so deliver may not store it: edit its text and give it a new id"
    );
    let body = quarantined.body.context("the message has no body")?;
    ensure!(queue.send(&[&body]).await? == [0], "SQS refused the message");
    bucket.delete(key).await.context("it was sent to the queue but is still in quarantine")
}
