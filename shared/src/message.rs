//! The queue's contract: a message is one JSON header line, then the records of one stream and one hour.
//!
//! ```text
//! {"v":1,"id":"…","stream":"clicks","hour":"2026-11-21T18","records":10,"bytes":5120,"encoding":"none"}
//! …records: plain NDJSON, or zstd in base64
//! ```
//!
//! Kept rejections have the header `{"v":2,"kind":"rejected","id":…}`. Records stay version 1, so that a deliver that was
//! rolled back delays kept rejections only.

use std::borrow::Cow;
use std::fmt;
use std::io;

use base64_simd::STANDARD as BASE64;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::frame;
use crate::hour::Hour;
use crate::stream::StreamName;

/// The newest version that this code reads.
const NEWEST_VERSION: u64 = 2;

/// Records of one message before compression, in bytes: the largest body SQS takes.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// No header line is longer than this, in bytes; its line feed is counted.
pub const MAX_HEADER_BYTES: usize = 256;

/// A test event of S3 is shorter, in bytes.
const MAX_TEST_EVENT_BYTES: usize = 4 << 10;

/// The name of a message: random, set when it is packed, the same in every resend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u128);

/// What the records of a message are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Accepted payloads: version 1.
    Accepted,
    /// Rejected payloads that their stream keeps: version 2.
    Rejected,
}

/// The encoding of a message's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Plain NDJSON.
    None,
    /// zstd, then base64: for messages that it makes cheaper, and for characters that SQS refuses.
    ZstdBase64,
}

/// The first line of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What the records are.
    pub kind: Kind,
    /// The message's name.
    pub id: MessageId,
    /// The stream of all its records.
    pub stream: StreamName,
    /// The hour in which all its records were received.
    pub hour: Hour,
    /// The number of records; at least 1, at most one per byte.
    pub records: u32,
    /// The bytes of the records before compression; at most [`MAX_RECORD_BYTES`].
    pub bytes: u32,
    /// The encoding of the records.
    pub encoding: Encoding,
}

/// A message whose header was read and whose records were not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// What the message says of itself.
    pub header: Header,
    body: &'a str,
}

/// A message's id and the SHA-256 of its text.
pub type Identity = (MessageId, [u8; 32]);

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A newer ingest may be ahead of this deliver: hand the message back, it can be read later.
    #[error("version {0} of a message is not known")]
    Version(u64),
    /// It will never be readable.
    #[error("{0}")]
    Broken(String),
}

impl MessageId {
    /// An id from 128 random bits.
    #[must_use]
    pub fn new(random: u128) -> Self {
        Self(random)
    }

    /// Reads 32 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(hex)).then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Self)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Kind {
    fn parse(version: u64, kind: Option<&str>) -> Option<Self> {
        match (version, kind) {
            (1, None) => Some(Self::Accepted),
            (2, Some("rejected")) => Some(Self::Rejected),
            _ => None,
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::Accepted => r#""v":1"#,
            Self::Rejected => r#""v":2,"kind":"rejected""#,
        }
    }
}

impl Encoding {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self::None),
            "zstd+base64" => Some(Self::ZstdBase64),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ZstdBase64 => "zstd+base64",
        }
    }
}

/// Writes a message as SQS carries it. `records` is NDJSON of `header.records` lines and `header.bytes` bytes.
///
/// # Errors
/// When zstd has no memory; in memory and within bounds it fails of nothing else.
pub fn seal(header: &Header, records: &str) -> io::Result<String> {
    let body = match header.encoding {
        Encoding::None => Cow::Borrowed(records),
        Encoding::ZstdBase64 => Cow::Owned(compress(records.as_bytes())?),
    };
    let mut text = header_line(header);
    text.reserve_exact(body.len());
    text.push_str(&body);
    Ok(text)
}

/// Reads the header line of a message and checks each of its members by its grammar.
///
/// # Errors
/// Why the message cannot be read.
pub fn open(text: &str) -> Result<Sealed<'_>, Unreadable> {
    let newline = text.as_bytes().iter().take(MAX_HEADER_BYTES).position(|byte| *byte == b'\n');
    let Some(newline) = newline else {
        return broken(format!("no header line in the first {MAX_HEADER_BYTES} bytes"));
    };
    let (line, body) = (&text[..newline], &text[newline + 1..]);
    Ok(Sealed { header: read_header(line)?, body })
}

/// Whether a text is the event that S3 sends once to a queue that it shall notify: not a message, and nothing is lost
/// with it.
#[must_use]
pub fn is_s3_test_event(text: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Event<'a> {
        service: &'a str,
        event: &'a str,
    }
    let is_test = |event: Event<'_>| event.service == "Amazon S3" && event.event == "s3:TestEvent";
    text.len() <= MAX_TEST_EVENT_BYTES && serde_json::from_str(text).is_ok_and(is_test)
}

