//! Collects received messages into batches, and holds at most one batch while all invocations are busy.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::batch::Batch;
use super::{Shared, settle};
use crate::invoke::Invoke;

/// The batching window while the queue is drained.
const DRAIN_WINDOW: Duration = Duration::from_millis(100);

/// Collects messages into batches and starts an invocation for each batch.
pub(super) struct Gatherer<I> {
    shared: Arc<Shared>,
    received: mpsc::Receiver<Vec<Message>>,
    /// Messages that are not yet in a batch.
    waiting: VecDeque<Message>,
    function: Arc<I>,
    invocations: JoinSet<()>,
}

impl<I: Invoke> Gatherer<I> {
    pub(super) fn new(shared: Arc<Shared>, received: mpsc::Receiver<Vec<Message>>, function: Arc<I>) -> Self {
        Self { shared, received, waiting: VecDeque::new(), function, invocations: JoinSet::new() }
    }

    /// Runs until all pollers have ended.
    pub(super) async fn run(mut self) {
        while self.has_message().await {
            let mut batch = Batch::new(self.shared.settings.batch_size);
            self.fill_until_due(&mut batch).await;
            let slot = self.fill_until_slot(&mut batch).await;
            let shared = Arc::clone(&self.shared);
            self.invocations.spawn(settle::run(shared, Arc::clone(&self.function), batch, slot));
            while self.invocations.try_join_next().is_some() {}
        }
    }

    async fn has_message(&mut self) -> bool {
        if self.waiting.is_empty() {
            self.waiting.extend(self.received.recv().await.unwrap_or_default());
        }
        !self.waiting.is_empty()
    }

    /// Fills the batch until it is full or its window ends.
    async fn fill_until_due(&mut self, batch: &mut Batch) {
        let due = due(Arc::clone(&self.shared), batch.started);
        tokio::pin!(due);
        while self.take_waiting(batch) {
            tokio::select! {
                () = &mut due => return,
                Some(messages) = self.received.recv() => self.waiting.extend(messages),
            }
        }
    }

    /// Fills the batch further while all invocations are busy.
    async fn fill_until_slot(&mut self, batch: &mut Batch) -> Option<OwnedSemaphorePermit> {
        let slot = Arc::clone(&self.shared.slots).acquire_owned();
        tokio::pin!(slot);
        loop {
            let has_room = self.take_waiting(batch);
            tokio::select! {
                biased;
                slot = &mut slot => return slot.ok(),
                Some(messages) = self.received.recv(), if has_room => self.waiting.extend(messages),
            }
        }
    }

    /// Adds waiting messages to the batch; returns whether the batch has room for more.
    fn take_waiting(&mut self, batch: &mut Batch) -> bool {
        while let Some(message) = self.waiting.pop_front() {
            if let Some(message) = batch.add(message, &self.shared.settings.queue_arn) {
                self.waiting.push_front(message);
                return false;
            }
        }
        !batch.is_full()
    }
}

/// Waits for the end of a batch's window.
async fn due(shared: Arc<Shared>, started: Instant) {
    let window = shared.settings.window;
    tokio::select! {
        () = sleep_until(started + window) => {}
        () = shared.until_draining() => sleep_until(started + DRAIN_WINDOW.min(window)).await,
    }
}
