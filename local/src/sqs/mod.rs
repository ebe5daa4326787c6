//! SQS on loopback for the real SDK: named queues, each with its dead-letter queue.
//!
//! A call goes through [`service`] to [`messages`], which checks it by [`rules`] and changes the [`store`]: the [`queue`]s
//! in memory, and the journal of their [`changes`] on disk, from which a restart restores them.

mod calls;
mod changes;
mod client;
mod external;
mod faults;
mod messages;
mod protocol;
mod queue;
mod rules;
mod service;
mod store;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use tokio::net::TcpListener;

use crate::account::{CREDENTIAL, REGION};
use crate::data_folder::{DataFolder, DataFolderError};
use crate::faults::Faults;
use crate::journal::JournalError;
use crate::lock::lock;
use crate::loopback::Server;
pub use calls::Calls;
pub use client::{connect, connect_as};
pub(crate) use external::counts as counts_at;
use queue::Redrive;
use service::{Service, now};
use store::Store;

/// The folder of queues and ledger in the data folder.
pub(crate) const FOLDER: &str = ".sqs";
/// The name of the queue from ingest to deliver.
pub(crate) const MAIN: &str = "spillway";
/// Seconds that a message received from a dead-letter queue stays hidden: SQS's default.
const DEAD_LETTER_TIMEOUT: u32 = 30;
/// The maximum size of a message in bytes, as the template sets it (`MaximumMessageSize`).
pub const MAX_MESSAGE_BYTES: usize = 262_144;

/// Settings of a queue.
#[derive(Debug, Clone)]
pub struct QueueSettings {
    /// The address; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The data folder that stores the messages; without it they end with the process.
    pub data: Option<DataFolder>,
    /// The name of the queue; its dead-letter queue is `<name>-dead`.
    pub name: String,
    /// The region in ARNs.
    pub region: String,
    /// The visibility timeout; whole seconds, at most 12 hours.
    pub visibility_timeout: Duration,
    /// The number of receives after which a message is dead-lettered; 1 to 1000.
    pub max_receive_count: u32,
    /// The maximum size of a message in bytes, the attribute `MaximumMessageSize`; at most 1 MiB. The dead-letter queue
    /// takes 1 MiB.
    pub max_message_bytes: usize,
    /// Receives every message before the queue acknowledges it.
    pub accepted: Option<Tap>,
    /// The faults that are injected into calls.
    pub faults: Faults,
}

/// A shared receiver of a queue's messages.
pub type Tap = Arc<dyn Accept>;

/// Receives messages before the queue acknowledges them.
pub trait Accept: std::fmt::Debug + Send + Sync {
    /// Takes the bodies of messages that the queue has stored.
    ///
    /// # Errors
    /// The queue then does not acknowledge the messages, although it has stored them.
    fn accept(&self, bodies: &[&str]) -> io::Result<()>;
}

/// Why a queue did not start.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The server cannot listen on the address.
    #[error("SQS cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] DataFolderError),
    /// The journal cannot be read.
    #[error("the queues cannot be read: {0}")]
    Journal(#[from] JournalError),
    /// The external endpoint did not respond.
    #[error("external SQS endpoint: {0}")]
    External(String),
}

/// Counts of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages that wait to be received, delayed ones included.
    pub queued: u64,
    /// Messages that were received and are not deleted.
    pub in_flight: u64,
    /// Messages in the dead-letter queue.
    pub dead_lettered: u64,
    /// The age of the oldest message in the queue.
    pub oldest: Option<Duration>,
}

/// A built-in queue that is running, or an external one.
#[derive(Debug)]
pub struct Queue {
    /// The endpoint for SDKs, such as `http://127.0.0.1:9003`.
    pub endpoint: String,
    /// The queue's URL.
    pub url: String,
    /// The queue's ARN.
    pub arn: String,
    /// The dead-letter queue's URL; empty for an external queue.
    pub dead_letter_url: String,
    place: Place,
}

/// The server of a built-in queue, or the client of an external one.
#[derive(Debug)]
enum Place {
    BuiltIn(Arc<Service>, Server),
    External(aws_sdk_sqs::Client),
}

impl Queue {
    /// Reads the journal, if the queue has one, creates the queue and its dead-letter queue, and listens.
    ///
    /// # Errors
    /// The queue cannot start.
    pub async fn start(settings: QueueSettings) -> Result<Self, QueueError> {
        let mut store = match &settings.data {
            Some(data) => Store::open(&data.folder(FOLDER)?.join(journal(&settings.name)), now())?,
            None => Store::default(),
        };
        let dead = format!("{}-dead", settings.name);
        create(&mut store, &settings, &dead);
        let failed = |error| QueueError::Listen(settings.listen, error);
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let endpoint = format!("http://{}", listener.local_addr().map_err(failed)?);
        let (listen, name) = (settings.listen, settings.name.clone());
        let service = Arc::new(Service::new(store, endpoint.clone(), settings));
        let shared = Arc::clone(&service);
        let server = Server::start(listener, service_fn(move |request| Arc::clone(&shared).respond(request)));
        Ok(Self {
            endpoint,
            url: service.url(&name),
            arn: service.arn(&name),
            dead_letter_url: service.url(&dead),
            place: Place::BuiltIn(service, server.map_err(|error| QueueError::Listen(listen, error))?),
        })
    }

