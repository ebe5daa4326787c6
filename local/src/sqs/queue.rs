//! One queue: its messages, their visibility, and the order of receives. The caller passes the time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Milliseconds since 1970.
pub(super) type Millis = u64;

/// A redrive policy: which queue gets the messages that were received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redrive {
    /// The name of the dead-letter queue.
    pub(super) dead_letters: String,
    /// The number of receives after which a message is dead-lettered.
    pub(super) max_receives: u32,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Message {
    /// Ids are ordered as their messages were sent.
    pub(super) id: Uuid,
    pub(super) sent: Millis,
    /// The time from which a receive can return it.
    pub(super) visible: Millis,
    pub(super) receives: u32,
    pub(super) first_received: Option<Millis>,
    /// In hex.
    pub(super) md5: String,
    #[serde(skip)]
    pub(super) body: Arc<str>,
}

/// A receipt handle names one receive of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handle {
    pub(super) id: Uuid,
    /// Counts from 1.
    pub(super) receive: u32,
}

/// One queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Queue {
    /// The visibility timeout in seconds.
    pub(super) visibility_timeout: u32,
    pub(super) redrive: Option<Redrive>,
    messages: BTreeMap<Uuid, Message>,
    ready: BTreeSet<Place>,
    delayed: BTreeSet<Place>,
    in_flight: BTreeSet<Place>,
}

/// The key of a message in the one of three sets that contains it.
type Place = (Millis, Uuid);

/// The messages of a receive.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// Messages for the receiver.
    pub(super) received: Vec<Uuid>,
    /// Messages to dead-letter first.
    pub(super) exhausted: Vec<Uuid>,
}

/// Counts of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Numbers {
    pub(super) ready: usize,
    pub(super) delayed: usize,
    pub(super) in_flight: usize,
}

impl Queue {
    /// All messages, the oldest first.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values()
    }

    pub(super) fn message(&self, id: Uuid) -> Option<&Message> {
        self.messages.get(&id)
    }

    /// The message of a handle, unless it is deleted or was received again since.
    pub(super) fn received_as(&self, handle: Handle) -> Option<&Message> {
        self.messages.get(&handle.id).filter(|message| message.receives == handle.receive)
    }

    pub(super) fn numbers(&mut self, now: Millis) -> Numbers {
        self.advance(now);
        Numbers { ready: self.ready.len(), delayed: self.delayed.len(), in_flight: self.in_flight.len() }
    }

    /// The messages that a receive of at most `most` returns, and the messages to dead-letter before it.
    pub(super) fn due(&mut self, most: usize, now: Millis) -> Due {
        self.advance(now);
        let mut due = Due::default();
        for (_, id) in &self.ready {
            if due.received.len() == most {
                break;
            }
            let exhausted = self.messages.get(id).is_some_and(|message| self.is_exhausted(message));
            if exhausted { &mut due.exhausted } else { &mut due.received }.push(*id);
        }
        due
    }

    /// The time at which the next hidden message becomes visible.
    pub(super) fn next_visible(&self) -> Option<Millis> {
        [&self.delayed, &self.in_flight].iter().filter_map(|hidden| hidden.first()).map(|(visible, _)| *visible).min()
    }

    /// The send time of the oldest message, without messages that the next receive dead-letters.
    pub(super) fn oldest(&self, now: Millis) -> Option<Millis> {
        let stays = |message: &&Message| message.visible > now || !self.is_exhausted(message);
        self.messages.values().find(stays).map(|message| message.sent)
    }

    pub(super) fn add(&mut self, message: Message) {
        let hidden = if message.receives == 0 { &mut self.delayed } else { &mut self.in_flight };
        hidden.insert((message.visible, message.id));
        self.messages.insert(message.id, message);
    }

    /// Messages were received at `now` and stay hidden until `visible`.
    pub(super) fn receive(&mut self, ids: &[Uuid], now: Millis, visible: Millis) {
        for message in self.remove(ids) {
            let (receives, first_received) = (message.receives + 1, message.first_received.or(Some(now)));
            self.add(Message { visible, receives, first_received, ..message });
        }
    }

    /// Messages in flight stay hidden until `visible`.
    pub(super) fn hide(&mut self, ids: &[Uuid], visible: Millis) {
        for message in self.remove(ids) {
            self.add(Message { visible, ..message });
        }
    }

    /// Removes messages and returns those that exist.
    pub(super) fn remove(&mut self, ids: &[Uuid]) -> Vec<Message> {
        let messages: Vec<_> = ids.iter().filter_map(|id| self.messages.remove(id)).collect();
        for Message { visible, id, .. } in &messages {
            for places in [&mut self.ready, &mut self.delayed, &mut self.in_flight] {
                places.remove(&(*visible, *id));
            }
        }
        messages
    }

    /// Makes all messages in flight visible, after their receivers have ended.
    pub(super) fn show_all(&mut self, now: Millis) {
        self.advance(now);
        let ids: Vec<_> = self.in_flight.iter().map(|(_, id)| *id).collect();
        self.hide(&ids, now);
    }

    /// Moves hidden messages that have become visible.
    fn advance(&mut self, now: Millis) {
        for hidden in [&mut self.delayed, &mut self.in_flight] {
            while let Some(first) = hidden.first().copied().filter(|(visible, _)| *visible <= now) {
                hidden.remove(&first);
                self.ready.insert(first);
            }
        }
    }

    fn is_exhausted(&self, message: &Message) -> bool {
        self.redrive.as_ref().is_some_and(|redrive| message.receives >= redrive.max_receives)
    }
}

impl Message {
    /// The handle of its last receive.
    pub(super) fn handle(&self) -> Handle {
        Handle { id: self.id, receive: self.receives }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.id, self.receive)
    }
}

impl FromStr for Handle {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (id, receive) = text.split_once('/').ok_or(())?;
        let receive = receive.parse().ok().filter(|receive| *receive > 0).ok_or(())?;
        Ok(Self { id: Uuid::try_parse(id).map_err(drop)?, receive })
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
