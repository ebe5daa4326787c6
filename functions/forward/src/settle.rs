//! What happens to a message: it is done, comes back later, or is replaced by messages for what is missing.

use std::ops::Range;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsMessage;
use spillway_shared::delay;
use spillway_shared::retry::Attempts;
use tokio::time::Instant;
use tracing::warn;

use crate::delay::{LAST_RECEIVE, LONGEST};
use crate::ended::{Dead, Ended};
use crate::event::{Part, Work};
use crate::sqs::{MAX_ENTRIES, Queue, To};

/// Settles the messages of a queue.
#[derive(Debug)]
pub struct Settle<Q> {
    queue: Q,
    attempts: Attempts,
}

impl<Q: Queue> Settle<Q> {
    /// Settles messages of `queue`.
    #[must_use]
    pub fn new(queue: Q, attempts: Attempts) -> Self {
        Self { queue, attempts }
    }

    /// Settles one message by `deadline`, and returns whether SQS may delete it.
    ///
    /// Everything that is still needed is on a queue before it is deleted.
    pub async fn settle(&self, message: &SqsMessage, work: &Work, ended: &Ended, deadline: Instant) -> bool {
        let receives = work.receives.saturating_add(delay::receives(&message.attributes));
        let seconds = seconds(receives, ended);
        if !self.bury(&work.key, &ended.dead, deadline).await {
            return self.hide(message, seconds, deadline).await;
        }
        let parts: Vec<_> = ended.parts.iter().map(|lines| Part::of(&work.key, lines.clone()).body()).collect();
        if !self.send(To::Queue, &parts, 0, deadline).await {
            return self.hide(message, seconds, deadline).await;
        }
        if ended.rest.is_empty() {
            return true;
        }
        if receives >= LAST_RECEIVE {
            return self.bury(&work.key, &expired(ended), deadline).await;
        }
        // The message as it is keeps its receives. It is replaced if some of it is done, or only time was missing.
        let is_whole = !ended.is_partly_done && ended.dead.is_empty() && ended.parts.is_empty();
        if is_whole && ended.failure.is_some() {
            return self.hide(message, seconds, deadline).await;
        }
        let rest: Vec<_> = ended.rest.iter().map(|lines| rest(work, lines, receives, ended)).collect();
        if self.send(To::Queue, &rest, seconds.min(LONGEST), deadline).await {
            return true;
        }
        self.hide(message, seconds, deadline).await
    }

    /// Sends a message that is not understood to the dead letters, and returns whether SQS may delete it.
    pub async fn bury_unread(&self, message: &SqsMessage, deadline: Instant) -> bool {
        let body = message.body.clone().unwrap_or_default();
        self.send(To::DeadLetters, &[body], 0, deadline).await
    }

    async fn bury(&self, key: &str, dead: &[Dead], deadline: Instant) -> bool {
        let body = |dead: &Dead| {
            Part { status: dead.status, reason: Some(dead.reason.clone()), ..Part::of(key, dead.lines.clone()) }.body()
        };
        let bodies: Vec<_> = dead.iter().map(body).collect();
        self.send(To::DeadLetters, &bodies, 0, deadline).await
    }

    async fn send(&self, to: To, bodies: &[String], delay: u32, deadline: Instant) -> bool {
        for bodies in bodies.chunks(MAX_ENTRIES) {
            if let Err(error) = self.attempts.run(deadline, || self.queue.send(to, bodies, delay)).await {
                warn!(%error, "messages could not be sent: the message that they replace comes back");
                return false;
            }
        }
        true
    }

    /// Hides a message until its next receive; `false`, because it is not done.
    async fn hide(&self, message: &SqsMessage, seconds: u32, deadline: Instant) -> bool {
        if let Some(handle) = message.receipt_handle.as_deref().filter(|handle| !handle.is_empty()) {
            let hidden = self.attempts.run(deadline, || self.queue.hide(handle, seconds)).await;
            if let Err(error) = hidden {
                warn!(%error, "a failed message could not be delayed: it comes back after the visibility timeout");
            }
        }
        false
    }
}

/// When the rest is tried again: at once if only time was missing, otherwise later with every receive, and not before
/// the partner wants it.
fn seconds(receives: u32, ended: &Ended) -> u32 {
    let wait = ended.wait.map_or(0, |wait| wait.saturating_add(Duration::from_millis(999)).as_secs());
    let wait = u32::try_from(wait).unwrap_or(LONGEST);
    if ended.failure.is_none() && !ended.rest.is_empty() {
        return wait;
    }
    fastrand::u32(delay::after(receives, LONGEST)).max(wait)
}

/// The message for lines that are missing. It inherits the receives, unless only time was missing.
fn rest(work: &Work, lines: &Range<u64>, receives: u32, ended: &Ended) -> String {
    let receives = if ended.failure.is_some() { receives } else { 0 };
    Part { receives, ..Part::of(&work.key, lines.clone()) }.body()
}

/// The rest of a message that was received too often.
fn expired(ended: &Ended) -> Vec<Dead> {
    let reason = format!("not sent in {LAST_RECEIVE} receives: {}", ended.failure.as_deref().unwrap_or("out of time"));
    ended.rest.iter().map(|lines| Dead { lines: lines.clone(), status: None, reason: reason.clone() }).collect()
}
