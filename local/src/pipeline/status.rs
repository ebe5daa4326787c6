//! Counts of a running pipeline, in the order of the data flow.

use std::time::Duration;

use serde::Serialize;

use crate::outcomes::Counts as Outcomes;
use crate::runtime::Metrics;
use crate::s3::Stored;
use crate::sqs::Counts;

/// Counts of a running pipeline.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Status {
    /// Whether the pipeline accepts requests: a process of ingest waits for them.
    pub ready: bool,
    /// Invocations of ingest.
    pub requests: u64,
    /// Records that SQS acknowledged.
    pub accepted: u64,
    /// Payloads that were rejected.
    pub rejected: u64,
    /// Payloads that were withheld because consent is missing.
    pub withheld: u64,
    /// Records in the objects of this run.
    pub stored: u64,
    /// Kept rejections in the objects of this run.
    pub kept: u64,
    /// Objects of this run.
    pub objects: u64,
    /// Quarantined messages.
    pub quarantined: u64,
    /// Messages in the dead-letter queue.
    pub dead_lettered: u64,
    /// Messages that wait in the queue, delayed ones included.
    pub queued: u64,
    /// Messages that were received and are not deleted, including those in the event source.
    pub in_flight: u64,
    /// The age of the oldest message in the queue.
    pub oldest_message_seconds: f64,
    /// Each destination.
    pub destinations: Vec<Destination>,
}

/// Counts of one destination.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Destination {
    /// Its name.
    pub name: String,
    /// Records that the partner accepted.
    pub sent: u64,
    /// Records without the partner's consent.
    pub withheld: u64,
    /// Records of requests that opted out.
    pub opted_out: u64,
    /// Records that the destination does not want.
    pub skipped: u64,
    /// Messages that wait in its queue, delayed ones included.
    pub queued: u64,
    /// Messages that were received and are not deleted, including those that wait for their next try.
    pub in_flight: u64,
    /// Messages in its dead-letter queue.
    pub dead_lettered: u64,
    /// The age of the oldest message in its queue.
    pub oldest_message_seconds: f64,
}

pub(super) fn of(ready: bool, outcomes: &Outcomes, accepted: u64, queue: Counts, stored: Stored, held: u64) -> Status {
    Status {
        ready,
        requests: outcomes.requests,
        accepted,
        rejected: outcomes.rejected,
        withheld: outcomes.withheld,
        stored: stored.records,
        kept: stored.kept,
        objects: stored.objects,
        quarantined: stored.quarantined,
        dead_lettered: queue.dead_lettered,
        queued: queue.queued,
        // SQS counts the messages in the event source too, but it may count them a moment later.
        in_flight: queue.in_flight.max(held),
        oldest_message_seconds: seconds(queue.oldest),
        destinations: Vec::new(),
    }
}

impl Destination {
    pub(super) fn of(name: &str, metrics: &Metrics, queue: Counts) -> Self {
        Self {
            name: name.to_owned(),
            sent: metrics.sum("Sent"),
            withheld: metrics.sum("Withheld"),
            opted_out: metrics.sum("OptedOut"),
            skipped: metrics.sum("Skipped"),
            queued: queue.queued,
            in_flight: queue.in_flight,
            dead_lettered: queue.dead_lettered,
            oldest_message_seconds: seconds(queue.oldest),
        }
    }
}

fn seconds(age: Option<Duration>) -> f64 {
    age.unwrap_or_default().as_secs_f64()
}