    /// A queue of an external SQS endpoint. This sends nothing.
    #[must_use]
    pub fn external(endpoint: &str, url: &str, client: aws_sdk_sqs::Client) -> Self {
        let (endpoint, url) = (endpoint.to_owned(), url.to_owned());
        let region = client.config().region().map_or(REGION, AsRef::as_ref);
        let arn = external::arn(&url, region);
        Self { endpoint, url, arn, dead_letter_url: String::new(), place: Place::External(client) }
    }

    /// Whether the queue is external: its acknowledged and queued messages are then unknown.
    #[must_use]
    pub fn is_external(&self) -> bool {
        matches!(self.place, Place::External(_))
    }

    /// The current counts; an external queue does not report its dead letters and its oldest message.
    ///
    /// # Errors
    /// The external endpoint does not respond.
    pub async fn counts(&self) -> Result<Counts, QueueError> {
        let service = match &self.place {
            Place::BuiltIn(service, _) => service,
            Place::External(client) => return external::counts(client, &self.url).await,
        };
        let (mut store, now) = (service.store(), now());
        let dead = store.queue(name_of(&self.dead_letter_url)).numbers(now);
        let queue = store.queue(name_of(&self.url));
        let (oldest, queue) = (queue.oldest(now), queue.numbers(now));
        Ok(Counts {
            queued: (queue.ready + queue.delayed) as u64,
            in_flight: queue.in_flight as u64,
            dead_lettered: (dead.ready + dead.delayed + dead.in_flight) as u64,
            oldest: oldest.map(|sent| Duration::from_millis(now.saturating_sub(sent))),
        })
    }

    /// The calls so far; none for an external queue.
    #[must_use]
    pub fn calls(&self) -> Calls {
        match &self.place {
            Place::BuiltIn(service, _) => *lock(&service.counted),
            Place::External(_) => Calls::default(),
        }
    }

    /// A client of this queue, without retries.
    #[must_use]
    pub fn client(&self) -> aws_sdk_sqs::Client {
        match &self.place {
            Place::BuiltIn(service, _) => connect(&self.endpoint, &service.settings.region, CREDENTIAL),
            Place::External(client) => client.clone(),
        }
    }

    /// Passes the body of every message in the queue to `visit`, also in flight; none of an external queue.
    pub fn each_queued(&self, mut visit: impl FnMut(&str)) {
        self.queued().iter().for_each(|body| visit(body));
    }

    /// Passes the body of every message in the dead-letter queue to `visit`; none of an external queue.
    pub fn each_dead_letter(&self, mut visit: impl FnMut(&str)) {
        self.dead_letters().iter().for_each(|body| visit(body));
    }

    /// The bodies of all messages in the queue, also in flight; none of an external queue.
    #[must_use]
    pub fn queued(&self) -> Vec<Arc<str>> {
        self.bodies(&self.url)
    }

    /// The bodies of all messages in the dead-letter queue; none of an external queue.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<Arc<str>> {
        self.bodies(&self.dead_letter_url)
    }

    fn bodies(&self, url: &str) -> Vec<Arc<str>> {
        let Place::BuiltIn(service, _) = &self.place else { return Vec::new() };
        let body = |message: &queue::Message| Arc::clone(&message.body);
        service.store().queue(name_of(url)).messages().map(body).collect()
    }

    /// Finishes running requests, for at most a second, and stops listening.
    pub async fn close(self) {
        if let Place::BuiltIn(_, server) = self.place {
            server.close(Duration::from_secs(1)).await;
        }
    }
}

/// The file of a queue's journal.
fn journal(name: &str) -> String {
    if name == MAIN { "journal".to_owned() } else { format!("journal-{name}") }
}

/// Creates the queue and its dead-letter queue, or gives those of an earlier run these settings.
fn create(store: &mut Store, settings: &QueueSettings, dead: &str) {
    let visibility_timeout = u32::try_from(settings.visibility_timeout.as_secs()).unwrap_or(u32::MAX);
    let redrive = Redrive { dead_letters: dead.to_owned(), max_receives: settings.max_receive_count };
    store.create(dead, DEAD_LETTER_TIMEOUT, None);
    store.create(&settings.name, visibility_timeout, Some(redrive));
}

fn arn(region: &str, account: &str, name: &str) -> String {
    format!("arn:aws:sqs:{region}:{account}:{name}")
}

fn name_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}
