//! Ticks off accepted ids where they lie.

use std::path::Path;

use super::ids::{self, Id};
use super::objects;
use super::report::Report;
use super::runs::{Index, Runs};
use crate::s3::{Kind, Object};

/// The accepted ids and where each was found.
#[derive(Debug)]
pub struct Tally {
    accepted: Index,
    stored: Marks,
    again: Marks,
    quarantined: Marks,
    dead_lettered: Marks,
    left: Marks,
    foreign: Runs,
    unreadable: Vec<String>,
}

/// One bit an id.
#[derive(Debug)]
struct Marks(Vec<u64>);

#[derive(Debug, Clone, Copy)]
enum Place {
    Object,
    Quarantine,
    DeadLetters,
    Queue,
}

impl Tally {
    /// Nothing is found yet.
    pub(super) fn new(accepted: Runs) -> Self {
        let accepted = accepted.distinct();
        let marks = || Marks::new(accepted.len());
        Self {
            stored: marks(),
            again: marks(),
            quarantined: marks(),
            dead_lettered: marks(),
            left: marks(),
            foreign: Runs::default(),
            unreadable: Vec::new(),
            accepted,
        }
    }

    /// Reads one object; one that cannot be read is named in the report.
    pub fn object(&mut self, object: &Object) {
        let read = match object.kind {
            Kind::Quarantined => self.quarantine(&object.path),
            Kind::Records if objects::holds_records(&object.path) => {
                objects::each_line(&object.path, u64::MAX, |line| self.found(&ids::of_line(line), Place::Object))
            }
            Kind::Records => Ok(()),
        };
        if let Err(error) = read {
            self.unreadable.push(format!("{}: {error}", object.path.display()));
        }
    }

    /// Reads the body of a message in the dead-letter queue.
    pub fn dead_letter(&mut self, body: &str) {
        ids::of_message(body, |id| self.found(&id, Place::DeadLetters));
    }

    /// Reads the body of a message that is still in the queue.
    pub fn left(&mut self, body: &str) {
        ids::of_message(body, |id| self.found(&id, Place::Queue));
    }

    /// Counts each accepted id once: where it lies best.
    #[must_use]
    pub fn report(self) -> Report {
        let accepted = self.accepted.len() as u64;
        let mut report = Report {
            accepted,
            duplicates: self.again.count(),
            foreign: self.foreign.distinct().len() as u64,
            unreadable: self.unreadable,
            ..Report::default()
        };
        let words = self.stored.0.len();
        for word in 0..words {
            let stored = self.stored.0[word];
            let quarantined = self.quarantined.0[word] & !stored;
            let dead = self.dead_lettered.0[word] & !stored & !quarantined;
            let left = self.left.0[word] & !stored & !quarantined & !dead;
            report.stored += u64::from(stored.count_ones());
            report.quarantined += u64::from(quarantined.count_ones());
            report.dead_lettered += u64::from(dead.count_ones());
            report.in_flight += u64::from(left.count_ones());
        }
        report.missing = accepted - report.stored - report.quarantined - report.dead_lettered - report.in_flight;
        report
    }

    fn quarantine(&mut self, path: &Path) -> std::io::Result<()> {
        let body = objects::quarantined_body(path)?;
        ids::of_message(&body, |id| self.found(&id, Place::Quarantine));
        Ok(())
    }

    fn found(&mut self, id: &Id<'_>, place: Place) {
        let Some(position) = self.accepted.position(id) else { return self.foreign.push(id) };
        let first = match place {
            Place::Object => self.stored.set(position),
            Place::Quarantine => self.quarantined.set(position),
            Place::DeadLetters => self.dead_lettered.set(position),
            Place::Queue => self.left.set(position),
        };
        if !first && matches!(place, Place::Object) {
            self.again.set(position);
        }
    }
}

impl Marks {
    fn new(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    /// Sets a bit; answers whether it was not set before.
    fn set(&mut self, position: usize) -> bool {
        let (word, bit) = (&mut self.0[position / 64], 1 << (position % 64));
        let first = *word & bit == 0;
        *word |= bit;
        first
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}