impl Sealed<'_> {
    /// The id, and the SHA-256 of the whole message. Messages are the same if both are.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let digest = Sha256::new_with_prefix(header_line(&self.header)).chain_update(self.body).finalize();
        (self.header.id, digest.into())
    }

    /// The records: NDJSON, as many lines and bytes as the header says.
    ///
    /// # Errors
    /// Why they cannot be read; decompression stops at the header's `bytes`.
    pub fn records(&self) -> Result<Cow<'_, [u8]>, Unreadable> {
        if self.header.encoding == Encoding::None {
            self.check(self.body.as_bytes())?;
            return Ok(Cow::Borrowed(self.body.as_bytes()));
        }
        let mut records = Vec::new();
        self.records_onto(&mut records)?;
        Ok(Cow::Owned(records))
    }

    /// Adds the records to the end of `onto`, and returns the zstd frames that hold them, if they came in some.
    ///
    /// # Errors
    /// Why they cannot be read, as in [`Sealed::records`]; what `onto` then ends with is not to be used.
    pub fn records_onto(&self, onto: &mut Vec<u8>) -> Result<Option<Vec<u8>>, Unreadable> {
        if self.header.encoding == Encoding::None {
            self.check(self.body.as_bytes())?;
            onto.extend_from_slice(self.body.as_bytes());
            return Ok(None);
        }
        let start = onto.len();
        let frames = decompress_onto(onto, self.body, self.header.bytes as usize)?;
        self.check(&onto[start..])?;
        Ok(Some(frames))
    }

    fn check(&self, records: &[u8]) -> Result<(), Unreadable> {
        if records.len() != self.header.bytes as usize {
            return broken(format!("{} bytes of records, the header says {}", records.len(), self.header.bytes));
        }
        let lines = memchr::memchr_iter(b'\n', records).count();
        if lines != self.header.records as usize {
            return broken(format!("{lines} records, the header says {}", self.header.records));
        }
        if records.last() != Some(&b'\n') {
            return broken("the last record has no end".to_owned());
        }
        Ok(())
    }
}

/// The text of records, compressed and in base64.
fn compress(records: &[u8]) -> io::Result<String> {
    let mut compressed = Vec::new();
    frame::compress_onto(&mut compressed, records)?;
    Ok(BASE64.encode_to_string(compressed))
}

fn decompress_onto(onto: &mut Vec<u8>, body: &str, bytes: usize) -> Result<Vec<u8>, Unreadable> {
    let Ok(frames) = BASE64.decode_to_vec(body) else { return broken("not base64".to_owned()) };
    match frame::decompress_onto(onto, &frames, bytes) {
        Ok(()) => Ok(frames),
        Err(_) => broken(format!("not zstd, or more than the {bytes} bytes that the header says")),
    }
}

fn header_line(header: &Header) -> String {
    let Header { kind, id, stream, hour, records, bytes, encoding } = header;
    let (version, encoding) = (kind.version(), encoding.as_str());
    format!(
        "{{{version},\"id\":\"{id}\",\"stream\":\"{stream}\",\"hour\":\"{hour}\",\
         \"records\":{records},\"bytes\":{bytes},\"encoding\":\"{encoding}\"}}\n"
    )
}

fn read_header(line: &str) -> Result<Header, Unreadable> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u64,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw<'a> {
        v: u64,
        kind: Option<&'a str>,
        id: &'a str,
        stream: &'a str,
        hour: &'a str,
        records: u32,
        bytes: u32,
        encoding: &'a str,
    }
    let Versioned { v } = read(line)?;
    if v > NEWEST_VERSION {
        return Err(Unreadable::Version(v));
    }
    let raw: Raw<'_> = read(line)?;
    Ok(Header {
        kind: member("kind", Kind::parse(raw.v, raw.kind))?,
        id: member("id", MessageId::parse(raw.id))?,
        stream: member("stream", StreamName::parse(raw.stream))?,
        hour: member("hour", Hour::parse(raw.hour))?,
        // A record has a line feed at least, so no more of them are believed than there can be.
        records: member("records", Some(raw.records).filter(|records| (1..=raw.bytes).contains(records)))?,
        bytes: member("bytes", Some(raw.bytes).filter(|bytes| (1..=MAX_RECORD_BYTES).contains(&(*bytes as usize))))?,
        encoding: member("encoding", Encoding::parse(raw.encoding))?,
    })
}

fn read<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, Unreadable> {
    serde_json::from_str(line).map_err(|error| Unreadable::Broken(format!("header: {error}")))
}

fn member<T>(name: &str, value: Option<T>) -> Result<T, Unreadable> {
    value.ok_or_else(|| Unreadable::Broken(format!("header: bad `{name}`")))
}

fn broken<T>(reason: String) -> Result<T, Unreadable> {
    Err(Unreadable::Broken(reason))
}

#[cfg(test)]
mod tests;
