//! The changes of queues: each is journalled, then applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::queue::{Message, Millis, Queue};
use crate::journal::Entry;

/// Queues by their names.
pub(super) type Queues = BTreeMap<String, Queue>;

/// One change; its JSON is the head of a journal's entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// A message was sent; its body is the body of the entry.
    Sent { queue: String, message: Message },
    /// Messages were received and stay hidden until `visible`.
    Received { queue: String, ids: Vec<Uuid>, at: Millis, visible: Millis },
    /// Messages moved from a queue to its dead-letter queue.
    DeadLettered { queue: String, ids: Vec<Uuid>, to: String, at: Millis },
    /// Messages were deleted.
    Deleted { queue: String, ids: Vec<Uuid> },
}

impl Change {
    /// Makes the change; messages that do not exist stay unchanged.
    pub(super) fn apply(self, queues: &mut Queues) {
        match self {
            Self::Sent { queue, message } => queues.entry(queue).or_default().add(message),
            Self::Received { queue, ids, at, visible } => {
                queues.entry(queue).or_default().receive(&ids, at, visible);
            }
            Self::DeadLettered { queue, ids, to, at } => {
                for message in queues.entry(queue).or_default().remove(&ids) {
                    queues.entry(to.clone()).or_default().add(Message { visible: at, ..message });
                }
            }
            Self::Deleted { queue, ids } => drop(queues.entry(queue).or_default().remove(&ids)),
        }
    }

    /// The fewest changes that lead to these queues.
    pub(super) fn all(queues: &Queues) -> Vec<Self> {
        let sent = |queue: &str, message: &Message| Self::Sent { queue: queue.to_owned(), message: message.clone() };
        queues.iter().flat_map(|(name, queue)| queue.messages().map(|message| sent(name, message))).collect()
    }

    /// The change as an entry of a journal.
    pub(super) fn entry(&self) -> Entry<'_> {
        let body = match self {
            Self::Sent { message, .. } => message.body.as_bytes(),
            _ => &[],
        }
        .into();
        // Numbers and texts are always JSON.
        Entry { head: serde_json::to_vec(self).unwrap_or_default(), body }
    }

    /// The change of an entry, or how the entry is invalid.
    pub(super) fn read(head: &[u8], body: Vec<u8>) -> Result<Self, String> {
        let mut change = serde_json::from_slice(head).map_err(|error| error.to_string())?;
        if let Self::Sent { message, .. } = &mut change {
            message.body = Arc::from(String::from_utf8(body).map_err(|error| error.to_string())?);
        }
        Ok(change)
    }
}
