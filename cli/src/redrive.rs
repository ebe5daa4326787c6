//! `spillway redrive`: what lies in the dead-letter queue goes back to the queue.
//!
//! Received, sent and, once SQS has acknowledged it, deleted. A run that is broken off between the two leaves a message
//! in both queues: it is then stored under the same ids. SQS has a task for this (`StartMessageMoveTask`); it is not
//! used, since it exists on AWS alone, does not say what it leaves behind, and is no faster.
//!
//! What was sent after the run began stays: it was moved in this run and is dead again, and would be moved for ever.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, sleep_until};

use crate::aws;
use crate::aws::queue::{MOST_BYTES, MOST_MESSAGES, Queue, Received};

/// What `spillway redrive` is told.
#[derive(Debug, Args)]
pub(crate) struct Redrive {
    /// The queue that deliver reads; one on this machine needs neither endpoint nor credentials
    #[arg(long, env = "QUEUE_URL")]
    queue_url: String,
    /// The dead-letter queue; without this the one that the queue names
    #[arg(long)]
    dead_letter_url: Option<String>,
    /// Where SQS is, if it is neither AWS's own nor on this machine
    #[arg(long)]
    sqs_endpoint: Option<String>,
    /// How many messages a second are moved at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// How many messages are moved at most; all without this
    #[arg(long)]
    most: Option<u64>,
}

/// What became of dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Moved {
    /// In the queue again, and out of the dead-letter queue.
    back: u64,
    /// In both queues, since deleting failed.
    doubled: u64,
    /// Still in the dead-letter queue, since sending failed, or since they were moved in this run and died again.
    left: u64,
}

/// Moves dead letters until there are none, and says how many.
pub(crate) async fn run(arguments: Redrive) -> anyhow::Result<ExitCode> {
    let endpoint = aws::endpoint_of_queue(arguments.sqs_endpoint.as_deref(), &arguments.queue_url);
    let queue = Queue::new(&aws::config(endpoint).await, &arguments.queue_url);
    let dead = match &arguments.dead_letter_url {
        Some(url) => queue.beside(url),
        None => queue.dead_letter_queue().await?,
    };
    let progress = progress(dead.waiting().await?.min(arguments.most.unwrap_or(u64::MAX)));
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
        // What is beyond the limit stays, and shows up again after a while.
        messages.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        for call in calls(&messages).into_iter().filter(|call| !call.is_empty()) {
            sum = sum.plus(move_some(dead, queue, call).await?);
            progress.set_position(sum.total());
        }
        sleep_until(started + Duration::from_secs(1).mul_f64(sum.total_f64() / f64::from(rate))).await;
    }
    Ok(sum)
}

/// Sends messages, and deletes those that SQS has acknowledged.
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

/// Parts that one call can send.
fn calls(messages: &[Received]) -> Vec<&[Received]> {
    let (mut calls, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, message) in messages.iter().enumerate() {
        if at > start && (at - start == MOST_MESSAGES || bytes + message.body.len() > MOST_BYTES) {
            calls.push(&messages[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += message.body.len();
    }
    calls.push(&messages[start..]);
    calls
}

impl Moved {
    fn plus(self, other: Self) -> Self {
        Self { back: self.back + other.back, doubled: self.doubled + other.doubled, left: self.left + other.left }
    }

    fn total(self) -> u64 {
        self.back + self.doubled + self.left
    }

    #[expect(clippy::cast_precision_loss, reason = "a pause need not be exact beyond 2^52 messages")]
    fn total_f64(self) -> f64 {
        self.total() as f64
    }
}

fn progress(messages: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} messages  {per_sec}");
    let bar = ProgressBar::new(messages);
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

#[cfg(test)]
#[path = "redrive_tests.rs"]
mod tests;
