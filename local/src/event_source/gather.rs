//! Gathers what is received into batches, and holds no more than one of them while all invocations are busy.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::Message;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::batch::Batch;
use super::event::Source;
use super::{Shared, settle};
use crate::invoke::Invoke;

/// The window while the queue is drained: long enough to fill a batch, too short to be waited for.
const DRAIN_WINDOW: Duration = Duration::from_millis(100);

/// Makes batches of messages and starts an invocation for each.
pub(super) struct Gatherer<I> {
    shared: Arc<Shared>,
    received: mpsc::Receiver<Vec<Message>>,
    /// Messages that are in no batch yet.
    waiting: VecDeque<Message>,
    function: Arc<I>,
    invocations: JoinSet<()>,
}

impl<I: Invoke> Gatherer<I> {
    pub(super) fn new(shared: Arc<Shared>, received: mpsc::Receiver<Vec<Message>>, function: Arc<I>) -> Self {
        Self { shared, received, waiting: VecDeque::new(), function, invocations: JoinSet::new() }
    }

    /// Runs until nobody receives any more.
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

    /// Fills a batch until it is full or its window is over.
    async fn fill_until_due(&mut self, batch: &mut Batch) {
        let due = due(Arc::clone(&self.shared), batch.begun);
        tokio::pin!(due);
        while self.take_waiting(batch) {
            tokio::select! {
                () = &mut due => return,
                Some(messages) = self.received.recv() => self.waiting.extend(messages),
            }
        }
    }

    /// Goes on to fill it while all invocations are busy.
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

    /// Puts waiting messages into the batch; answers whether it has room for more.
    fn take_waiting(&mut self, batch: &mut Batch) -> bool {
        let settings = &self.shared.settings;
        let source = Source { arn: &settings.queue_arn, region: &settings.region };
        while let Some(message) = self.waiting.pop_front() {
            if let Some(message) = batch.add(message, source) {
                self.waiting.push_front(message);
                return false;
            }
        }
        !batch.is_full()
    }
}

/// Ends with the window of a batch.
async fn due(shared: Arc<Shared>, begun: Instant) {
    let window = shared.settings.window;
    tokio::select! {
        () = sleep_until(begun + window) => {}
        () = shared.until_draining() => sleep_until(begun + DRAIN_WINDOW.min(window)).await,
    }
}
