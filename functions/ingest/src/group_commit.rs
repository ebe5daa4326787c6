//! Group commit: the records of all requests share messages and calls to SQS.
//!
//! Records wait in one queue. A worker takes as many as one call can carry, sends them, and answers exactly the
//! requests whose records it sent. While a call is under way, arrivals gather for the next one. With no call under way,
//! or only slow ones, a request is a call immediately.

mod pending;
mod send;
mod share;

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spillway_shared::message::MessageId;
use spillway_shared::pool::{Pool, Worker};
use spillway_shared::retry::Attempts;
use tokio::time::{Instant, timeout, timeout_at};

use crate::metrics::Calls;
use crate::pack::{Partition, Piece};
use pending::Pending;
use send::MessageSender;
use share::Share;

/// A call that takes longer is slow, and arrivals no longer wait for it. Most calls to SQS take less.
const SLOW_CALL: Duration = Duration::from_millis(25);

/// Where messages go: one call to SQS.
pub trait SendMessages: Send + Sync + 'static {
    /// Sends at most 10 messages in one call and returns a receipt for each, in their order.
    ///
    /// # Errors
    /// The call as a whole failed: the outcome of every message is unknown.
    fn send(&self, messages: Vec<Outgoing>) -> impl Future<Output = Result<Vec<Receipt>, CallFailed>> + Send;
}

/// One message of a call.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Names the message, the same in every resend.
    pub id: MessageId,
    /// The text of the message.
    pub body: String,
}

/// The outcome of one message in a call that SQS answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// SQS has the message.
    Durable,
    /// SQS refused the message.
    Refused {
        /// Why, for the log.
        reason: String,
        /// Who can repair it.
        cause: Cause,
    },
}

/// A call that failed as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CallFailed {
    /// Why, for the log.
    pub reason: String,
    /// Who can repair it.
    pub cause: Cause,
}

/// What SQS refuses, and therefore whether another attempt may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nothing: it is slow or fails. Another attempt may succeed.
    Transient,
    /// Every call, for example without permission. Attempts are pointless now, but the client's retry succeeds once the
    /// operator has repaired it.
    Access,
    /// These records, for their size or content. However often they are sent, SQS will not take them.
    Records,
}

/// Why a request's records are not known to be durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotEnqueued {
    /// Too many records wait already; none of this request's records was sent.
    #[error("too many records wait for SQS")]
    Full,
    /// SQS did not take everything before the deadline, or refuses all calls.
    #[error("SQS did not take every record")]
    NotTaken,
    /// SQS refused some records for good.
    #[error("SQS refuses some records for good")]
    Refused,
}

/// The limits of a group commit.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The number of records that may wait for a worker.
    pub waiting_records: usize,
    /// The size of a message on the queue, in bytes.
    pub message_bytes: usize,
    /// The number of attempts of a call, and the timeout of each.
    pub attempts: Attempts,
}

/// The records of all requests on their way to SQS.
#[derive(Debug)]
pub struct GroupCommit<S>(Arc<Inner<S>>);

#[derive(Debug)]
struct Inner<S> {
    pending: Mutex<Pending>,
    pool: Pool,
    limits: Limits,
    sender: MessageSender<S>,
}

impl<S> Clone for GroupCommit<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: SendMessages> GroupCommit<S> {
    /// A group commit that sends through `queue`, with at most as many concurrent calls as `pool` has workers.
    pub fn new(queue: S, pool: Pool, limits: Limits) -> Self {
        Self(Arc::new(Inner { pending: Mutex::default(), pool, limits, sender: MessageSender::new(queue, limits) }))
    }

    /// Takes a request's records, NDJSON of one partition, and returns when SQS has acknowledged every one.
    ///
    /// # Errors
    /// Too many records wait already, SQS did not take everything before `deadline`, or it refused some records for
    /// good: some records may be durable then.
    pub async fn enqueue(&self, pieces: Vec<(Partition, String)>, deadline: Instant) -> Result<(), NotEnqueued> {
        let (waiter, acknowledged) = Share::new(deadline);
        for (partition, lines) in pieces {
            self.0.pending().push(Piece { partition, lines: lines.into(), waiter: waiter.clone() }, &self.0.limits)?;
        }
        waiter.acknowledge();
        self.start_worker();
        match timeout_at(deadline, acknowledged).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(NotEnqueued::NotTaken),
        }
    }

    /// The calls to SQS.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        &self.0.sender.calls
    }

    /// Starts a worker if one is needed and the pool has a free one.
    fn start_worker(&self) {
        let mut pending = self.0.pending();
        if pending.needs_worker()
            && let Some(worker) = self.0.pool.try_worker()
        {
            pending.worker_started();
            tokio::spawn(self.clone().work(worker));
        }
    }

    /// Sends as many of the pending records as one call can carry.
    async fn work(self, worker: Worker) {
        // Requests that are ready at this moment join the same call.
        tokio::task::yield_now().await;
        let pieces = self.0.pending().take();
        let mut gathering = Gathering { group_commit: &self, has_ended: false };
        // More records than one call can carry may be left.
        self.start_worker();
        let sender = &self.0.sender;
        let mut calls = pin!(async move {
            sender.send_all(pieces).await;
            drop(worker);
        });
        if timeout(SLOW_CALL, &mut calls).await.is_err() {
            gathering.end();
            calls.await;
        }
    }
}

/// Arrivals gather behind a worker's call until this ends.
struct Gathering<'a, S: SendMessages> {
    group_commit: &'a GroupCommit<S>,
    has_ended: bool,
}

impl<S: SendMessages> Gathering<'_, S> {
    fn end(&mut self) {
        if !std::mem::replace(&mut self.has_ended, true) {
            self.group_commit.0.pending().end_gathering();
        }
        self.group_commit.start_worker();
    }
}

/// The end of a call, a panic included, starts a worker for the records that wait.
impl<S: SendMessages> Drop for Gathering<'_, S> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<S> Inner<S> {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        // No code panics while it holds the lock; after a panic the queue would still be complete.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
