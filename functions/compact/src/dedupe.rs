//! Finds records that were read before: the same id and the same payload, byte for byte.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, Hasher};

use arrow_array::{Array as _, cast::AsArray as _};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use spillway_shared::stream::StreamName;

use crate::json::Tape;
use crate::read::lines;
use crate::rows::record;

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

/// The records of an hour so far, by hashes of 64 bits with keys that nobody knows.
///
/// A record is lost only if the hashes of both its id and its payload equal those of another record: with 50 million
/// records the probability is about 4 in 10^24.
#[derive(Debug, Default)]
pub struct Records {
    keys: RandomState,
    payloads: HashMap<u64, u64, Hashed>,
    /// Further payloads of ids that have several.
    more: HashSet<(u64, u64)>,
    /// Ids in earlier files whose payloads are not known.
    earlier: HashSet<u64, Hashed>,
}

impl Records {
    /// Adds a record.
    pub fn add(&mut self, id: &str, payload: &str) -> Seen {
        self.add_hashed(self.keys.hash_one(id), self.keys.hash_one(payload))
    }

    /// Adds a line that is no record.
    pub fn add_line(&mut self, line: &[u8]) -> Seen {
        match self.add_hashed(self.keys.hash_one(NO_ID), self.keys.hash_one(line)) {
            Seen::Conflict => Seen::New,
            other => other,
        }
    }

    /// Notes that an earlier file has a row with this id, or one without.
    pub fn note(&mut self, id: Option<&str>) {
        self.earlier.insert(self.keys.hash_one(id.unwrap_or(NO_ID)));
    }

    fn add_hashed(&mut self, id: u64, payload: u64) -> Seen {
        if self.earlier.contains(&id) {
            return Seen::Unknown;
        }
        match self.payloads.entry(id) {
            Entry::Vacant(entry) => {
                entry.insert(payload);
                Seen::New
            }
            Entry::Occupied(first) if *first.get() == payload => Seen::Copy,
            Entry::Occupied(_) => {
                if self.more.insert((id, payload)) {
                    Seen::Conflict
                } else {
                    Seen::Copy
                }
            }
        }
    }
}

/// Notes the ids of all rows of a file.
///
/// # Errors
/// It is no file of a table.
pub fn see_file(file: Bytes, records: &mut Records) -> Result<(), ParquetError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let mask = ProjectionMask::columns(reader.parquet_schema(), ["id"]);
    for batch in reader.with_projection(mask).build()? {
        let batch = batch?;
        let ids = batch.column_by_name("id").and_then(|ids| ids.as_string_opt::<i32>());
        let ids = ids.ok_or_else(|| ParquetError::General("it has no column `id` with text".to_owned()))?;
        (0..ids.len()).for_each(|row| records.note(ids.is_valid(row).then(|| ids.value(row))));
    }
    Ok(())
}

/// Adds all records of an object. An unreadable one has those before the damage, as when it was compacted.
pub fn see_object(key: &str, object: &[u8], stream: &StreamName, records: &mut Records) {
    let mut tape = Tape::default();
    let _ = lines(key, object, |line| {
        let text = std::str::from_utf8(line).unwrap_or_default();
        _ = match record(text, &mut tape, stream) {
            Some(record) => records.add(record.id, record.payload.raw()),
            None => records.add_line(line),
        };
    });
}

/// The keys are hashes already.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identity(u64);

type Hashed = std::hash::BuildHasherDefault<Identity>;

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_record_is_a_copy_and_another_payload_a_conflict() {
        let mut records = Records::default();
        assert_eq!(records.add("a", "1"), Seen::New);
        assert_eq!(records.add("b", "1"), Seen::New);
        assert_eq!(records.add("a", "1"), Seen::Copy);
        assert_eq!(records.add("a", "2"), Seen::Conflict);
        assert_eq!(records.add("a", "2"), Seen::Copy);
        assert_eq!(records.add("a", "1"), Seen::Copy);
        assert_eq!(records.add("a", "3"), Seen::Conflict);
        assert_eq!(
            [records.add_line(b"x"), records.add_line(b"y"), records.add_line(b"x")],
            [Seen::New, Seen::New, Seen::Copy]
        );
    }

    #[test]
    fn ids_of_earlier_files_are_unknown() {
        let mut records = Records::default();
        records.note(Some("a"));
        assert_eq!([records.add("a", "1"), records.add("b", "1")], [Seen::Unknown, Seen::New]);
        assert_eq!(records.add_line(b"x"), Seen::New);
        records.note(None);
        assert_eq!(records.add_line(b"x"), Seen::Unknown);
    }
}
