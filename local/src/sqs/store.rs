//! The queues with their journal: each change is journalled before it is made, and made before SQS responds.

use std::io;
use std::path::Path;

use uuid::Uuid;

use super::changes::{Change, Queues};
use super::queue::{Handle, Message, Millis, Queue, Redrive};
use crate::journal::{Journal, JournalError};

/// The bytes of deleted messages that a journal may contain in addition to as many bytes as the others have.
const LEAST_DEAD: u64 = 64 << 20;
/// About the bytes of an entry without the body of its message.
const ENTRY_BYTES: u64 = 300;

/// All queues of a server.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) queues: Queues,
    journal: Option<Journal>,
    /// The size of the journal at which it is checked for deleted messages.
    check_at: u64,
}

impl Store {
    /// The queues of a journal. Receivers of an earlier run are gone: messages in flight are visible immediately.
    pub(super) fn open(path: &Path, now: Millis) -> Result<Self, JournalError> {
        let mut queues = Queues::default();
        let journal = Journal::open(path, |head, body| {
            Change::read(head, body)?.apply(&mut queues);
            Ok(())
        })?;
        for queue in queues.values_mut() {
            queue.show_all(now);
        }
        Ok(Self { queues, journal: Some(journal), check_at: LEAST_DEAD })
    }

    /// Creates a queue, or gives the queue of an earlier run these settings. `visibility_timeout` is in seconds.
    pub(super) fn create(&mut self, name: &str, visibility_timeout: u32, redrive: Option<Redrive>) {
        let queue = self.queue(name);
        (queue.visibility_timeout, queue.redrive) = (visibility_timeout, redrive);
    }

    /// The queue of a name; an unknown name is an empty queue.
    pub(super) fn queue(&mut self, name: &str) -> &mut Queue {
        self.queues.entry(name.to_owned()).or_default()
    }

    /// Enqueues messages.
    pub(super) fn send(&mut self, name: &str, messages: Vec<Message>) -> io::Result<()> {
        let sent = |message| Change::Sent { queue: name.to_owned(), message };
        self.commit(messages.into_iter().map(sent).collect())
    }

    /// Receives at most `most` messages, hidden until `visible`, and dead-letters messages that had all their receives.
    pub(super) fn receive(&mut self, name: &str, most: usize, at: Millis, visible: Millis) -> io::Result<Vec<Message>> {
        let (due, queue) = (self.queue(name).due(most, at), name.to_owned());
        let (ids, mut changes) = (due.received.clone(), Vec::new());
        if let (Some(redrive), false) = (&self.queue(name).redrive, due.exhausted.is_empty()) {
            let to = redrive.dead_letters.clone();
            changes.push(Change::DeadLettered { queue: queue.clone(), ids: due.exhausted, to, at });
        }
        if !ids.is_empty() {
            changes.push(Change::Received { queue, ids, at, visible });
        }
        self.commit(changes)?;
        let queue = self.queue(name);
        Ok(due.received.iter().filter_map(|id| queue.message(*id).cloned()).collect())
    }

    /// Deletes the messages of handles; an expired handle deletes nothing.
    pub(super) fn delete(&mut self, name: &str, handles: &[Handle]) -> io::Result<()> {
        let queue = self.queue(name);
        let ids: Vec<Uuid> = handles.iter().filter_map(|handle| queue.received_as(*handle)).map(|m| m.id).collect();
        if ids.is_empty() { Ok(()) } else { self.commit(vec![Change::Deleted { queue: name.to_owned(), ids }]) }
    }

    /// Makes changes; after an error none of them is made.
    fn commit(&mut self, changes: Vec<Change>) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.append(changes.iter().map(Change::entry))?;
        }
        for change in changes {
            change.apply(&mut self.queues);
        }
        self.shorten();
        Ok(())
    }

    /// Rewrites the journal when most of it is deleted messages. Without the disk space for it, the journal grows.
    fn shorten(&mut self) {
        let Some(journal) = self.journal.as_mut().filter(|journal| journal.len() >= self.check_at) else { return };
        let messages = self.queues.values().flat_map(Queue::messages);
        let live: u64 = messages.map(|message| message.body.len() as u64 + ENTRY_BYTES).sum();
        self.check_at = 2 * live + LEAST_DEAD;
        if journal.len() < self.check_at {
            return;
        }
        if let Err(error) = journal.rewrite(Change::all(&self.queues).iter().map(Change::entry)) {
            tracing::warn!(%error, "the journal of the queues could not be rewritten");
            self.check_at = journal.len() + LEAST_DEAD;
        }
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
