//! The destinations of a pipeline, each with its own queue, event source and function processes.

use std::sync::Arc;
use std::time::Duration;

use spillway_shared::destination::{self, Destination};
use spillway_shared::prefixes;
use tokio::time::Instant;

use super::{PipelineError, QueueStorage, Settings, functions, servers, status};
use crate::account::REGION;
use crate::data_folder::DataFolder;
use crate::event_source::{EventSource, EventSourceSettings};
use crate::faults::Faults;
use crate::runtime::Function;
use crate::s3::{Bucket, Rule};
use crate::sqs::{Queue, QueueError, QueueSettings};

/// The most messages of an invocation, as in the template.
const BATCH_SIZE: usize = 10;
/// Receives of a message until it is dead-lettered, as in the template.
const MAX_RECEIVES: u32 = spillway_forward::delay::LAST_RECEIVE;
/// How long a draining pipeline waits for each partner. What is left stays on the queue.
const DRAIN: Duration = Duration::from_secs(10);

/// A destination that runs.
pub struct Running {
    /// Its file.
    pub destination: Destination,
    /// Its queue.
    pub queue: Queue,
    function: Function,
    event_source: EventSource,
}

/// Starts every destination in the folder of the configuration.
pub(super) async fn start(
    settings: &Settings,
    data: &DataFolder,
    bucket: &Bucket,
    faults: &Faults,
) -> Result<Vec<Running>, PipelineError> {
    let mut running = Vec::new();
    for destination in destination::load(&settings.config)? {
        running.push(start_one(settings, data, bucket, faults, destination).await?);
    }
    Ok(running)
}

async fn start_one(
    settings: &Settings,
    data: &DataFolder,
    bucket: &Bucket,
    faults: &Faults,
    destination: Destination,
) -> Result<Running, PipelineError> {
    let queue = Queue::start(queue_settings(settings, data, faults, &destination)).await?;
    let function = Function::start(functions::forward(settings, &destination, &queue, bucket, faults)).await?;
    let source = EventSourceSettings {
        batch_size: BATCH_SIZE,
        window: Duration::ZERO,
        max_concurrency: destination.concurrency as usize,
        ..EventSourceSettings::new(servers::client(settings, &queue.endpoint), &queue.url, &queue.arn)
    };
    let event_source = EventSource::start(source, Arc::new(function.clone()));
    let prefix = settings.variables.get("OBJECT_PREFIX").map_or(prefixes::RECORDS, String::as_str);
    let (prefixes, client) = (destination.prefixes(prefix), servers::client(settings, &queue.endpoint));
    bucket.announce(Rule { prefixes, client, queue_url: queue.url.clone() });
    Ok(Running { destination, queue, function, event_source })
}

fn queue_settings(settings: &Settings, data: &DataFolder, faults: &Faults, destination: &Destination) -> QueueSettings {
    QueueSettings {
        listen: std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0)),
        data: (settings.queue == QueueStorage::Disk).then(|| data.clone()),
        // As in the stack `spillway-NAME`.
        name: format!("spillway-{}-objects", destination.name),
        region: REGION.to_owned(),
        visibility_timeout: 6 * functions::forward_timeout(settings, destination),
        max_receive_count: MAX_RECEIVES,
        max_message_bytes: 256 << 10,
        accepted: None,
        faults: faults.clone(),
    }
}

impl Running {
    /// Its name, and the URL of its queue.
    pub(super) fn named_queue(&self) -> (String, String) {
        (self.destination.name.clone(), self.queue.url.clone())
    }

    /// The current counts.
    ///
    /// # Errors
    /// SQS does not report its counts.
    pub(super) async fn status(&self) -> Result<status::Destination, QueueError> {
        let queue = self.queue.counts().await?;
        Ok(status::Destination::of(&self.destination.name, self.function.metrics(), queue))
    }

    /// Sends what the partner takes soon, and stops. The rest stays on the queue.
    pub(super) async fn drain(self, deadline: Instant) {
        self.event_source.drain(deadline.min(Instant::now() + DRAIN)).await;
        self.event_source.stop();
        self.function.stop().await;
        self.queue.close().await;
    }
}
