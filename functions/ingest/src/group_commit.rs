//! From a request's records to "durable": group commit.
//!
//! Records of all requests wait in one line. A worker takes what is there, up to the limits of a call, and answers for
//! exactly the requests whose records it carried. While it is away, arrivals gather until they are worth a call of their
//! own. Nobody waits for company that may not come: where no call is under way, or only slow ones, a request is a call at
//! once. Only where requests do come together, the next call begins a moment after the last one did.

mod carry;
mod line;
mod ticket;

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spillway_shared::message::MessageId;
use spillway_shared::pool::{Pool, Worker};
use spillway_shared::retry::Attempts;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::metrics::Calls;
use crate::pack::{Partition, Piece};
use carry::Carrier;
use line::Line;
use ticket::{Share, Ticket};

/// Arrivals gather behind a call for so long; most calls to SQS take less.
const PATIENCE: Duration = Duration::from_millis(25);

/// Where requests share calls, two of them begin at least so far apart.
///
/// SQS in a region takes longer than that anyway. Where it does not, as on one's own machine, a call for every handful of
/// documents would be a third of what both functions spend at half of their knee.
const SPACING: Duration = Duration::from_millis(1);

/// Where messages go: one call to SQS.
pub trait SendMessages: Send + Sync + 'static {
    /// Sends at most 10 messages in one call and says of each, in their order, what became of it.
    ///
    /// # Errors
    /// The call as a whole failed: nothing is known of any message.
    fn send(&self, messages: Vec<Outgoing>) -> impl Future<Output = Result<Vec<Receipt>, CallFailed>> + Send;
}

/// One message of a call.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Names the message, the same in every resend.
    pub id: MessageId,
    /// Its text.
    pub body: String,
}

/// What became of one message of a call that SQS took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// SQS has it.
    Durable,
    /// SQS did not take it.
    Refused {
        /// Why, for the log.
        reason: String,
        /// Whether it is the message itself that SQS will never take.
        for_good: bool,
    },
}

/// A call that failed as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CallFailed {
    /// Why, for the log.
    pub reason: String,
    /// Whether another try cannot help.
    pub for_good: bool,
}

/// Why a request's records are not known to be durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotEnqueued {
    /// Too many records wait already; none of these was sent.
    #[error("the queue inside is full")]
    Full,
    /// SQS did not take everything before the deadline, or refused.
    #[error("SQS did not take everything")]
    NotTaken,
}

/// The limits that a queue keeps.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many records may wait for a worker.
    pub waiting_records: usize,
    /// How large a message may be.
    pub message_bytes: usize,
    /// How often and how long one call is tried.
    pub tries: Attempts,
}

/// The records of all requests on their way to SQS.
#[derive(Debug)]
pub struct GroupCommit<S>(Arc<Inner<S>>);

#[derive(Debug)]
struct Inner<S> {
    line: Mutex<Line>,
    pool: Pool,
    limits: Limits,
    carrier: Carrier<S>,
}

impl<S> Clone for GroupCommit<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: SendMessages> GroupCommit<S> {
    /// A queue before `sender`, with at most as many calls at once as `pool` has workers.
    pub fn new(sender: S, pool: Pool, limits: Limits) -> Self {
        Self(Arc::new(Inner { line: Mutex::default(), pool, limits, carrier: Carrier::new(sender, limits) }))
    }

    /// Takes a request's records, NDJSON of one partition, and returns when SQS has acknowledged every one.
    ///
    /// # Errors
    /// The queue inside is full, or SQS did not take everything before `deadline`; some may be durable all the same.
    pub async fn enqueue(&self, partition: Partition, lines: String, deadline: Instant) -> Result<(), NotEnqueued> {
        let (ticket, answer) = Ticket::new(deadline);
        let piece = Piece { partition, lines: lines.into(), waiter: Share::of(ticket) };
        self.0.line().join(piece, &self.0.limits)?;
        self.hire();
        match timeout_at(deadline, answer).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(NotEnqueued::NotTaken),
        }
    }

    /// The calls to SQS.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        &self.0.carrier.calls
    }

    /// Sets a worker to work, if it is worth it and one is free.
    fn hire(&self) {
        let mut line = self.0.line();
        if line.is_worth_a_worker()
            && let Some(worker) = self.0.pool.try_worker()
        {
            line.call();
            tokio::spawn(self.clone().work(worker));
        }
    }

    /// Carries what waits, as far as one call holds it, and looks whether there is more.
    async fn work(self, worker: Worker) {
        let _next = Next(&self);
        // Requests that are ready in this very moment join the same call.
        tokio::task::yield_now().await;
        let pieces = self.0.line().take();
        // What is left is more than one call holds.
        self.hire();
        let (is_shared, next) = (pieces.len() > 1, Instant::now() + SPACING);
        let calls = async {
            self.0.carrier.carry_all(pieces).await;
            drop(worker);
            if is_shared {
                sleep_until(next).await;
            }
        };
        self.while_expected(calls).await;
    }

    /// Waits for a worker's calls; when they take too long, others no longer wait for it as well.
    async fn while_expected(&self, calls: impl Future<Output = ()>) {
        let expected = Expected(&self.0.line);
        let mut calls = std::pin::pin!(calls);
        if timeout(PATIENCE, &mut calls).await.is_err() {
            drop(expected);
            self.hire();
            calls.await;
        }
    }
}

/// Looks for more when it is dropped, also by a panic: those who wait in line do not pay for it.
struct Next<'a, S: SendMessages>(&'a GroupCommit<S>);

impl<S: SendMessages> Drop for Next<'_, S> {
    fn drop(&mut self) {
        self.0.hire();
    }
}

/// A worker that is expected back soon, as long as this lives.
struct Expected<'a>(&'a Mutex<Line>);

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).do_not_expect();
    }
}

impl<S> Inner<S> {
    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing panics while the line is held; if it did, the line would still be whole.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
