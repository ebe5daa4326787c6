//! An event source mapping: what Lambda does between SQS and a function, over the real SDK.
//!
//! The way of a message: [`poll`] receives it, [`gather`] puts it into a [`batch`] as [`event`] JSON, [`settle`]
//! invokes the function, reads its [`answer`] and deletes what succeeded. What failed is left alone: SQS shows it
//! again after the visibility timeout, or moves it to the dead-letter queue.

mod answer;
mod batch;
mod client;
mod drain;
mod event;
mod gather;
mod poll;
mod settle;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_sqs::Client;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::invoke::Invoke;
pub use client::{connect, connect_as};
use gather::Gatherer;

/// What an event source is started with.
#[derive(Debug, Clone)]
pub struct EventSourceSettings {
    /// Talks to SQS, wherever that is; its own retries should be off, there are some here.
    pub client: Client,
    /// The queue that is read.
    pub queue_url: String,
    /// Its ARN, as events name it.
    pub queue_arn: String,
    /// Its region, as events name it.
    pub region: String,
    /// Messages of one event: 1 to 10,000.
    pub batch_size: usize,
    /// How long a batch gathers at most after its first message; Lambda takes 0 to 300 s.
    pub window: Duration,
    /// How many invocations run at once; at least 1.
    pub max_concurrency: usize,
    /// How many receive at once; at least 1. Lambda begins with 5.
    pub pollers: usize,
    /// How long a receive waits for the first message; whole seconds, at most 20.
    pub poll_wait: Duration,
}

/// A running event source; it stops when it is dropped, and what it holds comes back after the visibility timeout.
#[derive(Debug)]
pub struct EventSource {
    shared: Arc<Shared>,
    draining: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

/// What the tasks of one event source share.
#[derive(Debug)]
struct Shared {
    settings: EventSourceSettings,
    held: AtomicUsize,
    draining: watch::Receiver<bool>,
    /// Invocations that run.
    slots: Arc<Semaphore>,
    /// Batches whose messages are being deleted.
    deletions: Arc<Semaphore>,
}

impl EventSourceSettings {
    /// A mapping with Lambda's defaults but for the window: batches of 10,000, 1 s, one invocation at once.
    #[must_use]
    pub fn new(client: Client, queue_url: &str, queue_arn: &str) -> Self {
        Self {
            client,
            queue_url: queue_url.to_owned(),
            queue_arn: queue_arn.to_owned(),
            region: queue_arn.split(':').nth(3).unwrap_or_default().to_owned(),
            batch_size: 10_000,
            window: Duration::from_secs(1),
            max_concurrency: 1,
            pollers: 5,
            poll_wait: Duration::from_secs(2),
        }
    }
}

impl EventSource {
    /// Begins to receive.
    #[must_use]
    pub fn start<I: Invoke>(settings: EventSourceSettings, function: Arc<I>) -> Self {
        let (draining, drain) = watch::channel(false);
        let pollers = settings.pollers.max(1);
        let shared = Arc::new(Shared {
            held: AtomicUsize::new(0),
            draining: drain,
            slots: Arc::new(Semaphore::new(settings.max_concurrency.max(1))),
            deletions: Arc::new(Semaphore::new(settings.max_concurrency.max(1))),
            settings,
        });
        // What waits here is bounded: ten messages a poller, and as many in each poller's hands.
        let (sender, received) = mpsc::channel(pollers);
        let mut tasks = JoinSet::new();
        for _ in 0..pollers {
            tasks.spawn(poll::run(Arc::clone(&shared), sender.clone()));
        }
        tasks.spawn(Gatherer::new(Arc::clone(&shared), received, function).run());
        Self { shared, draining, _tasks: tasks }
    }

    /// How many messages were received and are not yet settled: they are among those that SQS counts as in flight.
    #[must_use]
    pub fn held(&self) -> usize {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// Cuts the window short and goes on until the queue is empty and nothing is in flight, or until `deadline`.
    ///
    /// Answers whether the queue is empty. For when nobody sends any more; the event source goes on after it.
    pub async fn drain(&self, deadline: Instant) -> bool {
        self.draining.send_replace(true);
        tokio::time::timeout_at(deadline, drain::until_empty(&self.shared)).await.is_ok()
    }

    /// Stops at once. Running invocations are given up, and what is held comes back after the visibility timeout.
    pub fn stop(self) {
        drop(self);
    }
}

impl Shared {
    /// Returns once the queue is to be drained.
    async fn until_draining(&self) {
        let mut draining = self.draining.clone();
        // When nobody can ask for it any more, everything has ended.
        let _ = draining.wait_for(|draining| *draining).await;
    }

    fn took(&self, messages: usize) {
        self.held.fetch_add(messages, Ordering::Relaxed);
    }

    fn settled(&self, messages: usize) {
        self.held.fetch_sub(messages, Ordering::Relaxed);
    }
}
