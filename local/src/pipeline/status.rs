//! How a pipeline stands, in the order of the data's way.

use serde::Serialize;

use crate::outcomes::Counts as Outcomes;
use crate::s3::Stored;
use crate::sqs::Counts;

/// How a pipeline stands now.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Status {
    /// Whether it takes requests.
    pub ready: bool,
    /// Requests that ingest was invoked for.
    pub requests: u64,
    /// Records that SQS acknowledged.
    pub accepted: u64,
    /// Payloads that were refused with a reason.
    pub rejected: u64,
    /// Payloads that were dropped for lack of consent.
    pub withheld: u64,
    /// Payloads in the objects of this run.
    pub stored: u64,
    /// Objects of this run.
    pub objects: u64,
    /// Messages that could not be read, kept whole.
    pub quarantined: u64,
    /// Messages in the dead-letter queue.
    pub dead_lettered: u64,
    /// Messages that wait in the queue.
    pub queued: u64,
    /// Messages that were received and are not stored yet, those that the event source holds included.
    pub in_flight: u64,
    /// How long ago the oldest message still in the queue was sent.
    pub oldest_message_seconds: f64,
}

pub(super) fn of(outcomes: &Outcomes, accepted: u64, queue: Counts, stored: Stored, held: u64) -> Status {
    Status {
        ready: true,
        requests: outcomes.requests,
        accepted,
        rejected: outcomes.rejected,
        withheld: outcomes.withheld,
        stored: stored.records,
        objects: stored.objects,
        quarantined: stored.quarantined,
        dead_lettered: queue.dead_lettered,
        queued: queue.queued,
        // What the event source holds was received, so SQS counts it too; it may know of some a moment earlier.
        in_flight: queue.in_flight.max(held),
        oldest_message_seconds: queue.oldest.unwrap_or_default().as_secs_f64(),
    }
}
