//! Finds records that were read before: the same id and the same payload, byte for byte.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::io;

use bytes::Bytes;
use parquet::errors::ParquetError;
use spillway_shared::stream::StreamName;

use crate::json::Tape;
use crate::read::lines;
use crate::rebuild::each_id;
use crate::rows::record;

mod pairs;

use pairs::Pairs;

/// Stands for the id of a line that is no record, whose payload is then the line. No id contains this character.
const NO_ID: &str = "\n";

/// What is known about a record before it is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Its id is new.
    New,
    /// The same record was added before.
    Copy,
    /// Its id was added before with other payloads only.
    Conflict,
    /// Its id is in an earlier file, and it is not known with which payloads.
    Unknown,
}

/// Stands for the hash of a payload that is not known.
const UNKNOWN: u64 = 0;

/// The records of an hour so far, by hashes of 64 bits with keys that nobody knows.
///
/// A record is lost only if the hashes of both its id and its payload equal those of another record: with 50 million
/// records the probability is about 4 in 10^24.
#[derive(Debug, Default)]
pub struct Records {
    keys: RandomState,
    pairs: Pairs,
}

impl Records {
    /// Adds a record.
    ///
    /// # Errors
    /// There are many records, and `/tmp` is full.
    pub fn add(&mut self, id: &str, payload: &str) -> io::Result<Seen> {
        self.add_pair((self.hash(id), self.hash(payload)))
    }

    /// Adds a line that is no record.
    ///
    /// # Errors
    /// As for [`Records::add`].
    pub fn add_line(&mut self, line: &[u8]) -> io::Result<Seen> {
        Ok(match self.add_pair((self.hash(NO_ID), self.hash(line)))? {
            Seen::Conflict => Seen::New,
            other => other,
        })
    }

    /// Notes that an earlier file has a row with this id, or one without.
    ///
    /// # Errors
    /// As for [`Records::add`].
    pub fn note(&mut self, id: Option<&str>) -> io::Result<()> {
        let pair = (self.hash(id.unwrap_or(NO_ID)), UNKNOWN);
        if self.pairs.find(pair)?.pair { Ok(()) } else { self.pairs.insert(pair) }
    }

    fn add_pair(&mut self, pair: (u64, u64)) -> io::Result<Seen> {
        let found = self.pairs.find(pair)?;
        if found.pair {
            return Ok(Seen::Copy);
        }
        if found.unknown {
            return Ok(Seen::Unknown);
        }
        self.pairs.insert(pair)?;
        Ok(if found.id { Seen::Conflict } else { Seen::New })
    }

    /// Never 0.
    fn hash(&self, value: impl Hash) -> u64 {
        self.keys.hash_one(value).max(1)
    }
}

/// Notes the ids of all rows of a file.
///
/// # Errors
/// It is no file of a table.
pub fn see_file(file: Bytes, records: &mut Records) -> Result<(), ParquetError> {
    each_id(file, |id| records.note(id))
}

/// Adds all records of an object. An unreadable one has those before the damage, as when it was compacted.
///
/// # Errors
/// As for [`Records::add`].
pub fn see_object(key: &str, object: &[u8], stream: &StreamName, records: &mut Records) -> io::Result<()> {
    let (mut tape, mut end) = (Tape::default(), Ok(()));
    let _ = lines(key, object, |line| {
        let text = std::str::from_utf8(line).unwrap_or_default();
        let seen = match record(text, &mut tape, stream) {
            Some(record) => records.add(record.id, record.payload.raw()),
            None => records.add_line(line),
        };
        if let Err(error) = seen {
            end = Err(error);
        }
    });
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_record_is_a_copy_and_another_payload_a_conflict() {
        let mut records = Records::default();
        for (id, payload, seen) in [
            ("a", "1", Seen::New),
            ("b", "1", Seen::New),
            ("a", "1", Seen::Copy),
            ("a", "2", Seen::Conflict),
            ("a", "2", Seen::Copy),
            ("a", "1", Seen::Copy),
            ("a", "3", Seen::Conflict),
        ] {
            assert_eq!(records.add(id, payload).unwrap(), seen, "{id} {payload}");
        }
        for (line, seen) in [("x", Seen::New), ("y", Seen::New), ("x", Seen::Copy)] {
            assert_eq!(records.add_line(line.as_bytes()).unwrap(), seen);
        }
    }

    #[test]
    fn ids_of_earlier_files_are_unknown() {
        let mut records = Records::default();
        records.note(Some("a")).unwrap();
        assert_eq!([records.add("a", "1").unwrap(), records.add("b", "1").unwrap()], [Seen::Unknown, Seen::New]);
        assert_eq!(records.add_line(b"x").unwrap(), Seen::New);
        records.note(None).unwrap();
        assert_eq!([records.add_line(b"x").unwrap(), records.add_line(b"y").unwrap()], [Seen::Copy, Seen::Unknown]);
    }
}
