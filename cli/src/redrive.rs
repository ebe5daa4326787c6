//! `spillway redrive`: moves messages from the dead-letter queue back to the queue.
//!
//! It receives a message, sends it, and deletes it once SQS has acknowledged the send. An interrupted run can leave a
//! message in both queues; its records are then stored with the same ids. The task of SQS (`StartMessageMoveTask`) is not
//! used: it exists only on AWS, does not report what it leaves, and is not faster.
//!
//! Messages that were sent after the run began stay: this run has moved them, and they were dead-lettered again.
//!
//! Messages that an interrupted run or another reader has received are hidden for a while. The run waits for them, and
//! reports those that stay hidden.

mod moves;

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::aws::queue::{HIDDEN_SECONDS, Queue};
use crate::place::Place;
use crate::report;
use moves::{Ended, Moves};

/// The arguments of `spillway redrive`.
#[derive(Debug, Args)]
pub(crate) struct Redrive {
    #[command(flatten)]
    place: Place,
    /// Moves the dead letters of this destination, which forward then sends; on AWS those of the stack `spillway-NAME`,
    /// unless `--queue-url` names the destination's queue
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// The URL of the dead-letter queue (default: that of the queue's redrive policy)
    #[arg(long, value_name = "URL")]
    dead_letter_url: Option<String>,
    /// The maximum number of messages per second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// The maximum number of messages (default: all)
    #[arg(long)]
    most: Option<u64>,
    /// How long to wait for messages that an interrupted run or another reader has received (default: until those of an
    /// interrupted run are visible again)
    #[arg(long, value_parser = humantime::parse_duration)]
    wait: Option<Duration>,
}

/// How messages are moved.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Messages per second.
    rate: u32,
    /// The maximum number of messages.
    most: u64,
    /// How long to wait for hidden messages since the last message was moved.
    wait: Duration,
}

impl Redrive {
    fn pace(&self) -> Pace {
        let seconds = u64::from(HIDDEN_SECONDS.unsigned_abs()) + 10;
        let wait = self.wait.unwrap_or(Duration::from_secs(seconds));
        Pace { rate: self.rate, most: self.most.unwrap_or(u64::MAX), wait }
    }
}

/// Moves dead-lettered messages until there are none, and prints the counts.
pub(crate) async fn run(arguments: Redrive) -> anyhow::Result<ExitCode> {
    let target = arguments.place.target_of(arguments.destination.as_deref()).await?;
    let queue = target.queue().await?;
    let dead = match &arguments.dead_letter_url {
        Some(url) => queue.sibling(url),
        None => queue.dead_letter_queue().await?,
    };
    let pace = arguments.pace();
    let waiting = dead.waiting().await? + dead.hidden().await?;
    let progress = report::progress(waiting.min(pace.most), "messages");
    let ended = redrive(&dead, &queue, pace, &progress).await;
    progress.finish_and_clear();
    if target.json {
        println!("{}", ended.json());
    } else {
        println!("{ended}");
    }
    Ok(ended.exit_code())
}

async fn redrive(dead: &Queue, queue: &Queue, pace: Pace, progress: &ProgressBar) -> Ended {
    Moves::new(dead, queue, pace, progress).run().await
}

impl Ended {
    /// 0 if the dead-letter queue is empty.
    fn exit_code(&self) -> ExitCode {
        let Self { left, doubled, hidden, failure, .. } = self;
        let is_done = left + doubled + hidden == 0 && failure.is_none();
        if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn json(&self) -> Value {
        let Self { back, doubled, left, hidden, failure } = self;
        let failure = failure.as_ref().map(|error| format!("{error:#}"));
        json!({"moved": back, "left": left, "in_both_queues": doubled, "hidden": hidden, "failure": failure})
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { back, doubled, left, hidden, failure } = self;
        write!(
            f,
            "{back} messages moved, {left} left, {doubled} now in both queues, {hidden} hidden by another reader"
        )?;
        if *hidden > 0 {
            write!(
                f,
                "\nhidden messages become visible again after their visibility timeout: run this command again then"
            )?;
        }
        if let Some(error) = failure {
            write!(f, "\nthe run ended early: {error:#}; run it again to move the rest")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "redrive_tests.rs"]
mod tests;
