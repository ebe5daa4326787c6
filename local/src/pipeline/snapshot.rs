//! Everything that a page shows of a running pipeline, except the last records.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Pipeline, Status};
use crate::faults::State as Faults;
use crate::outcomes::{Answers, Refusal};
use crate::recent::now_ms;
use crate::runtime::FunctionCounts;
use crate::s3::{Put, Stored};
use crate::sqs::QueueError;
use crate::window::Percentiles;

/// A running pipeline at one moment. Counts cover this run, percentiles the last ten minutes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// When, in milliseconds since 1970.
    pub time: u64,
    /// The counts of `GET /status`.
    pub status: Status,
    /// Requests by class of status.
    pub answers: Answers,
    /// How long ingest takes for a request.
    pub durations: Percentiles,
    /// How long a message is on SQS until its records are stored and it is deleted.
    pub lag: Percentiles,
    /// Bytes of all objects.
    pub stored_bytes: u64,
    /// PUTs to S3.
    pub puts: u64,
    /// What the functions have done.
    pub functions: Functions,
    /// The streams with documents in this run.
    pub streams: Vec<StreamCounts>,
    /// The tables; `None` if no stream has one.
    pub tables: Option<Tables>,
    /// The last rejected payloads and refused documents, the newest first.
    pub refusals: Vec<Refusal>,
    /// The last objects, the newest first.
    pub objects: Vec<Put>,
    /// The faults.
    pub faults: Faults,
}

/// Counts of the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Functions {
    /// Ingest.
    pub ingest: FunctionCounts,
    /// Deliver.
    pub deliver: FunctionCounts,
}

/// Counts of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct StreamCounts {
    /// Its name.
    pub name: String,
    /// Records that SQS acknowledged, kept rejections included.
    pub accepted: u64,
    /// Rejected payloads.
    pub rejected: u64,
    /// Withheld payloads.
    pub withheld: u64,
    /// Records in objects.
    pub stored: u64,
    /// Kept rejections in objects.
    pub kept: u64,
    /// Files of its table.
    pub files: u64,
}

/// The backlog of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tables {
    /// Hours that wait or are being compacted.
    pub waiting: u64,
    /// Hours that failed too often.
    pub dead_lettered: u64,
    /// Compact.
    pub function: FunctionCounts,
}

impl Pipeline {
    /// Everything that a page shows of this pipeline at this moment.
    ///
    /// # Errors
    /// A queue does not report its counts.
    pub async fn snapshot(&self) -> Result<Snapshot, QueueError> {
        let Stored { bytes, puts, .. } = self.bucket.stored();
        Ok(Snapshot {
            time: now_ms(),
            status: self.status().await?,
            answers: self.outcomes.answers(),
            durations: self.outcomes.durations(),
            lag: self.queue.lag(),
            stored_bytes: bytes,
            puts,
            functions: Functions { ingest: self.ingest.counts(), deliver: self.deliver.counts() },
            streams: self.streams(),
            tables: self.tables().await?,
            refusals: self.outcomes.refusals(),
            objects: self.bucket.newest(),
            faults: self.faults.state(),
        })
    }

    fn streams(&self) -> Vec<StreamCounts> {
        let mut streams = BTreeMap::<String, StreamCounts>::new();
        for (name, accepted) in self.ledger.accepted_by_stream().iter() {
            streams.entry(name.to_owned()).or_default().accepted = *accepted;
        }
        for (name, refused) in self.outcomes.by_stream().iter() {
            let stream = streams.entry(name.to_owned()).or_default();
            (stream.rejected, stream.withheld) = (refused.rejected, refused.withheld);
        }
        for (name, stored) in self.bucket.by_stream().iter() {
            let stream = streams.entry(name.to_owned()).or_default();
            (stream.stored, stream.kept, stream.files) = (stored.records, stored.kept, stored.files);
        }
        streams.into_iter().map(|(name, counts)| StreamCounts { name, ..counts }).collect()
    }

    async fn tables(&self) -> Result<Option<Tables>, QueueError> {
        let Some(compaction) = &self.compaction else { return Ok(None) };
        let counts = compaction.queue().counts().await?;
        let waiting = counts.queued + counts.in_flight;
        Ok(Some(Tables { waiting, dead_lettered: counts.dead_lettered, function: compaction.function() }))
    }
}
