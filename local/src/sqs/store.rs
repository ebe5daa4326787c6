//! The queues with their journal: a change is written before it is applied, so that it is there when it is answered.

use std::io;
use std::path::Path;

use uuid::Uuid;

use super::queue::{Attributes, Handle, Message, Millis};
use super::queues::{Change, Queues};
use crate::journal::{Journal, JournalError};

/// A journal is not rewritten while its dead part is smaller; bytes.
const LEAST_DEAD: u64 = 64 << 20;

/// All queues of a server.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) queues: Queues,
    journal: Option<Journal>,
    /// The journal's size at which to look whether most of it is dead.
    look_at: u64,
}

impl Store {
    /// The queues of a journal. Receivers of an earlier run are gone: what they did not delete is visible at once.
    pub(super) fn open(path: &Path, now: Millis) -> Result<Self, JournalError> {
        let mut queues = Queues::default();
        let journal = Journal::open(path, |head, body| {
            queues.apply(Change::read(head, body)?);
            Ok(())
        })?;
        queues.show_all(now);
        Ok(Self { queues, journal: Some(journal), look_at: LEAST_DEAD })
    }

    /// Makes changes; after an error none of them is made.
    pub(super) fn commit(&mut self, changes: Vec<Change>) -> io::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.append(changes.iter().map(Change::entry))?;
        }
        for change in changes {
            self.queues.apply(change);
        }
        self.rotate();
        Ok(())
    }

    /// Creates a queue or changes its attributes.
    pub(super) fn set(&mut self, name: &str, attributes: Attributes) -> io::Result<()> {
        if self.queues.get(name).is_some_and(|queue| queue.attributes == attributes) {
            return Ok(());
        }
        self.commit(vec![Change::Set { queue: name.to_owned(), attributes }])
    }

    /// Enqueues messages.
    pub(super) fn send(&mut self, name: &str, messages: Vec<Message>) -> io::Result<()> {
        let sent = |message| Change::Sent { queue: name.to_owned(), message };
        self.commit(messages.into_iter().map(sent).collect())
    }

    /// Receives at most `most` messages, hidden until `visible`; dead-letters those that had all their receives.
    pub(super) fn receive(&mut self, name: &str, most: usize, at: Millis, visible: Millis) -> io::Result<Vec<Message>> {
        let Some(queue) = self.queues.get_mut(name) else { return Ok(Vec::new()) };
        let due = queue.due(most, at);
        let (queue, ids) = (name.to_owned(), due.received.clone());
        let mut changes = Vec::new();
        if let (false, Some(to)) = (due.exhausted.is_empty(), self.dead_letters_of(name)) {
            changes.push(Change::DeadLettered { queue: queue.clone(), ids: due.exhausted, to, at });
        }
        if !ids.is_empty() {
            changes.push(Change::Received { queue, ids, at, visible });
        }
        self.commit(changes)?;
        let queue = self.queues.get(name);
        Ok(due.received.iter().filter_map(|id| queue?.message(*id).cloned()).collect())
    }

    /// Deletes the messages of handles; a handle that is too old deletes nothing.
    pub(super) fn delete(&mut self, name: &str, handles: &[Handle]) -> io::Result<()> {
        let Some(queue) = self.queues.get(name) else { return Ok(()) };
        let ids: Vec<Uuid> = handles.iter().filter_map(|handle| queue.received_as(*handle)).map(|m| m.id).collect();
        if ids.is_empty() { Ok(()) } else { self.commit(vec![Change::Deleted { queue: name.to_owned(), ids }]) }
    }

    /// Deletes all messages of a queue.
    pub(super) fn purge(&mut self, name: &str) -> io::Result<()> {
        self.commit(vec![Change::Purged { queue: name.to_owned() }])
    }

    fn dead_letters_of(&self, name: &str) -> Option<String> {
        let redrive = self.queues.get(name)?.attributes.redrive.as_ref();
        redrive.map(|redrive| redrive.dead_letters.clone())
    }

    /// Rewrites the journal when most of it is dead. Without the space for that it goes on as it is.
    fn rotate(&mut self) {
        let Some(journal) = self.journal.as_mut().filter(|journal| journal.len() >= self.look_at) else { return };
        let size = |change: Change| change.entry().body.len() as u64 + 300;
        let live: u64 = self.queues.changes().map(size).sum();
        self.look_at = 2 * live + LEAST_DEAD;
        if journal.len() < self.look_at {
            return;
        }
        let changes: Vec<_> = self.queues.changes().collect();
        if let Err(error) = journal.rewrite(changes.iter().map(Change::entry)) {
            tracing::warn!(%error, "the journal of the queues could not be rewritten");
            self.look_at = journal.len() + LEAST_DEAD;
        }
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
