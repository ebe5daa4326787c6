//! A call on its way to SQS: sent until every message is acknowledged or given up.

use std::time::Duration;

use spillway_shared::message::MessageId;
use spillway_shared::retry::{GaveUp, Outcome, Remaining};
use tokio::time::Instant;

use super::ticket::Share;
use super::{CallFailed, Limits, Outgoing, Receipt, SendMessages};
use crate::metrics::Calls;
use crate::pack::{Packed, Piece, pack};

/// A call ends so long before the first of the requests that wait for it has to be answered.
const ANSWER_MARGIN: Duration = Duration::from_millis(50);

/// Carries records to SQS.
#[derive(Debug)]
pub(super) struct Carrier<S> {
    sender: S,
    limits: Limits,
    /// The calls so far.
    pub(super) calls: Calls,
}

impl<S: SendMessages> Carrier<S> {
    pub(super) fn new(sender: S, limits: Limits) -> Self {
        Self { sender, limits, calls: Calls::default() }
    }

    /// Packs what a worker took into calls and carries one after the other.
    pub(super) async fn carry_all(&self, pieces: Vec<Piece<Share>>) {
        for call in pack(pieces, self.limits.message_bytes, || MessageId::new(uuid::Uuid::new_v4().as_u128())) {
            self.carry(call).await;
        }
    }

    /// Sends a call until every message is acknowledged or given up. Whoever waits is answered by what happens to their shares.
    async fn carry(&self, mut call: Vec<Packed<Share>>) {
        let (mut tries, mut is_retry) = (self.limits.tries.begin(), false);
        while let Some(deadline) = first_deadline(&call) {
            match tries.once(deadline - ANSWER_MARGIN, self.attempt(&mut call, &mut is_retry)).await {
                None => {}
                Some(Ok(())) => return,
                Some(Err(error)) => {
                    let (messages, may_go_on) = (call.len(), may_go_on(&tries, &error));
                    keep(&mut call, |share| may_go_on && share.deadline().is_some_and(|own| own > deadline));
                    if call.is_empty() {
                        tracing::warn!(messages, %error, "messages not enqueued");
                    }
                }
            }
        }
    }

    /// One call, for those who still wait; what was acknowledged or refused for good leaves `call`.
    async fn attempt(&self, call: &mut Vec<Packed<Share>>, is_retry: &mut bool) -> Outcome<(), CallFailed> {
        call.retain(|message| message.waiters.iter().any(Share::is_awaited));
        if call.is_empty() {
            return Outcome::Done(());
        }
        self.calls.count(call.iter().map(|message| message.body.len()).sum(), std::mem::replace(is_retry, true));
        let outgoing = call.iter().map(|message| Outgoing { id: message.id, body: message.body.clone() }).collect();
        match self.sender.send(outgoing).await {
            Ok(receipts) => settle(call, receipts),
            Err(failed) if failed.for_good => Outcome::Never(failed),
            Err(failed) => Outcome::Again(failed),
        }
    }
}

/// When the first of those who wait has to be answered; nothing if nobody waits.
fn first_deadline(call: &[Packed<Share>]) -> Option<Instant> {
    call.iter().flat_map(|message| &message.waiters).filter_map(Share::deadline).min()
}

/// Whether it was the deadline that ended the tries: those who have more time than that have further tries.
fn may_go_on(tries: &Remaining, error: &GaveUp<CallFailed>) -> bool {
    tries.are_left() && !matches!(error, GaveUp::Refused(_))
}

/// Lets all others go, also out of a message that somebody else waits for: their deadline would end every further try
/// before it begins.
fn keep(call: &mut Vec<Packed<Share>>, stays: impl Fn(&Share) -> bool) {
    call.retain_mut(|message| {
        message.waiters.retain(&stays);
        !message.waiters.is_empty()
    });
}

fn settle(call: &mut Vec<Packed<Share>>, receipts: Vec<Receipt>) -> Outcome<(), CallFailed> {
    let mut again = None;
    let mut left = Vec::new();
    for (message, receipt) in std::mem::take(call).into_iter().zip(receipts) {
        match receipt {
            Receipt::Durable => message.waiters.into_iter().for_each(Share::acknowledge),
            Receipt::Refused { reason, for_good: true } => {
                tracing::error!(message = %message.id, reason, "message refused for good");
            }
            Receipt::Refused { reason, for_good: false } => {
                again = Some(CallFailed { reason, for_good: false });
                left.push(message);
            }
        }
    }
    *call = left;
    again.map_or(Outcome::Done(()), Outcome::Again)
}
