//! How the records of an object are compressed.
//!
//! One object is one gzip member, or zstd frames one after the other. They are written as the records come: held are
//! the compressed bytes so far and the compressor's own state, at most one frame's records among it.

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

/// More than the state of either compressor, in bytes; of zstd's that is a frame's records, one message above the least.
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
            Self::None => records,
            Self::Gzip | Self::Zstd => most_compressed(records) + STATE_BYTES,
        }
    }
}

/// Compresses the records of one object.
pub struct Encoder(Format);

enum Format {
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Zstd(Frames),
    None(Vec<u8>),
}

impl Encoder {
    /// An encoder for so many bytes of records.
    ///
    /// # Errors
    /// When zstd has no memory.
    pub fn new(compression: Compression, records: usize) -> io::Result<Self> {
        // Room for the worst case is taken at once: pages that are never written cost nothing, growing would copy.
        let room = Vec::with_capacity(most_compressed(records));
        Ok(Self(match compression {
            Compression::Gzip => Format::Gzip(Box::new(GzEncoder::new(room, flate2::Compression::new(GZIP_LEVEL)))),
            Compression::Zstd => Format::Zstd(Frames { done: room, next: Vec::new() }),
            Compression::None => Format::None(room),
        }))
    }

    /// Adds records: whole lines of NDJSON.
    ///
    /// # Errors
    /// What the compressor says; in memory it has nothing to complain of.
    pub fn push(&mut self, records: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Format::Gzip(encoder) => encoder.write_all(records),
            Format::Zstd(frames) => frames.push(records),
            Format::None(bytes) => bytes.write_all(records),
        }
    }

    /// The object's bytes.
    ///
    /// # Errors
    /// What the compressor says; in memory it has nothing to complain of.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self.0 {
            Format::Gzip(encoder) => encoder.finish(),
            Format::Zstd(frames) => frames.finish(),
            Format::None(bytes) => Ok(bytes),
        }
    }
}

/// zstd frames, and records that are not yet enough for the next one.
struct Frames {
    done: Vec<u8>,
    next: Vec<u8>,
}

impl Frames {
    fn push(&mut self, records: &[u8]) -> io::Result<()> {
        if self.next.is_empty() && records.len() >= FRAME_BYTES {
            return frame::compress_onto(&mut self.done, records);
        }
        self.next.extend_from_slice(records);
        if self.next.len() >= FRAME_BYTES { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> io::Result<()> {
        frame::compress_onto(&mut self.done, &self.next)?;
        self.next.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<Vec<u8>> {
        // Nothing at all is a frame too.
        if !self.next.is_empty() || self.done.is_empty() {
            self.close()?;
        }
        Ok(self.done)
    }
}

/// What cannot be compressed grows by at most this: gzip by 5 bytes for each stored block (RFC 1951, 3.2.4), zstd by
/// what it asks to have at hand, a 256th.
fn most_compressed(records: usize) -> usize {
    records + records / 256 + 1_024
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn encode(compression: Compression, pieces: &[Vec<u8>]) -> Vec<u8> {
        let mut encoder = Encoder::new(compression, pieces.iter().map(Vec::len).sum()).unwrap();
        for piece in pieces {
            encoder.push(piece).unwrap();
        }
        encoder.finish().unwrap()
    }

    fn decode(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        let mut records = Vec::new();
        match compression {
            Compression::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut records).unwrap(),
            Compression::Zstd => zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut records).unwrap(),
            Compression::None => records.write(bytes).unwrap(),
        };
        records
    }

    const ALL: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::None];

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_same_bytes(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5_000), 0..10),
        ) {
            for compression in ALL {
                let bytes = encode(compression, &pieces);
                prop_assert!(bytes.len() <= compression.most_bytes(pieces.iter().map(Vec::len).sum()));
                prop_assert_eq!(decode(compression, &bytes), pieces.concat());
            }
        }
    }

    #[test]
    fn the_same_records_make_the_same_bytes() {
        let pieces = [b"{\"a\":1}\n".repeat(500), b"{\"a\":2}\n".repeat(100_000)];
        for compression in ALL {
            assert_eq!(encode(compression, &pieces), encode(compression, &pieces));
        }
    }
}
