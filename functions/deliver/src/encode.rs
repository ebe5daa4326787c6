//! How the records of an object are compressed.
//!
//! An object is one gzip member, or one or more zstd frames. It is written while its records arrive: in memory are the
//! compressed bytes so far, the compressor's state, and the records of one frame or message. Large messages that are
//! already zstd frames are joined to a zstd object without being compressed again.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use spillway_shared::frame;

/// gzip's level, of 1 to 9.
///
/// Measured with zlib-rs on 500-byte records of telemetry, in MB/s and ratio: level 1 178 and 4.4, 2 115 and 6.1, 3 97
/// and 6.3, 6 63 and 6.8. Level 2 makes objects 28 % smaller than level 1; higher levels cost more and save little.
const GZIP_LEVEL: u32 = 2;

/// The least bytes of records in a zstd frame, except in the last one.
///
/// Compressing a frame at once takes four fifths of the time of a streaming compressor, and frames of this size are
/// less than 1 % larger than a single frame.
const FRAME_BYTES: usize = 384 << 10;

/// The least bytes of records in a message whose zstd frames are joined to an object without compressing them again.
///
/// Measured against a single frame: frames of 128 KiB are 4 % larger with telemetry and 2 % with storefront events,
/// those of 64 KiB 7 and 3 %. Compressing again would be most of deliver's work.
const JOINED_BYTES: usize = 128 << 10;

/// The most bytes in memory besides the compressed ones: gzip's state, or the records of a frame, which
/// can exceed [`FRAME_BYTES`] by one message.
const STATE_BYTES: usize = 2 << 20;

/// How objects are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip, which every reader supports.
    Gzip,
    /// zstd: smaller and faster, for readers that support it.
    Zstd,
    /// No compression.
    None,
}

impl Compression {
    /// The extension of an object's key, by which readers recognise the format.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Gzip => ".ndjson.gz",
            Self::Zstd => ".ndjson.zst",
            Self::None => ".ndjson",
        }
    }

    /// The most bytes held while an object with this many bytes of records is made.
    #[must_use]
    pub fn max_bytes(self, records: usize) -> usize {
        match self {
            Self::None => records + STATE_BYTES,
            Self::Gzip | Self::Zstd => max_compressed(records) + STATE_BYTES,
        }
    }
}

/// Compresses the records of one object.
pub struct Encoder {
    output: Output,
    /// Records not compressed yet. Its capacity stays small, because it bounds what a message can write here.
    pending: Vec<u8>,
}

enum Output {
    Gzip(Box<GzEncoder<Vec<u8>>>),
    /// The frames so far.
    Zstd(Vec<u8>),
    /// The records so far.
    None(Vec<u8>),
}

impl Encoder {
    /// An encoder for this many bytes of records.
    #[must_use]
    pub fn new(compression: Compression, records: usize) -> Self {
        // Capacity for the worst case at once: untouched pages cost nothing, and growing would copy.
        let buffer = Vec::with_capacity(max_compressed(records));
        let output = match compression {
            Compression::Gzip => Output::Gzip(Box::new(GzEncoder::new(buffer, flate2::Compression::new(GZIP_LEVEL)))),
            Compression::Zstd => Output::Zstd(buffer),
            Compression::None => Output::None(buffer),
        };
        Self { output, pending: Vec::new() }
    }

    /// Appends whole lines of NDJSON, which `unpack` writes to the end of a buffer. If it returns the same records as
    /// zstd frames, the encoder may join these instead, so that the order of records can change.
    ///
    /// Call [`Encoder::compress_pending`] after each append: it bounds the memory.
    ///
    /// # Errors
    /// The error of `unpack`, after which nothing was appended.
    pub fn append<E>(&mut self, unpack: impl FnOnce(&mut Vec<u8>) -> Result<Option<Vec<u8>>, E>) -> Result<(), E> {
        let start = self.pending.len();
        let frames = unpack(&mut self.pending).inspect_err(|_| self.pending.truncate(start))?;
        let records = self.pending.len() - start;
        if let (Output::Zstd(done), Some(frames)) = (&mut self.output, frames)
            && is_worth_joining(&frames, records)
        {
            done.extend_from_slice(&frames);
            self.pending.truncate(start);
        }
        Ok(())
    }

    /// Compresses the appended records; zstd waits until they fill a frame.
    ///
    /// # Errors
    /// The compressor failed, which it does only without memory.
    pub fn compress_pending(&mut self) -> io::Result<()> {
        match self.output {
            Output::Zstd(_) if self.pending.len() < FRAME_BYTES => Ok(()),
            _ => self.compress(),
        }
    }

    /// Appends whole lines of NDJSON and compresses them, as [`Encoder::append`] and [`Encoder::compress_pending`] do.
    ///
    /// # Errors
    /// As for [`Encoder::compress_pending`].
    pub fn push(&mut self, records: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(records);
        self.compress_pending()
    }

    /// The object's bytes.
    ///
    /// # Errors
    /// As for [`Encoder::compress_pending`].
    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        // A zstd object without records still needs a frame.
        if !self.pending.is_empty() || matches!(&self.output, Output::Zstd(done) if done.is_empty()) {
            self.compress()?;
        }
        match self.output {
            Output::Gzip(encoder) => encoder.finish(),
            Output::Zstd(done) | Output::None(done) => Ok(done),
        }
    }

    fn compress(&mut self) -> io::Result<()> {
        match &mut self.output {
            Output::Gzip(encoder) => encoder.write_all(&self.pending)?,
            Output::Zstd(done) => frame::compress_onto(done, &self.pending)?,
            Output::None(done) => done.extend_from_slice(&self.pending),
        }
        self.pending.clear();
        Ok(())
    }
}

/// Whether the frames of this many bytes of records are joined. The sender may not have been our ingest, and a frame
/// that some readers refuse would make the other messages of the object unreadable too.
fn is_worth_joining(frames: &[u8], records: usize) -> bool {
    records >= JOINED_BYTES && frames.len() <= records && frame::is_portable(frames, records)
}

/// The most bytes that records can take after compression: gzip adds 5 bytes for each stored block (RFC 1951, 3.2.4),
/// and zstd requires a buffer larger by 1/256.
fn max_compressed(records: usize) -> usize {
    records + records / 256 + 1_024
}

#[cfg(test)]
mod tests;
