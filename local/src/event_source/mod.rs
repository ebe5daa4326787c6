//! An event source mapping: it polls SQS with the real SDK and invokes a function with batches, as Lambda does.
//!
//! [`poll`] receives messages, [`gather`] collects them into a [`batch`] as [`event`] JSON, and [`settle`] invokes the
//! function, decodes its [`batch_response`] and deletes the messages that succeeded. SQS makes the others visible again
//! after the visibility timeout, or dead-letters them.

mod batch;
mod batch_response;
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
use gather::Gatherer;

/// Settings of an event source.
#[derive(Debug, Clone)]
pub struct EventSourceSettings {
    /// The client of SQS, without retries: the event source retries by itself.
    pub client: Client,
    /// The URL of the queue.
    pub queue_url: String,
    /// The ARN of the queue, for events.
    pub queue_arn: String,
    /// The maximum number of messages of one event: 1 to 10,000.
    pub batch_size: usize,
    /// The batching window after the first message; 0 to 300 s on Lambda.
    pub window: Duration,
    /// The number of concurrent invocations; at least 1.
    pub max_concurrency: usize,
    /// The number of concurrent receives; at least 1. Lambda starts with 5.
    pub pollers: usize,
    /// The wait of a long poll; whole seconds, at most 20.
    pub poll_wait: Duration,
}

/// A running event source. It stops when it is dropped; its messages become visible after the visibility timeout.
#[derive(Debug)]
pub struct EventSource {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

/// The state that the tasks of an event source share.
#[derive(Debug)]
struct Shared {
    settings: EventSourceSettings,
    /// The number of messages that were received and are not settled.
    held: AtomicUsize,
    draining: watch::Sender<bool>,
    /// One permit for each concurrent invocation.
    slots: Arc<Semaphore>,
    /// One permit for each batch whose messages are being deleted.
    deletions: Arc<Semaphore>,
}

impl EventSourceSettings {
    /// Batches of up to 10,000 messages, a window of 1 s, one invocation at a time.
    #[must_use]
    pub fn new(client: Client, queue_url: &str, queue_arn: &str) -> Self {
        Self {
            client,
            queue_url: queue_url.to_owned(),
            queue_arn: queue_arn.to_owned(),
            batch_size: 10_000,
            window: Duration::from_secs(1),
            max_concurrency: 1,
            pollers: 5,
            poll_wait: Duration::from_secs(2),
        }
    }
}

impl EventSource {
    /// Starts to receive messages.
    #[must_use]
    pub fn start<I: Invoke>(settings: EventSourceSettings, function: Arc<I>) -> Self {
        let pollers = settings.pollers.max(1);
        let shared = Arc::new(Shared {
            held: AtomicUsize::new(0),
            draining: watch::Sender::new(false),
            slots: Arc::new(Semaphore::new(settings.max_concurrency.max(1))),
            deletions: Arc::new(Semaphore::new(settings.max_concurrency.max(1))),
            settings,
        });
        // At most ten messages for each poller wait in the channel, and each poller holds at most ten more.
        let (sender, received) = mpsc::channel(pollers);
        let mut tasks = JoinSet::new();
        for _ in 0..pollers {
            tasks.spawn(poll::run(Arc::clone(&shared), sender.clone()));
        }
        tasks.spawn(Gatherer::new(Arc::clone(&shared), received, function).run());
        Self { shared, _tasks: tasks }
    }

    /// The number of messages that were received and are not settled. SQS counts them as in flight.
    #[must_use]
    pub fn held(&self) -> usize {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// Shortens the window and waits until the queue is empty, or until `deadline`. Returns whether the queue is empty.
    ///
    /// Call this after the last send. The event source keeps running.
    pub async fn drain(&self, deadline: Instant) -> bool {
        self.shared.draining.send_replace(true);
        tokio::time::timeout_at(deadline, drain::until_empty(&self.shared)).await.is_ok()
    }

    /// Stops immediately and abandons running invocations. Their messages become visible after the visibility timeout.
    pub fn stop(self) {
        drop(self);
    }
}

impl Shared {
    /// Waits until draining starts.
    async fn until_draining(&self) {
        // It never fails, because `self` has the sender.
        let _ = self.draining.subscribe().wait_for(|draining| *draining).await;
    }
}
