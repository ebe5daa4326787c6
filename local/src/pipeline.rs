//! The whole pipeline on one machine, with the real functions: front ► ingest ► SQS ► event source ► deliver ► S3.
//!
//! Compact has its own queue and schedule. From S3 records go on to every destination: bucket event ► SQS ► event source ►
//! forward.

mod compaction;
mod destinations;
mod endpoints;
mod files;
mod find;
pub(crate) mod functions;
mod servers;
mod settings;
mod snapshot;
mod status;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use spillway_shared::config::ConfigErrors;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub use compaction::Compaction;
pub use destinations::Running;
pub use endpoints::Endpoints;
pub use settings::{ExternalSqs, QueueStorage, Settings, SettingsError};
pub use snapshot::{Functions, Snapshot, StreamCounts, Tables};
pub use status::{Destination as DestinationStatus, Status};

use crate::account::{CREDENTIAL, REGION};
use crate::data_folder::DataFolder;
use crate::event_source::{EventSource, EventSourceSettings};
use crate::faults::Faults;
use crate::front::{Front, FrontSettings};
use crate::ledger::{Ledger, LedgerError, Report};
use crate::outcomes::Outcomes;
use crate::runtime::{Function, StartError};
use crate::s3::{Bucket, BucketError, BucketSettings, Object};
use crate::sqs::{Calls, MAIN, Queue, QueueError, QueueSettings};

/// A running pipeline. Dropping it stops everything immediately; [`Pipeline::drain`] stops it gracefully.
pub struct Pipeline {
    ledger: Ledger,
    queue: Queue,
    bucket: Bucket,
    ingest: Function,
    deliver: Function,
    event_source: EventSource,
    /// None without tables.
    compaction: Option<Compaction>,
    destinations: Vec<Running>,
    outcomes: Arc<Outcomes<Function>>,
    front: Front,
    faults: Faults,
    settings: Box<Settings>,
    /// Held by a search.
    finding: Mutex<()>,
}

/// The results of a pipeline that was drained.
#[derive(Debug)]
pub struct Drained {
    /// The outcome of every record that SQS acknowledged.
    pub ledger: Report,
    /// The objects of this run.
    pub objects: Vec<Object>,
    /// Calls to SQS.
    pub sqs: Calls,
    /// PUTs to S3.
    pub puts: u64,
}

