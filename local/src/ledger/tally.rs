//! Ticks off accepted ids at the places where they are found.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use spillway_compact::rebuild::each_id;

use super::ids::{self, Id};
use super::objects;
use super::report::Report;
use super::runs::{Index, Runs};
use crate::s3::{Kind, Object};

/// The accepted ids and where each was found.
#[derive(Debug)]
pub(super) struct Tally {
    accepted: Index,
    /// The ids at each place.
    found: [Marks; PLACES],
    /// The ids in more than one object.
    again: Marks,
    /// The ids in each version of a table.
    tables: BTreeMap<String, Marks>,
    /// The ids in more than one row of one version.
    rows_again: Marks,
    foreign: Runs,
    unreadable: Vec<String>,
    /// Whether ids in the objects of earlier runs can be foreign.
    earlier_runs: bool,
}

/// A place of a record, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Object,
    Kept,
    Quarantine,
    DeadLetters,
    Queue,
}

const PLACES: usize = Place::Queue as usize + 1;

/// One bit for each id.
#[derive(Debug, Clone)]
struct Marks(Vec<u64>);

impl Tally {
    /// Nothing is found yet.
    pub(super) fn new(accepted: Runs, earlier_runs: bool) -> Self {
        let accepted = accepted.distinct();
        let none = Marks(vec![0; accepted.len().div_ceil(64)]);
        Self {
            accepted,
            found: [(); PLACES].map(|()| none.clone()),
            again: none.clone(),
            tables: BTreeMap::new(),
            rows_again: none,
            foreign: Runs::default(),
            unreadable: Vec::new(),
            earlier_runs,
        }
    }

    /// Reads one object; the report names an object that cannot be read.
    pub(super) fn object(&mut self, object: &Object) {
        let counts = self.earlier_runs || object.is_of_this_run;
        let read = match object.kind {
            Kind::Quarantined => objects::quarantined_body(&object.path).map(|body| {
                ids::of_message(&body, |id| self.found(&id, Place::Quarantine, counts));
            }),
            Kind::Records => self.records(object, Place::Object, counts),
            Kind::Kept => self.records(object, Place::Kept, counts),
            Kind::Table => self.rows(object, counts),
            Kind::Derived => Ok(()),
        };
        if let Err(error) = read
            && counts
        {
            self.unreadable.push(format!("{}: {error}", object.path.display()));
        }
    }

    fn records(&mut self, object: &Object, place: Place, counts: bool) -> io::Result<()> {
        if !objects::holds_records(&object.path) {
            return Ok(());
        }
        objects::each_line(&object.path, u64::MAX, |line| self.found(&ids::of_line(line), place, counts))
    }

    /// Marks the ids of a file's rows. A table has one row of a record in each hour in which its client sent it.
    fn rows(&mut self, object: &Object, counts: bool) -> io::Result<()> {
        let file = File::open(&object.path)?;
        // `lake/stream=S/v=N/dt=D/…`
        let version = object.key.split("/dt=").next().unwrap_or_default().to_owned();
        let none = || Marks(vec![0; self.again.0.len()]);
        let mut found = self.tables.remove(&version).unwrap_or_else(none);
        let read = each_id(file, |id| {
            let Some(id) = id.map(ids::of_text) else { return Ok(()) };
            match self.accepted.position(&id) {
                Some(position) if !found.set(position) => drop(self.rows_again.set(position)),
                None if counts => self.foreign.push(&id),
                _ => {}
            }
            Ok(())
        });
        self.tables.insert(version, found);
        read.map_err(io::Error::other)
    }

    /// Reads the body of a message in a queue.
    pub(super) fn message(&mut self, body: &str, place: Place) {
        ids::of_message(body, |id| self.found(&id, place, true));
    }

    /// Counts each accepted id once: at the best place.
    pub(super) fn report(self) -> Report {
        let (accepted, mut counts) = (self.accepted.len() as u64, [0; PLACES]);
        for word in 0..self.again.0.len() {
            let mut counted = 0;
            for (marks, count) in self.found.iter().zip(&mut counts) {
                *count += u64::from((marks.0[word] & !counted).count_ones());
                counted |= marks.0[word];
            }
        }
        let [stored, kept, quarantined, dead_lettered, in_flight] = counts;
        Report {
            accepted,
            stored,
            kept,
            quarantined,
            dead_lettered,
            in_flight,
            missing: accepted - counts.iter().sum::<u64>(),
            duplicates: self.again.count(),
            in_tables: self.tables.into_values().reduce(Marks::or).map_or(0, |marks| marks.count()),
            rows_again: self.rows_again.count(),
            foreign: self.foreign.distinct().len() as u64,
            unreadable: self.unreadable,
            earlier_runs: self.earlier_runs,
            ..Report::default()
        }
    }

    /// Marks an accepted id; another one is foreign if it `counts`.
    fn found(&mut self, id: &Id<'_>, place: Place, counts: bool) {
        match self.accepted.position(id) {
            Some(position) if !self.found[place as usize].set(position) && place == Place::Object => {
                self.again.set(position);
            }
            None if counts => self.foreign.push(id),
            _ => {}
        }
    }
}

impl Marks {
    fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    fn or(mut self, other: Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
        self
    }

    /// Sets a bit; returns whether it was not set before.
    fn set(&mut self, position: usize) -> bool {
        let (word, bit) = (&mut self.0[position / 64], 1 << (position % 64));
        let first = *word & bit == 0;
        *word |= bit;
        first
    }
}
