//! One file from several objects: lines to records, copies dropped, rows in batches.

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;
use spillway_shared::metrics::Compacted;
use spillway_shared::stream::StreamName;

use crate::dedupe::{Records, Seen};
use crate::json::Tape;
use crate::list::Place;
use crate::read::lines;
use crate::rows::{Rows, record};
use crate::table::Table;
use crate::write::{File, Sources};

/// Bytes of records after which rows are handed to the file.
const BATCH_BYTES: u64 = 8 << 20;

/// A file that is being made.
pub struct Build {
    stream: StreamName,
    rows: Rows,
    file: File,
    sources: Sources,
    tape: Tape,
    /// Bytes of records that are in `rows`.
    waiting: u64,
    bytes: u64,
    counts: Compacted,
}

impl Build {
    /// A file without objects.
    ///
    /// # Errors
    /// The table has no Parquet equivalent, which would be a defect.
    pub fn new(place: &Place, table: &Table) -> Result<Self, ParquetError> {
        let rows = Rows::new(table);
        Ok(Self {
            stream: place.stream.clone(),
            file: File::new(rows.schema())?,
            rows,
            sources: Sources::default(),
            tape: Tape::default(),
            waiting: 0,
            bytes: 0,
            counts: Compacted::default(),
        })
    }

    /// Bytes of records so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it has no objects.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.objects.is_empty()
    }

    /// Adds an object. Returns `false` if the payloads of a record's id are not known; the file is then of no use.
    ///
    /// # Errors
    /// The rows do not match the schema, which would be a defect.
    pub fn add(&mut self, key: &str, object: &[u8], records: &mut Records) -> Result<bool, ParquetError> {
        let mut end = Ok(true);
        let read = lines(key, object, |line| {
            if matches!(end, Ok(true)) {
                end = self.add_line(line, records);
            }
        });
        let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
        if let Err(error) = read {
            tracing::error!(key, %error, "an object is unreadable; the records before the damage are in the table");
            self.sources.unreadable.push(name.to_owned());
            self.counts.unreadable += 1;
        }
        self.sources.objects.push(name.to_owned());
        self.counts.objects += 1;
        end
    }

    fn add_line(&mut self, line: &[u8], records: &mut Records) -> Result<bool, ParquetError> {
        let text = std::str::from_utf8(line).unwrap_or_default();
        let record = record(text, &mut self.tape, &self.stream);
        let seen = match &record {
            Some(record) => records.add(record.id, record.payload.raw())?,
            None => records.add_line(line)?,
        };
        match (seen, &record) {
            (Seen::Unknown, _) => return Ok(false),
            (Seen::Copy, _) => self.counts.copies += 1,
            (Seen::New | Seen::Conflict, Some(record)) => self.rows.push(record),
            (Seen::New | Seen::Conflict, None) => {
                self.rows.push_line(line);
                self.counts.damaged_lines += 1;
            }
        }
        self.counts.conflicts += u64::from(seen == Seen::Conflict);
        self.count(line.len() as u64 + 1)?;
        Ok(true)
    }

    fn count(&mut self, bytes: u64) -> Result<(), ParquetError> {
        self.bytes += bytes;
        self.waiting += bytes;
        if self.waiting >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        if !self.rows.is_empty() {
            let rows = self.rows.finish().map_err(defect)?;
            self.file.add(&rows, self.waiting)?;
        }
        self.waiting = 0;
        Ok(())
    }

    /// The bytes of the file, and what was counted while it was made.
    ///
    /// # Errors
    /// As for [`Build::add`].
    pub fn finish(mut self) -> Result<(Vec<u8>, Compacted), ParquetError> {
        self.flush()?;
        let rows = self.file.rows();
        let bytes = self.file.finish(&self.sources)?;
        let counts =
            Compacted { files: 1, rows, record_bytes: self.bytes, file_bytes: bytes.len() as u64, ..self.counts };
        Ok((bytes, counts))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err calls")]
fn defect(error: ArrowError) -> ParquetError {
    ParquetError::ArrowError(error.to_string())
}
