//! Metrics: the one place that defines their names, units and dimensions.
//!
//! A unit of work is one struct: a batch of deliver ([`Delivered`]), or the requests of ingest since its last line
//! ([`Ingested`], and [`Taken`] by stream). [`emf`] writes it as one line in CloudWatch's embedded metric format.

pub mod emf;

use std::time::Duration;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Spillway";
/// The dimension of all metrics: the name of the Lambda function, which separates stacks.
pub const FUNCTION: &str = "Function";
/// The second dimension of [`Taken`], which is also written without it.
pub const STREAM: &str = "Stream";

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// The unit in CloudWatch's spelling: `Count`, `Bytes` or `Seconds`.
    pub unit: &'static str,
}

/// The metrics of a unit of work.
pub trait Measured {
    /// All its metrics, in this order.
    const METRICS: &'static [Metric];

    /// The values in the order of [`Measured::METRICS`]; `None` is not written.
    fn values(&self) -> Vec<Option<f64>>;
}

/// A field of a unit of work, as a number for CloudWatch.
trait Reading {
    fn reading(&self) -> Option<f64>;
}

impl Reading for u64 {
    fn reading(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "CloudWatch keeps floats; counts are exact up to 2^53")]
        Some(*self as f64)
    }
}

impl Reading for Option<Duration> {
    fn reading(&self) -> Option<f64> {
        self.map(|duration| duration.as_secs_f64())
    }
}

