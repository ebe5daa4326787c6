//! The calls to SQS besides the response: deletes stored messages early, and hides failed ones for a delay.
//!
//! These calls are best effort. Lambda deletes a message that is not deleted here, or SQS delivers it again and its
//! object is found stored. A message that is not hidden here comes back after the visibility timeout.

use std::future::{Ready, ready};

use aws_lambda_events::event::sqs::SqsMessage;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{Stream, StreamExt};
use spillway_shared::delay;
use spillway_shared::pool::Pool;
use spillway_shared::retry::{Attempts, GaveUp};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::delay::LONGEST;
use crate::sqs::{CallError, Hidden, MAX_ENTRIES, MessageQueue};

/// What all invocations of a process share to reach the queue.
#[derive(Debug)]
pub struct Settle<Q> {
    queue: Q,
    pool: Pool,
    attempts: Attempts,
}

impl<Q: MessageQueue> Settle<Q> {
    /// Settles messages of `queue`, on workers of `pool`.
    #[must_use]
    pub fn new(queue: Q, pool: Pool, attempts: Attempts) -> Self {
        Self { queue, pool, attempts }
    }

    /// Deletes messages; returns when all calls have ended, at `deadline` at the latest.
    pub fn delete<'a, 'm>(
        &'a self,
        messages: impl Iterator<Item = &'m SqsMessage>,
        deadline: Instant,
    ) -> BoxFuture<'a, ()> {
        let calls = entries(messages.filter_map(handle)).into_iter();
        let calls =
            calls.map(move |handles| async move { self.attempts.run(deadline, || self.queue.delete(&handles)).await });
        let warning = "stored messages could not be deleted: Lambda deletes them, or they are delivered again";
        settled(self.pool.run(calls), deadline, warning).boxed()
    }

    /// Hides failed messages for a time that grows with their receives; returns at `deadline` at the latest.
    pub fn delay<'a, 'm>(
        &'a self,
        messages: impl Iterator<Item = &'m SqsMessage>,
        deadline: Instant,
    ) -> BoxFuture<'a, ()> {
        let calls = entries(messages.filter_map(hidden)).into_iter();
        let calls =
            calls.map(move |hidden| async move { self.attempts.run(deadline, || self.queue.hide(&hidden)).await });
        let warning = "failed messages could not be delayed: they come back after the visibility timeout";
        settled(self.pool.run(calls), deadline, warning).boxed()
    }
}

/// Waits for all calls until the deadline, because another invocation's uploads may occupy the workers.
async fn settled(calls: impl Stream<Item = Result<(), GaveUp<CallError>>>, deadline: Instant, warning: &str) {
    if let Ok(failed) = timeout_at(deadline, calls.filter_map(failure).collect::<Vec<_>>()).await {
        log(&failed, warning);
    } else {
        warn!("{warning}: out of time");
    }
}

/// The entries of each call.
fn entries<T: Clone>(items: impl Iterator<Item = T>) -> Vec<Vec<T>> {
    items.collect::<Vec<_>>().chunks(MAX_ENTRIES).map(<[T]>::to_vec).collect()
}

fn handle(sqs_message: &SqsMessage) -> Option<String> {
    sqs_message.receipt_handle.clone().filter(|handle| !handle.is_empty())
}

fn hidden(sqs_message: &SqsMessage) -> Option<Hidden> {
    let seconds = fastrand::u32(delay::after(delay::receives(&sqs_message.attributes), LONGEST));
    Some(Hidden { handle: handle(sqs_message)?, seconds })
}

fn failure(result: Result<(), GaveUp<CallError>>) -> Ready<Option<GaveUp<CallError>>> {
    ready(result.err())
}

/// Logs one line for all failed calls, with the last one's reason.
fn log(failed: &[GaveUp<CallError>], warning: &str) {
    if let Some(error) = failed.last() {
        warn!(calls = failed.len(), %error, "{warning}");
    }
}
