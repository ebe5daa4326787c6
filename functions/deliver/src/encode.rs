//! How the records of an object are compressed.
//!
//! One object is one gzip member, or zstd frames one after the other. They are written as the records come: held are
//! the compressed bytes so far, the compressor's own state, and the records of a frame or a message. Messages that are
//! compressed as the object is and worth a frame are joined to it without being compressed again.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use spillway_shared::frame;

/// gzip's level, of 1 to 9: the knee of the curve.
///
/// Measured with zlib-rs on 500-byte records of telemetry, in MB/s and ratio: level 1 178 and 4.4, 2 115 and 6.1, 3 97
/// and 6.3, 6 63 and 6.8. Level 2 makes objects 28 % smaller than level 1; every further one costs more and saves little.
const GZIP_LEVEL: u32 = 2;

/// A zstd frame has at least so many bytes of records, the last one apart.
///
/// A frame in one go takes four fifths of the time that a stream takes on the same records, and frames of this size
/// are less than 1 % larger than one frame of all.
const FRAME_BYTES: usize = 384 << 10;

/// A message of at least so many bytes of records that comes in zstd frames is joined to an object of zstd frames as it is.
///
/// Measured against one frame of all: frames of 128 KiB are 4 % larger with telemetry and 2 % with storefront events, of 64
/// KiB 7 and 3 %. Compressing again is most of what deliver would do.
const JOINED_BYTES: usize = 128 << 10;

/// More than what is held beside the compressed bytes, in bytes: gzip's state, or the records of a frame, one message above
/// the least.
const STATE_BYTES: usize = 2 << 20;

/// How objects are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip: what every reader knows.
    Gzip,
    /// zstd: smaller and faster, for readers that know it.
    Zstd,
    /// NDJSON as it is.
    None,
}

impl Compression {
    /// What the key of an object ends with; readers tell the format by it.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Gzip => ".ndjson.gz",
            Self::Zstd => ".ndjson.zst",
            Self::None => ".ndjson",
        }
    }

    /// The most that an object of so many bytes of records takes while it is made, in bytes.
    #[must_use]
    pub fn most_bytes(self, records: usize) -> usize {
        match self {
            Self::None => records + STATE_BYTES,
            Self::Gzip | Self::Zstd => most_compressed(records) + STATE_BYTES,
        }
    }
}

/// Compresses the records of one object.
pub struct Encoder {
    format: Format,
    /// Records that are not compressed yet. Its room stays small: a message that holds more than it says finds no more.
    pending: Vec<u8>,
}

enum Format {
    Gzip(Box<GzEncoder<Vec<u8>>>),
    /// The frames so far.
    Zstd(Vec<u8>),
    /// The records so far.
    None(Vec<u8>),
}

impl Encoder {
    /// An encoder for so many bytes of records.
    #[must_use]
    pub fn new(compression: Compression, records: usize) -> Self {
        // Room for the worst case is taken at once: pages that are never written cost nothing, growing would copy.
        let room = Vec::with_capacity(most_compressed(records));
        let format = match compression {
            Compression::Gzip => Format::Gzip(Box::new(GzEncoder::new(room, flate2::Compression::new(GZIP_LEVEL)))),
            Compression::Zstd => Format::Zstd(room),
            Compression::None => Format::None(room),
        };
        Self { format, pending: Vec::new() }
    }

    /// Adds records, whole lines of NDJSON, that `unpack` puts at the end of a buffer. If they came in zstd frames it returns
    /// those, and they may be taken as they are; within an object, records have no order.
    ///
    /// # Errors
    /// Why there are no records, in which case nothing is added; or, inside, what the compressor says: in memory it has
    /// nothing to complain of.
    pub fn push<E>(
        &mut self,
        unpack: impl FnOnce(&mut Vec<u8>) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<io::Result<()>, E> {
        let start = self.pending.len();
        match unpack(&mut self.pending) {
            Ok(frames) => Ok(self.take(start, frames)),
            Err(error) => {
                self.pending.truncate(start);
                Err(error)
            }
        }
    }

    /// Adds records, whole lines of NDJSON, of which there are no frames.
    ///
    /// # Errors
    /// What the compressor says; in memory it has nothing to complain of.
    pub fn push_plain(&mut self, records: &[u8]) -> io::Result<()> {
        let start = self.pending.len();
        self.pending.extend_from_slice(records);
        self.take(start, None)
    }

    /// Takes what waits from `start` on, which `frames` hold as well.
    fn take(&mut self, start: usize, frames: Option<Vec<u8>>) -> io::Result<()> {
        let records = self.pending.len() - start;
        match (&mut self.format, frames) {
            (Format::Zstd(done), Some(frames)) if is_worth_joining(&frames, records) => {
                done.extend_from_slice(&frames);
                self.pending.truncate(start);
                Ok(())
            }
            (Format::Zstd(_), _) if self.pending.len() < FRAME_BYTES => Ok(()),
            (Format::Zstd(_) | Format::Gzip(_) | Format::None(_), _) => self.compress(),
        }
    }

    /// Compresses what waits.
    fn compress(&mut self) -> io::Result<()> {
        match &mut self.format {
            Format::Gzip(encoder) => encoder.write_all(&self.pending)?,
            Format::Zstd(done) => frame::compress_onto(done, &self.pending)?,
            Format::None(done) => done.extend_from_slice(&self.pending),
        }
        self.pending.clear();
        Ok(())
    }

    /// The object's bytes.
    ///
    /// # Errors
    /// What the compressor says; in memory it has nothing to complain of.
    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        // Nothing at all is a frame too.
        if !self.pending.is_empty() || matches!(&self.format, Format::Zstd(done) if done.is_empty()) {
            self.compress()?;
        }
        match self.format {
            Format::Gzip(encoder) => encoder.finish(),
            Format::Zstd(done) | Format::None(done) => Ok(done),
        }
    }
}

/// Whether frames of so many bytes of records are taken as they are: who wrote them may not have been our ingest, and an object
/// holds the records of others.
fn is_worth_joining(frames: &[u8], records: usize) -> bool {
    records >= JOINED_BYTES && frames.len() <= records && frame::is_portable(frames, records)
}

/// What cannot be compressed grows by at most this: gzip by 5 bytes for each stored block (RFC 1951, 3.2.4), zstd by
/// what it asks to have at hand, a 256th.
fn most_compressed(records: usize) -> usize {
    records + records / 256 + 1_024
}

#[cfg(test)]
#[path = "encode/tests.rs"]
mod tests;
