//! `spillway redrive`: moves messages from the dead-letter queue back to the queue.
//!
//! It receives a message, sends it, and deletes it once SQS has acknowledged the send. An interrupted run can leave a
//! message in both queues; its records are then stored with the same ids. The task of SQS (`StartMessageMoveTask`) is not
//! used: it exists only on AWS, does not report what it leaves, and is not faster.
//!
//! Messages that were sent after the run began stay: this run has moved them, and they were dead-lettered again.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;
use indicatif::ProgressBar;
use tokio::time::{Instant, sleep_until};

use crate::aws;
use crate::aws::queue::{MOST_BYTES, MOST_MESSAGES, Queue, Received};
use crate::report;

/// The arguments of `spillway redrive`.
#[derive(Debug, Args)]
pub(crate) struct Redrive {
    /// The URL of the queue that deliver reads; on this machine no endpoint and credentials are needed
    #[arg(long, env = "QUEUE_URL")]
    queue_url: String,
    /// The URL of the dead-letter queue (default: that of the queue's redrive policy)
    #[arg(long)]
    dead_letter_url: Option<String>,
    /// The endpoint of SQS, if it is neither AWS nor on this machine
    #[arg(long)]
    sqs_endpoint: Option<String>,
    /// The maximum number of messages per second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// The maximum number of messages (default: all)
    #[arg(long)]
    most: Option<u64>,
}

/// Counts of dead-lettered messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Moved {
    /// Moved back to the queue.
    back: u64,
    /// In both queues, because the deletion failed.
    doubled: u64,
    /// Still in the dead-letter queue: the send failed, or they were dead-lettered again in this run.
    left: u64,
}

/// Moves dead-lettered messages until there are none, and prints the counts.
pub(crate) async fn run(arguments: Redrive) -> anyhow::Result<ExitCode> {
    let endpoint = aws::endpoint_of_queue(arguments.sqs_endpoint.as_deref(), &arguments.queue_url);
    let queue = Queue::new(&aws::config(endpoint).await, &arguments.queue_url);
    let dead = match &arguments.dead_letter_url {
        Some(url) => queue.sibling(url),
        None => queue.dead_letter_queue().await?,
    };
    let progress = report::progress(dead.waiting().await?.min(arguments.most.unwrap_or(u64::MAX)), "messages");
    let moved = redrive(&dead, &queue, arguments.rate, arguments.most, &progress).await;
    progress.finish_and_clear();
    let moved = moved?;
    println!("{} messages moved, {} left, {} now in both queues", moved.back, moved.left, moved.doubled);
    Ok(if moved.left + moved.doubled == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn redrive(
    dead: &Queue,
    queue: &Queue,
    rate: u32,
    most: Option<u64>,
    progress: &ProgressBar,
) -> anyhow::Result<Moved> {
    let (started, began, mut sum) = (Instant::now(), SystemTime::now(), Moved::default());
    while sum.total() < most.unwrap_or(u64::MAX) {
        let mut messages = dead.receive().await?;
        if messages.is_empty() {
            break;
        }
        sum.left += messages.extract_if(.., |message| message.sent > began).count() as u64;
        let room = most.map_or(messages.len() as u64, |most| most.saturating_sub(sum.total()));
        // Messages over the limit become visible again after their visibility timeout.
        messages.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        for call in calls(&messages) {
            sum = sum.plus(move_some(dead, queue, call).await?);
            progress.set_position(sum.total());
        }
        sleep_until(started + Duration::from_millis(1_000 * sum.total() / u64::from(rate))).await;
    }
    Ok(sum)
}

/// Sends messages and deletes those that SQS has acknowledged.
async fn move_some(dead: &Queue, queue: &Queue, messages: &[Received]) -> anyhow::Result<Moved> {
    let bodies: Vec<_> = messages.iter().map(|message| message.body.as_str()).collect();
    let sent = queue.send(&bodies).await?;
    let handles: Vec<_> = sent.iter().filter_map(|at| messages.get(*at)).map(|sent| sent.handle.as_str()).collect();
    let left = (messages.len() - handles.len()) as u64;
    if handles.is_empty() {
        return Ok(Moved { left, ..Moved::default() });
    }
    let back = dead.delete(&handles).await? as u64;
    Ok(Moved { back, doubled: handles.len() as u64 - back, left })
}

/// Splits messages into parts that fit into one call: all together, or each alone if their bodies are too large.
fn calls(messages: &[Received]) -> impl Iterator<Item = &[Received]> {
    let bytes: usize = messages.iter().map(|message| message.body.len()).sum();
    messages.chunks(if bytes > MOST_BYTES { 1 } else { MOST_MESSAGES })
}

impl Moved {
    fn plus(self, other: Self) -> Self {
        Self { back: self.back + other.back, doubled: self.doubled + other.doubled, left: self.left + other.left }
    }

    fn total(self) -> u64 {
        self.back + self.doubled + self.left
    }
}

#[cfg(test)]
#[path = "redrive_tests.rs"]
mod tests;
