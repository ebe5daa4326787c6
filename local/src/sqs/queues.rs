//! All queues of a server, and the changes that make them what they are: each is journalled, then applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::queue::{Attributes, Message, Millis, Queue};
use crate::journal::Entry;

/// Queues by their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Queues(BTreeMap<String, Queue>);

/// One change; its JSON is the head of a journal's entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// A queue was created, or its attributes changed.
    Set { queue: String, attributes: Attributes },
    /// A message was sent; its body is the body of the entry.
    Sent { queue: String, message: Message },
    /// Messages were received and stay hidden until `visible`.
    Received { queue: String, ids: Vec<Uuid>, at: Millis, visible: Millis },
    /// Messages moved from a queue to its dead-letter queue.
    DeadLettered { queue: String, ids: Vec<Uuid>, to: String, at: Millis },
    /// Messages were deleted.
    Deleted { queue: String, ids: Vec<Uuid> },
    /// All messages were deleted.
    Purged { queue: String },
}

impl Queues {
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Queue> {
        self.0.get(name)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Queue> {
        self.0.get_mut(name)
    }

    /// Applies a change; one of a queue or of messages that do not exist changes nothing.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Set { queue, attributes } => {
                let queue = self.0.entry(queue);
                queue
                    .and_modify(|queue| queue.attributes = attributes.clone())
                    .or_insert_with(|| Queue::new(attributes));
            }
            Change::Sent { queue, message } => self.in_queue(&queue, |queue| queue.add(message)),
            Change::Received { queue, ids, at, visible } => {
                self.in_queue(&queue, |queue| queue.receive(&ids, at, visible));
            }
            Change::DeadLettered { queue, ids, to, at } => self.dead_letter(&queue, &ids, &to, at),
            Change::Deleted { queue, ids } => self.in_queue(&queue, |queue| queue.delete(&ids)),
            Change::Purged { queue } => self.in_queue(&queue, Queue::purge),
        }
    }

    /// Shows all messages in flight.
    pub(super) fn show_all(&mut self, now: Millis) {
        self.0.values_mut().for_each(|queue| queue.show_all(now));
    }

    /// The fewest changes that lead to these queues.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change> {
        let sets = self
            .0
            .iter()
            .map(|(name, queue)| Change::Set { queue: name.clone(), attributes: queue.attributes.clone() });
        let sent = self.0.iter().flat_map(|(name, queue)| {
            queue.messages().map(|message| Change::Sent { queue: name.clone(), message: message.clone() })
        });
        sets.chain(sent)
    }

    fn dead_letter(&mut self, from: &str, ids: &[Uuid], to: &str, at: Millis) {
        for id in ids {
            let message = self.get_mut(from).and_then(|queue| queue.remove(*id));
            if let (Some(message), Some(queue)) = (message, self.get_mut(to)) {
                queue.add(Message { visible: at, ..message });
            }
        }
    }

    fn in_queue(&mut self, name: &str, change: impl FnOnce(&mut Queue)) {
        if let Some(queue) = self.0.get_mut(name) {
            change(queue);
        }
    }
}

impl Change {
    /// The change as an entry of a journal.
    pub(super) fn entry(&self) -> Entry<'_> {
        let body = match self {
            Self::Sent { message, .. } => message.body.as_bytes(),
            _ => &[],
        };
        // Numbers and texts are always JSON.
        Entry { head: serde_json::to_vec(self).unwrap_or_default(), body }
    }

    /// The change of an entry, or why it is none.
    pub(super) fn read(head: &[u8], body: Vec<u8>) -> Result<Self, String> {
        let mut change = serde_json::from_slice(head).map_err(|error| error.to_string())?;
        if let Self::Sent { message, .. } = &mut change {
            message.body = Arc::from(String::from_utf8(body).map_err(|error| error.to_string())?);
        }
        Ok(change)
    }
}
