//! Injected faults of calls, of entries and of messages.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::time::Instant;

use super::protocol::Refusal;
use super::queue::Message;
use super::rules;
use crate::faults::{Faults, Kind};
use crate::lock::lock;

/// Messages that are delivered again, each with the time at which it is due.
#[derive(Debug, Default)]
pub(super) struct Repeats(Mutex<VecDeque<(Instant, Message)>>);

impl Repeats {
    /// Copies the messages that will be delivered again, even if they are deleted.
    pub(super) fn pick(&self, messages: &[Message], faults: &Faults) {
        for message in messages {
            if let Some(lasts) = faults.sample(Kind::SqsTwice) {
                let copy = Message { receives: message.receives + 1, ..message.clone() };
                lock(&self.0).push_back((Instant::now() + lasts, copy));
            }
        }
    }

    /// Takes at most `most` copies that are due.
    pub(super) fn take_due(&self, most: usize, faults: &Faults) -> Vec<Message> {
        let (mut due, mut waiting) = (Vec::new(), lock(&self.0));
        while due.len() < most
            && let Some((_, message)) = waiting.pop_front_if(|(at, _)| *at <= Instant::now())
        {
            faults.count(Kind::SqsTwice);
            due.push(message);
        }
        due
    }
}

/// The refusal with which a fault replaces the response to a call; `None` closes the connection.
pub(super) fn refusal(kind: Kind) -> Option<Refusal> {
    match kind {
        Kind::SqsThrottle => Some(Refusal::of_caller("RequestThrottled", "injected fault")),
        Kind::SqsError => Some(Refusal::internal("injected fault")),
        _ => None,
    }
}

/// Fails some entries of a batch.
pub(super) fn is_failing(faults: &Faults) -> Result<(), Refusal> {
    faults.inject(Kind::SqsPartial).map_or(Ok(()), |_| Err(Refusal::internal("injected fault")))
}

/// The seconds for which to hide a message that its sender does not delay, so that later ones overtake it.
pub(super) fn disorder(faults: &Faults) -> u32 {
    let lasts = faults.inject(Kind::SqsOutOfOrder).map(|lasts| u32::try_from(lasts.as_secs()).unwrap_or(u32::MAX));
    lasts.map_or(0, |seconds| seconds.clamp(1, *rules::DELAY.end()))
}
