//! Sends a worker's messages to SQS, with retries, until each one is acknowledged or given up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use spillway_shared::message::MessageId;
use spillway_shared::retry::{GaveUp, Outcome, Remaining};
use tokio::time::Instant;

use super::share::Share;
use super::{CallFailed, Cause, Limits, Outgoing, Receipt, SendMessages};
use crate::metrics::Calls;
use crate::pack::{Packed, Piece, pack};

/// A call ends this long before the first deadline of the requests that wait for it.
const ANSWER_MARGIN: Duration = Duration::from_millis(50);

/// Sends messages to SQS, with retries.
#[derive(Debug)]
pub(super) struct MessageSender<S> {
    queue: S,
    limits: Limits,
    /// The calls so far.
    pub(super) calls: Calls,
    /// Whether SQS has refused records for good, which is logged once.
    has_refused: AtomicBool,
}

impl<S: SendMessages> MessageSender<S> {
    pub(super) fn new(queue: S, limits: Limits) -> Self {
        Self { queue, limits, calls: Calls::default(), has_refused: AtomicBool::new(false) }
    }

    /// Packs a worker's pieces into calls and makes these one after the other.
    pub(super) async fn send_all(&self, pieces: Vec<Piece<Share>>) {
        for call in pack(pieces, self.limits.message_bytes, |_| MessageId::new(uuid::Uuid::new_v4().as_u128())) {
            self.send(call).await;
        }
    }

    /// Makes a call until every message is acknowledged or given up. The shares in the messages answer their requests.
    async fn send(&self, mut call: Vec<Packed<Share>>) {
        let (mut attempts, mut is_retry) = (self.limits.attempts.begin(), false);
        while let Some(deadline) = first_deadline(&call) {
            match attempts.once(deadline - ANSWER_MARGIN, self.attempt(&mut call, &mut is_retry)).await {
                None => {}
                Some(Ok(())) => return,
                Some(Err(GaveUp::Refused(CallFailed { reason, cause: Cause::Records }))) => {
                    return call.into_iter().for_each(|message| self.refuse(message, &reason));
                }
                Some(Err(error)) => {
                    let (messages, may_go_on) = (call.len(), may_go_on(&attempts, &error));
                    keep(&mut call, |share| may_go_on && share.deadline().is_some_and(|own| own > deadline));
                    if call.is_empty() {
                        tracing::warn!(messages, %error, "SQS did not take messages");
                    }
                }
            }
        }
    }

    /// One attempt, without the messages for which no request waits any more. Messages that were acknowledged or
    /// refused for good leave `call`.
    async fn attempt(&self, call: &mut Vec<Packed<Share>>, is_retry: &mut bool) -> Outcome<(), CallFailed> {
        call.retain(|message| message.waiters.iter().any(Share::is_awaited));
        if call.is_empty() {
            return Outcome::Done(());
        }
        self.calls.count(call.iter().map(|message| message.body.len()).sum(), std::mem::replace(is_retry, true));
        let outgoing = call.iter().map(|message| Outgoing { id: message.id, body: message.body.clone() }).collect();
        match self.queue.send(outgoing).await {
            Ok(receipts) => self.settle(call, receipts),
            Err(failed) if failed.cause == Cause::Transient => Outcome::Again(failed),
            Err(failed) => Outcome::Never(failed),
        }
    }

    /// Acknowledges the durable messages, fails those refused for good, and leaves the others in `call` for a retry.
    fn settle(&self, call: &mut Vec<Packed<Share>>, receipts: Vec<Receipt>) -> Outcome<(), CallFailed> {
        let mut again = None;
        let mut unsettled = Vec::new();
        for (message, receipt) in std::mem::take(call).into_iter().zip(receipts) {
            match receipt {
                Receipt::Durable => message.waiters.into_iter().for_each(Share::acknowledge),
                Receipt::Refused { reason, cause: Cause::Records } => self.refuse(message, &reason),
                Receipt::Refused { reason, cause: Cause::Access } => {
                    tracing::error!(message = %message.id, reason, "SQS refused a message");
                }
                Receipt::Refused { reason, cause: Cause::Transient } => {
                    again = Some(CallFailed { reason, cause: Cause::Transient });
                    unsettled.push(message);
                }
            }
        }
        *call = unsettled;
        again.map_or(Outcome::Done(()), Outcome::Again)
    }

    /// Fails the requests of a message that SQS will never take. The first one is an error in the log: the others
    /// repeat it.
    fn refuse(&self, message: Packed<Share>, reason: &str) {
        if !self.has_refused.swap(true, Ordering::Relaxed) {
            let (bytes, max_message_bytes) = (message.body.len(), self.limits.message_bytes);
            tracing::error!(
                reason,
                bytes,
                max_message_bytes,
                "SQS refuses messages for good; if they are too long, MAX_MESSAGE_BYTES exceeds the queue's maximum \
                 message size: lower it, or raise the queue's MaximumMessageSize"
            );
        }
        message.waiters.into_iter().for_each(Share::refuse);
    }
}

/// The first deadline of the requests that wait for a call; `None` if none waits.
fn first_deadline(call: &[Packed<Share>]) -> Option<Instant> {
    call.iter().flat_map(|message| &message.waiters).filter_map(Share::deadline).min()
}

/// Whether the first deadline ended the attempts: requests with a later deadline then have further attempts.
fn may_go_on(attempts: &Remaining, error: &GaveUp<CallFailed>) -> bool {
    attempts.are_left() && !matches!(error, GaveUp::Refused(_))
}

/// Keeps only these shares, also in messages that several requests share: an expired deadline would end every further
/// attempt before it begins.
fn keep(call: &mut Vec<Packed<Share>>, stays: impl Fn(&Share) -> bool) {
    call.retain_mut(|message| {
        message.waiters.retain(&stays);
        !message.waiters.is_empty()
    });
}
