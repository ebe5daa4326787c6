//! SQS, S3 and the event source alone, for functions that run outside this server, such as under `cargo lambda watch`.

use std::sync::Arc;

use hyper::Uri;
use spillway_shared::metrics::emf::METRICS;

use crate::data_folder::DataFolder;
use crate::event_source::EventSource;
use crate::faults::Faults;
use crate::pipeline::functions::{SDK, absolute, write_keys};
use crate::pipeline::{PipelineError, Settings, bucket_settings, event_source_settings, queue_settings};
use crate::remote::RemoteFunction;
use crate::s3::Bucket;
use crate::sqs::Queue;

/// Running backends. Dropping them stops them; objects stay, and so do messages if the queue is on disk.
#[derive(Debug)]
pub struct Backends {
    queue: Queue,
    bucket: Bucket,
    _event_source: EventSource,
    settings: Settings,
}

impl Backends {
    /// Starts SQS and S3, and invokes the function at `deliver` with batches.
    ///
    /// The timeout of an invocation is the visibility timeout, after which SQS makes its messages visible anyway.
    ///
    /// # Errors
    /// A part did not start.
    pub async fn start(settings: Settings, deliver: Uri) -> Result<Self, PipelineError> {
        let faults = Faults::new(settings.faults.clone());
        let data = DataFolder::new(&settings.data);
        let bucket = Bucket::start(bucket_settings(&settings, &data, &faults)).await?;
        let queue = Queue::start(queue_settings(&settings, &data, None, &faults)).await?;
        let function = Arc::new(RemoteFunction::new(deliver, settings.visibility_timeout));
        let event_source = EventSource::start(event_source_settings(&settings, &queue), function);
        Ok(Self { queue, bucket, _event_source: event_source, settings })
    }

    /// The environment variables with which both functions use these backends.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("QUEUE_URL", self.queue.url.clone()),
            ("AWS_ENDPOINT_URL_SQS", self.queue.endpoint.clone()),
            ("BUCKET", self.settings.bucket.clone()),
            ("AWS_ENDPOINT_URL_S3", self.bucket.endpoint.clone()),
            ("CONFIG_DIR", absolute(&self.settings.config)),
            ("WRITE_KEYS", write_keys(&self.settings)),
            (METRICS, "none".to_owned()),
        ];
        variables.extend(SDK.map(|(name, value)| (name, value.to_owned())));
        variables
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
}
