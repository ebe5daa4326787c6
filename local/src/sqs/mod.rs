//! SQS on loopback: one queue with its dead-letter queue, in memory, spoken to by the real SDK over HTTP.
//!
//! The emulator is `rustack-sqs-core`; [`service`] stands before it and closes its gaps by [`rules`].

mod calls;
mod early;
mod elsewhere;
mod harm;
mod refusal;
mod remains;
mod rules;
mod send;
mod service;
mod tap;
mod track;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Region};
use rustack_sqs_core::config::SqsConfig;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_core::queue::queue_arn;
use rustack_sqs_model::error::SqsError as EmulatorError;
use rustack_sqs_model::input::{CreateQueueInput, GetQueueAttributesInput};
use tokio::net::TcpListener;

use crate::account::{ACCOUNT, REGION};
use crate::faults::Faults;
use crate::loopback::Server;
pub use calls::Calls;
use service::Service;
pub use tap::Tap;

/// What a queue is started with.
#[derive(Debug, Clone)]
pub struct QueueSettings {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The queue's name; its dead-letter queue is `<name>-dead`.
    pub name: String,
    /// The region in ARNs.
    pub region: String,
    /// How long a received message stays hidden; whole seconds, at most 12 hours.
    pub visibility_timeout: Duration,
    /// After so many receives a message goes to the dead-letter queue; 1 to 1000.
    pub max_receive_count: u32,
    /// Takes the body of every message that the queue acknowledged to a sender.
    pub accepted: Option<Tap>,
    /// What goes wrong on purpose.
    pub faults: Faults,
}

/// Why a queue did not start.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The address cannot be listened on.
    #[error("SQS cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// The emulator refused.
    #[error("SQS: {0}")]
    Emulator(String),
    /// The server elsewhere did not answer.
    #[error("SQS elsewhere: {0}")]
    Elsewhere(String),
}

/// How many messages are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages that wait to be received, delayed ones included.
    pub queued: u64,
    /// Messages that were received and not yet deleted.
    pub in_flight: u64,
    /// Messages in the dead-letter queue.
    pub dead_lettered: u64,
    /// How long ago the oldest message that is still in the queue was sent.
    pub oldest: Option<Duration>,
}

/// A running queue; it forgets its messages when it is dropped.
#[derive(Debug)]
pub struct Queue {
    /// Where the SDK finds it: `http://127.0.0.1:port`.
    pub endpoint: String,
    /// The queue's URL.
    pub url: String,
    /// The queue's ARN.
    pub arn: String,
    /// The dead-letter queue's URL.
    pub dead_letter_url: String,
    place: Place,
}

/// Where a queue is.
#[derive(Debug)]
enum Place {
    Here(Arc<Service>, Server),
    /// On a server that somebody else runs.
    Elsewhere(aws_sdk_sqs::Client),
}

impl Queue {
    /// Listens, and creates the queue and its dead-letter queue.
    ///
    /// # Errors
    /// Why it cannot run.
    pub async fn start(settings: QueueSettings) -> Result<Self, QueueError> {
        let failed = |error| QueueError::Listen(settings.listen, error);
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let emulator = emulator(address, &settings.region);
        let (url, dead_letter_url) = create(&emulator, &settings).await?;
        let arn = queue_arn(&settings.region, ACCOUNT, &settings.name);
        let service = Arc::new(Service::new(emulator, settings));
        let server = Server::start(listener, Arc::clone(&service).http()).map_err(QueueError::emulator)?;
        Ok(Self {
            endpoint: format!("http://{address}"),
            url,
            arn,
            dead_letter_url,
            place: Place::Here(service, server),
        })
    }

    /// A queue on a server that somebody else runs; nothing is sent yet.
    #[must_use]
    pub fn elsewhere(endpoint: &str, url: &str, client: aws_sdk_sqs::Client) -> Self {
        let (endpoint, url) = (endpoint.to_owned(), url.to_owned());
        let region = client.config().region().map_or(REGION, AsRef::as_ref);
        let arn = elsewhere::arn(&url, region);
        Self { endpoint, url, arn, dead_letter_url: String::new(), place: Place::Elsewhere(client) }
    }

    /// Whether somebody else runs it: what it acknowledged and what is left in it is not known here then.
    #[must_use]
    pub fn is_external(&self) -> bool {
        matches!(self.place, Place::Elsewhere(_))
    }

