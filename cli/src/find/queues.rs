//! How many messages are on the queues of a stack on AWS, and how old the oldest is. No message is received.

use std::fmt;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use spillway_shared::hour::timestamp;

use crate::aws::queue::Queue;
use crate::place::Target;

/// CloudWatch has a value for each minute, some minutes late.
const WINDOW: Duration = Duration::from_mins(15);

/// The queue and its dead-letter queue.
#[derive(Debug, Serialize)]
pub(super) struct Depths {
    queue: Depth,
    dead_letter_queue: Depth,
}

/// One queue.
#[derive(Debug, PartialEq, Serialize)]
struct Depth {
    /// Messages that can be received.
    waiting: u64,
    /// Messages that were received and are not deleted.
    received: u64,
    /// The age of the oldest message; `None` if CloudWatch does not tell.
    oldest_seconds: Option<f64>,
}

/// The depths of both queues.
pub(super) async fn depths(target: &Target) -> anyhow::Result<Depths> {
    let queue = target.queue().await?;
    let dead_letters = queue.dead_letter_queue().await?;
    Ok(Depths { queue: depth(&queue).await?, dead_letter_queue: depth(&dead_letters).await? })
}

async fn depth(queue: &Queue) -> anyhow::Result<Depth> {
    let (waiting, received) = (queue.waiting().await?, queue.hidden().await?);
    let oldest_seconds = oldest(queue.name());
    if let Err(error) = &oldest_seconds {
        eprintln!("the age of the oldest message on {} is unknown: {error:#}", queue.name());
    }
    Ok(Depth { waiting, received, oldest_seconds: oldest_seconds.ok() })
}

/// The age of a queue's oldest message in seconds, by the command `aws`: SQS itself does not tell it, and the crate for
/// CloudWatch would make each build longer.
fn oldest(queue: &str) -> anyhow::Result<f64> {
    let now = SystemTime::now();
    let mut command = Command::new("aws");
    command.args(["cloudwatch", "get-metric-statistics", "--namespace", "AWS/SQS", "--output", "json"]);
    command.args(["--metric-name", "ApproximateAgeOfOldestMessage", "--statistics", "Maximum", "--period", "60"]);
    command.args(["--start-time", &timestamp(now - WINDOW), "--end-time", &timestamp(now)]);
    command.args(["--dimensions", &format!("Name=QueueName,Value={queue}")]);
    command.args(["--cli-connect-timeout", "5", "--cli-read-timeout", "10"]);
    let output = command.output().context("the command `aws` cannot be run")?;
    ensure!(output.status.success(), "`aws cloudwatch` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    newest(&output.stdout)
}

/// The newest value of CloudWatch's answer, whose values have no order.
fn newest(answer: &[u8]) -> anyhow::Result<f64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Statistics {
        datapoints: Vec<Datapoint>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Datapoint {
        timestamp: String,
        maximum: f64,
    }
    let statistics: Statistics = serde_json::from_slice(answer).context("the answer of CloudWatch cannot be read")?;
    let newest = statistics.datapoints.into_iter().max_by(|one, other| one.timestamp.cmp(&other.timestamp));
    newest.map(|point| point.maximum).context("CloudWatch has no value of the last 15 minutes")
}

impl fmt::Display for Depths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the queue has {}", self.queue)?;
        write!(f, "the dead-letter queue has {}", self.dead_letter_queue)
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages waiting and {} received", self.waiting, self.received)?;
        match self.oldest_seconds {
            Some(seconds) => {
                write!(f, ", the oldest {}", humantime::format_duration(Duration::from_secs_f64(seconds.max(0.0))))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_of_cloudwatch_counts() {
        let answer =
            br#"{"Label":"x","Datapoints":[{"Timestamp":"2026-11-21T18:05:00+00:00","Maximum":90.0,"Unit":"Seconds"},
            {"Timestamp":"2026-11-21T18:06:00+00:00","Maximum":150.0,"Unit":"Seconds"},
            {"Timestamp":"2026-11-21T18:04:00+00:00","Maximum":30.0,"Unit":"Seconds"}]}"#;
        assert!((newest(answer).unwrap() - 150.0).abs() < f64::EPSILON);
        assert!(newest(br#"{"Datapoints":[]}"#).is_err() && newest(b"no answer").is_err());
        let depth = Depth { waiting: 3, received: 1, oldest_seconds: Some(150.0) };
        assert_eq!(depth.to_string(), "3 messages waiting and 1 received, the oldest 2m 30s");
    }
}