/// Why a pipeline did not start or could not be drained.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Some settings contradict each other.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The front cannot listen.
    #[error("the front cannot listen on {0}: {1}")]
    Front(SocketAddr, io::Error),
    /// SQS did not start.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// S3 did not start.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// A destination's file is not valid.
    #[error("{0}")]
    Destinations(#[from] ConfigErrors),
    /// A function did not start.
    #[error(transparent)]
    Function(#[from] StartError),
    /// The ledger could not be closed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Pipeline {
    /// Starts the pipeline from its end to its beginning, and returns when it accepts requests.
    ///
    /// # Errors
    /// A part did not start.
    pub async fn start(settings: Settings) -> Result<Self, PipelineError> {
        settings.check()?;
        let faults = Faults::new(settings.faults.clone());
        let data = DataFolder::new(&settings.data);
        let ledger = servers::ledger(&settings, &data)?;
        let bucket = servers::bucket(&settings, || bucket_settings(&settings, &data, &faults)).await?;
        let destinations = Box::pin(destinations::start(&settings, &data, &bucket, &faults)).await?;
        let queue = servers::queue(&settings, || queue_settings(&settings, &data, Some(&ledger), &faults)).await?;
        let deliver = Function::start(functions::deliver(&settings, &queue, &bucket, &faults)).await?;
        let event_source = EventSource::start(event_source_settings(&settings, &queue), Arc::new(deliver.clone()));
        let compaction = Box::pin(Compaction::start(&settings, &bucket, &faults)).await?;
        let ingest = Function::start(functions::ingest(&settings, &queue, &faults)).await?;
        let outcomes = Arc::new(Outcomes::of(ingest.clone()));
        let front = Front::start(front_settings(&settings), Arc::clone(&outcomes)).await;
        let front = front.map_err(|error| PipelineError::Front(settings.listen, error))?;
        Ok(Self {
            ledger,
            queue,
            bucket,
            ingest,
            deliver,
            event_source,
            compaction,
            destinations,
            outcomes,
            front,
            faults,
            settings: Box::new(settings),
            finding: Mutex::default(),
        })
    }

    /// The address that accepts documents.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.front.address()
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// The destinations that run.
    #[must_use]
    pub fn destinations(&self) -> &[Running] {
        &self.destinations
    }

    /// The injected faults, which can be changed at any time.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The function ingest.
    #[must_use]
    pub fn ingest(&self) -> &Function {
        &self.ingest
    }

    /// The function deliver.
    #[must_use]
    pub fn deliver(&self) -> &Function {
        &self.deliver
    }

    /// The compaction of hours; `None` if no stream has a table, or it is switched off.
    #[must_use]
    pub fn compaction(&self) -> Option<&Compaction> {
        self.compaction.as_ref()
    }

    /// The current counts.
    ///
    /// # Errors
    /// SQS does not report its counts.
    pub async fn status(&self) -> Result<Status, QueueError> {
        let (counts, stored) = (self.queue.counts().await?, self.bucket.stored());
        let held = self.event_source.held() as u64;
        let ready = self.ingest.is_ready();
        let status = status::of(ready, &self.outcomes.counts(), self.ledger.accepted(), counts, stored, held);
        let mut destinations = Vec::new();
        for destination in &self.destinations {
            destinations.push(destination.status().await?);
        }
        Ok(Status { destinations, ..status })
    }

    /// The ledger of the records that are accepted by now. It reads the queues and every object.
    ///
    /// # Errors
    /// The objects could not be read at all.
    pub async fn ledger(&self) -> Result<Report, LedgerError> {
        self.ledger.so_far(&self.queue, &self.bucket).await
    }

    /// Whether queued messages outlive this process: on disk or on an external queue.
    #[must_use]
    pub fn keeps_messages(&self) -> bool {
        self.queue.is_external() || self.settings.queue == QueueStorage::Disk
    }

    /// Whether SQS or S3 is external: the ledger is then incomplete.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.queue.is_external() || self.bucket.is_external()
    }

    /// Stops accepting requests, stores the queued records, stops everything and closes the ledger.
    ///
    /// # Errors
    /// The ledger cannot be closed.
    pub async fn drain(self) -> Result<Drained, PipelineError> {
        let deadline = Instant::now() + self.settings.drain_timeout;
        let _ = tokio::time::timeout_at(deadline, self.front.close()).await;
        self.event_source.drain(deadline).await;
        self.event_source.stop();
        self.ingest.stop().await;
        self.deliver.stop().await;
        for destination in self.destinations {
            destination.drain(deadline).await;
        }
        if let Some(compaction) = self.compaction {
            compaction.stop(self.settings.compact_at_end.then_some(deadline)).await;
        }
        let ledger = self.ledger.settle(&self.queue, &self.bucket).await?;
        let mut objects = self.bucket.objects().map_err(LedgerError::from)?;
        objects.retain(|object| object.is_of_this_run);
        let (sqs, puts) = (self.queue.calls(), self.bucket.stored().puts);
        self.queue.close().await;
        self.bucket.close().await;
        Ok(Drained { ledger, objects, sqs, puts })
    }
}

fn front_settings(settings: &Settings) -> FrontSettings {
    FrontSettings {
        kind: settings.front.clone(),
        function_timeout: settings.front_timeout,
        client_timeouts: settings.client_timeouts,
        cors: settings.cors.clone(),
        max_connections: files::of_clients(settings),
        ..FrontSettings::new(settings.listen)
    }
}

pub(crate) fn bucket_settings(settings: &Settings, data: &DataFolder, faults: &Faults) -> BucketSettings {
    BucketSettings {
        listen: settings.s3_listen,
        data: data.clone(),
        name: settings.bucket.clone(),
        access_key: settings.of_sdk("AWS_ACCESS_KEY_ID", CREDENTIAL),
        secret_key: settings.of_sdk("AWS_SECRET_ACCESS_KEY", CREDENTIAL),
        faults: faults.clone(),
    }
}

pub(crate) fn queue_settings(
    settings: &Settings,
    data: &DataFolder,
    ledger: Option<&Ledger>,
    faults: &Faults,
) -> QueueSettings {
    QueueSettings {
        listen: settings.sqs_listen,
        data: (settings.queue == QueueStorage::Disk).then(|| data.clone()),
        name: MAIN.to_owned(),
        region: REGION.to_owned(),
        visibility_timeout: settings.visibility_timeout,
        max_receive_count: settings.max_receive_count,
        max_message_bytes: settings.max_message_bytes(),
        accepted: ledger.map(Ledger::tap),
        faults: faults.clone(),
    }
}

pub(crate) fn event_source_settings(settings: &Settings, queue: &Queue) -> EventSourceSettings {
    let client = servers::client(settings, &queue.endpoint);
    EventSourceSettings {
        batch_size: settings.batch_size,
        window: settings.window,
        max_concurrency: settings.deliver_environments,
        ..EventSourceSettings::new(client, &queue.url, &queue.arn)
    }
}