/// Declares a unit of work with a metric for each field, so that the two always match.
macro_rules! measured {
    ($(#[$doc:meta])* $unit_of_work:ident { $($(#[$about:meta])* $field:ident: $type:ty => $name:literal $unit:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $unit_of_work {
            $($(#[$about])* pub $field: $type,)*
        }

        impl Measured for $unit_of_work {
            const METRICS: &'static [Metric] = &[$(Metric { name: $name, unit: stringify!($unit) },)*];

            fn values(&self) -> Vec<Option<f64>> {
                vec![$(self.$field.reading(),)*]
            }
        }
    };
}

measured! {
    /// The requests of ingest since its last line.
    Ingested {
        /// Answered documents.
        requests: u64 => "Requests" Count,
        /// Of these, answered with 200.
        status_2xx: u64 => "Status2xx" Count,
        /// Of these, refused because of the client.
        status_4xx: u64 => "Status4xx" Count,
        /// Of these, refused because of Spillway or AWS.
        status_5xx: u64 => "Status5xx" Count,
        /// Calls to SQS, retries included.
        queue_calls: u64 => "QueueCalls" Count,
        /// Units of 64 KiB that SQS bills for these calls, at least one each.
        queue_call_units: u64 => "QueueCallUnits" Count,
        /// Of these calls, those after the first attempt.
        queue_retries: u64 => "QueueRetries" Count,
        /// Documents answered with 503 because the function was full.
        queue_full: u64 => "QueueFull" Count,
    }
}

measured! {
    /// The outcomes of one stream's payloads. Those of a request answered with 503 do not count, because its client
    /// sends them again.
    Taken {
        /// Accepted payloads.
        accepted: u64 => "Accepted" Count,
        /// Rejected payloads.
        rejected: u64 => "Rejected" Count,
        /// Of these, the kept ones.
        kept: u64 => "Kept" Count,
        /// Accepted payloads that violate the schema of a stream that does not enforce it.
        violations: u64 => "Violations" Count,
        /// Withheld payloads.
        withheld: u64 => "Withheld" Count,
        /// Escapes of lone surrogates that were replaced by `\\ufffd`.
        repaired: u64 => "Repaired" Count,
    }
}

measured! {
    /// One batch of deliver.
    Delivered {
        /// SQS messages in the batch.
        messages: u64 => "Messages" Count,
        /// Stored records.
        records: u64 => "Records" Count,
        /// Stored objects.
        objects: u64 => "Objects" Count,
        /// Their size after compression.
        object_bytes: u64 => "ObjectBytes" Bytes,
        /// Objects whose key existed already.
        duplicates: u64 => "Duplicates" Count,
        /// Messages returned to the queue.
        failed: u64 => "Failed" Count,
        /// Messages stored under `quarantine/`.
        quarantined: u64 => "Quarantined" Count,
        /// PUTs after the first attempt of an upload.
        put_retries: u64 => "PutRetries" Count,
        /// The lag of the oldest stored record; `None` if the batch stored none.
        lag: Option<Duration> => "LagSeconds" Seconds,
    }
}

measured! {
    /// One hour of one stream's table, or a part of it.
    Compacted {
        /// Objects that were read.
        objects: u64 => "CompactedObjects" Count,
        /// Bytes of their records before compression.
        record_bytes: u64 => "CompactedBytes" Bytes,
        /// Files that were written.
        files: u64 => "Files" Count,
        /// Their size.
        file_bytes: u64 => "FileBytes" Bytes,
        /// Rows in them.
        rows: u64 => "Rows" Count,
        /// Records that were dropped as copies: the same id and the same payload.
        copies: u64 => "Copies" Count,
        /// Records with an id that another record of the hour has with another payload.
        conflicts: u64 => "Conflicts" Count,
        /// Lines that are no records of the stream, and became rows with the line in `rest`.
        damaged_lines: u64 => "DamagedLines" Count,
        /// Objects that could not be decompressed to their end.
        unreadable: u64 => "UnreadableObjects" Count,
    }
}

impl Compacted {
    /// Adds another part.
    pub fn add(&mut self, other: Self) {
        self.objects += other.objects;
        self.record_bytes += other.record_bytes;
        self.files += other.files;
        self.file_bytes += other.file_bytes;
        self.rows += other.rows;
        self.copies += other.copies;
        self.conflicts += other.conflicts;
        self.damaged_lines += other.damaged_lines;
        self.unreadable += other.unreadable;
    }
}

measured! {
    /// One invocation of forward, which has one destination.
    Forwarded {
        /// SQS messages of the invocation.
        messages: u64 => "Messages" Count,
        /// Messages returned to the queue.
        failed: u64 => "Failed" Count,
        /// Records that the partner accepted.
        sent: u64 => "Sent" Count,
        /// Bytes of their requests' bodies.
        sent_bytes: u64 => "SentBytes" Bytes,
        /// Batches that the partner accepted.
        batches: u64 => "Batches" Count,
        /// POSTs after the first attempt of a batch.
        post_retries: u64 => "PostRetries" Count,
        /// Records without the partner's consent.
        withheld: u64 => "Withheld" Count,
        /// Records of requests that opted out.
        opted_out: u64 => "OptedOut" Count,
        /// Records that the destination does not want.
        skipped: u64 => "Skipped" Count,
        /// Lines that are not records.
        unreadable: u64 => "Unreadable" Count,
        /// Batches that failed in every attempt.
        post_failures: u64 => "PostFailures" Count,
        /// Batches refused by a status that concerns the whole destination.
        blocked: u64 => "Blocked" Count,
        /// Messages sent to the dead letters: refused batches, and objects that are missing or not readable.
        refused: u64 => "Refused" Count,
        /// The lag of the oldest record that the partner accepted; `None` if it accepted none.
        lag: Option<Duration> => "LagSeconds" Seconds,
    }
}

impl Forwarded {
    /// Adds the counts of another message.
    pub fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.failed += other.failed;
        self.sent += other.sent;
        self.sent_bytes += other.sent_bytes;
        self.batches += other.batches;
        self.post_retries += other.post_retries;
        self.withheld += other.withheld;
        self.opted_out += other.opted_out;
        self.skipped += other.skipped;
        self.unreadable += other.unreadable;
        self.post_failures += other.post_failures;
        self.blocked += other.blocked;
        self.refused += other.refused;
        self.lag = self.lag.max(other.lag);
    }
}

impl Ingested {
    /// Counts an answer by its status.
    pub fn answered(&mut self, status: u16) {
        self.requests += 1;
        match status {
            ..400 => self.status_2xx += 1,
            400..500 => self.status_4xx += 1,
            500.. => self.status_5xx += 1,
        }
    }
}

impl Taken {
    /// Adds the outcomes of further payloads.
    pub fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.kept += other.kept;
        self.violations += other.violations;
        self.withheld += other.withheld;
        self.repaired += other.repaired;
    }
}
