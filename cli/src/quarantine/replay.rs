//! `spillway quarantine replay`.

use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Args;
use spillway_deliver::unpack::SAME_ID;

use super::{Place, list, read};
use crate::aws;
use crate::aws::bucket::Bucket;
use crate::aws::queue::Queue;

/// What `spillway quarantine replay` is told.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    place: Place,
    /// The queue that deliver reads; one on this machine needs neither endpoint nor credentials
    #[arg(long, env = "QUEUE_URL")]
    queue_url: String,
    /// Where SQS is, if it is neither AWS's own nor on this machine
    #[arg(long)]
    sqs_endpoint: Option<String>,
    /// The keys, as `list` prints them
    #[arg(required_unless_present_any = ["all", "day"])]
    keys: Vec<String>,
    /// All that there are
    #[arg(long, conflicts_with_all = ["keys", "day"])]
    all: bool,
    /// All of a day, as 2026-11-21
    #[arg(long, conflicts_with = "keys")]
    day: Option<String>,
}

/// Puts messages back, one after the other; one that fails is told and does not hold up the others.
pub(super) async fn run(arguments: Replay) -> anyhow::Result<ExitCode> {
    let bucket = arguments.place.bucket().await;
    let endpoint = aws::endpoint_of_queue(arguments.sqs_endpoint.as_deref(), &arguments.queue_url);
    let queue = Queue::new(&aws::config(endpoint).await, &arguments.queue_url);
    let keys = keys(arguments, &bucket).await?;
    let mut replayed = 0;
    for key in &keys {
        match one(&bucket, &queue, key).await {
            Ok(()) => replayed += 1,
            Err(error) => eprintln!("{key}: {error:#}"),
        }
    }
    println!("{replayed} messages put back on the queue, {} left in quarantine", keys.len() - replayed);
    Ok(if replayed == keys.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn keys(arguments: Replay, bucket: &Bucket) -> anyhow::Result<Vec<String>> {
    if !arguments.keys.is_empty() {
        return Ok(arguments.keys);
    }
    Ok(list::all(bucket, arguments.day.as_deref()).await?.into_iter().map(|listed| listed.key).collect())
}

/// Sends the body, and deletes the object only when SQS has acknowledged it.
pub(super) async fn one(bucket: &Bucket, queue: &Queue, key: &str) -> anyhow::Result<()> {
    let quarantined = read(bucket, key).await?;
    // Alone in a batch it would be taken for the other one, and count as stored.
    ensure!(quarantined.reason != SAME_ID, "{SAME_ID}, and deliver may not store it: give its text a new id by hand");
    let body = quarantined.body.context("there is no body to put back")?;
    ensure!(queue.send(&[&body]).await? == [0], "SQS refused the message");
    bucket.delete(key).await.context("it is on the queue again, and still in quarantine")
}