    /// How many messages are where, now; a queue elsewhere does not tell of its dead letters and of its oldest message.
    ///
    /// # Errors
    /// The emulator has ended, or the server elsewhere does not answer.
    pub async fn counts(&self) -> Result<Counts, QueueError> {
        let service = match &self.place {
            Place::Here(service, _) => service,
            Place::Elsewhere(client) => return elsewhere::counts(client, &self.url).await,
        };
        let queue = attributes(&service.emulator, &self.url).await?;
        let dead = attributes(&service.emulator, &self.dead_letter_url).await?;
        let of = |map: &HashMap<String, String>, name: &str| map.get(name).and_then(|n| n.parse().ok()).unwrap_or(0);
        let waiting = |map| of(map, "ApproximateNumberOfMessages") + of(map, "ApproximateNumberOfMessagesDelayed");
        let hidden = |map| of(map, "ApproximateNumberOfMessagesNotVisible");
        Ok(Counts {
            queued: waiting(&queue),
            in_flight: hidden(&queue),
            dead_lettered: waiting(&dead) + hidden(&dead),
            oldest: service.track().oldest(),
        })
    }

    /// The calls to it so far, as AWS bills them; nothing is known of a queue elsewhere.
    #[must_use]
    pub fn calls(&self) -> Calls {
        match &self.place {
            Place::Here(service, _) => service.counted.read(),
            Place::Elsewhere(_) => Calls::default(),
        }
    }

    /// A client that talks to this queue: without signatures, which nobody checks here, and without retries.
    #[must_use]
    pub fn client(&self) -> aws_sdk_sqs::Client {
        let service = match &self.place {
            Place::Here(service, _) => service,
            Place::Elsewhere(client) => return client.clone(),
        };
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.endpoint)
            .region(Region::new(service.region().to_owned()))
            .retry_config(RetryConfig::disabled())
            .allow_no_auth()
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }

    /// Answers what is running, for at most a second, and stops listening.
    pub async fn close(self) {
        if let Place::Here(service, server) = self.place {
            server.close(Duration::from_secs(1)).await;
            service.emulator.shutdown_all().await;
        }
    }
}

impl QueueError {
    fn emulator(error: impl std::fmt::Display) -> Self {
        Self::Emulator(error.to_string())
    }
}

impl From<EmulatorError> for QueueError {
    fn from(error: EmulatorError) -> Self {
        Self::emulator(error)
    }
}

fn emulator(address: SocketAddr, region: &str) -> RustackSqs {
    RustackSqs::new(SqsConfig {
        skip_signature_validation: true,
        default_region: region.to_owned(),
        account_id: ACCOUNT.to_owned(),
        host: address.ip().to_string(),
        port: address.port(),
    })
}

/// Creates both queues; answers their URLs.
async fn create(emulator: &RustackSqs, settings: &QueueSettings) -> Result<(String, String), QueueError> {
    let dead = format!("{}-dead", settings.name);
    let policy = serde_json::json!({
        "deadLetterTargetArn": queue_arn(&settings.region, ACCOUNT, &dead),
        "maxReceiveCount": settings.max_receive_count,
    });
    let attributes = HashMap::from([
        ("VisibilityTimeout".to_owned(), settings.visibility_timeout.as_secs().to_string()),
        ("RedrivePolicy".to_owned(), policy.to_string()),
    ]);
    let dead_letter_url = create_one(emulator, dead, HashMap::new()).await?;
    let url = create_one(emulator, settings.name.clone(), attributes).await?;
    Ok((url, dead_letter_url))
}

async fn create_one(
    emulator: &RustackSqs,
    queue_name: String,
    attributes: HashMap<String, String>,
) -> Result<String, QueueError> {
    let input = CreateQueueInput { queue_name, attributes, ..CreateQueueInput::default() };
    Ok(emulator.create_queue(input).await?.queue_url.unwrap_or_default())
}

async fn attributes(emulator: &RustackSqs, url: &str) -> Result<HashMap<String, String>, QueueError> {
    let input = GetQueueAttributesInput { queue_url: url.to_owned(), attribute_names: vec!["All".to_owned()] };
    Ok(emulator.get_queue_attributes(input).await?.attributes)
}
