//! What SQS is told of a batch beside the answer: stored messages are deleted, failed ones come back later.
//!
//! All of it is best effort. A message that is not deleted here is deleted by Lambda, or comes again and is found
//! stored; one that is not hidden here comes back after the visibility timeout.

use std::future::{Ready, ready};

use aws_lambda_events::event::sqs::SqsMessage;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{Stream, StreamExt};
use spillway_shared::pool::Pool;
use spillway_shared::retry::{GaveUp, Tries};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::delay;
use crate::sqs::{CallError, Hidden, MAX_ENTRIES, MessageQueue};

/// The way back to the queue, shared by all invocations of a process.
#[derive(Debug)]
pub struct Settle<Q> {
    queue: Q,
    pool: Pool,
    tries: Tries,
}

impl<Q: MessageQueue> Settle<Q> {
    /// The way to `queue`, on workers of `pool`.
    #[must_use]
    pub fn new(queue: Q, pool: Pool, tries: Tries) -> Self {
        Self { queue, pool, tries }
    }

    /// Deletes messages before `deadline`, and ends when that is known or given up.
    pub fn delete<'a, 'm>(
        &'a self,
        messages: impl Iterator<Item = &'m SqsMessage>,
        deadline: Instant,
    ) -> BoxFuture<'a, ()> {
        let calls = calls(messages.filter_map(handle)).into_iter();
        let calls = calls.map(move |some| async move { self.tries.run(deadline, || self.queue.delete(&some)).await });
        let what = "messages that are stored could not be deleted: Lambda deletes them, or they come again";
        settled(self.pool.run(calls), deadline, what).boxed()
    }

    /// Hides failed messages for a time that grows with their receives; tried until `deadline`.
    pub fn delay<'a, 'm>(
        &'a self,
        messages: impl Iterator<Item = &'m SqsMessage>,
        deadline: Instant,
    ) -> BoxFuture<'a, ()> {
        let calls = calls(messages.filter_map(hidden)).into_iter();
        let calls = calls.map(move |some| async move { self.tries.run(deadline, || self.queue.hide(&some)).await });
        let what = "failed messages could not be delayed: they come back after the visibility timeout";
        settled(self.pool.run(calls), deadline, what).boxed()
    }
}

/// Waits for all calls, but not beyond the deadline: the workers may be busy with another invocation's objects.
async fn settled(calls: impl Stream<Item = Result<(), GaveUp<CallError>>>, deadline: Instant, what: &str) {
    if let Ok(failed) = timeout_at(deadline, calls.filter_map(failure).collect::<Vec<_>>()).await {
        log(&failed, what);
    } else {
        warn!("{what}: there was no time left");
    }
}

/// As many as one call takes, and again.
fn calls<T: Clone>(items: impl Iterator<Item = T>) -> Vec<Vec<T>> {
    items.collect::<Vec<_>>().chunks(MAX_ENTRIES).map(<[T]>::to_vec).collect()
}

fn handle(sqs_message: &SqsMessage) -> Option<String> {
    sqs_message.receipt_handle.clone().filter(|handle| !handle.is_empty())
}

fn hidden(sqs_message: &SqsMessage) -> Option<Hidden> {
    let seconds = fastrand::u32(delay::after(delay::receives(sqs_message)));
    Some(Hidden { handle: handle(sqs_message)?, seconds })
}

fn failure(result: Result<(), GaveUp<CallError>>) -> Ready<Option<GaveUp<CallError>>> {
    ready(result.err())
}

/// One line for all calls that failed, with the last one's reason.
fn log(failed: &[GaveUp<CallError>], what: &str) {
    if let Some(error) = failed.last() {
        warn!(calls = failed.len(), %error, "{what}");
    }
}
