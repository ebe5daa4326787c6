//! Packs records into messages and messages into calls.
//!
//! A message holds records of one stream and one hour, from any number of requests; a call holds messages. The number
//! of messages and calls is decided only here.

use std::collections::BTreeMap;

use bytes::Bytes;
use spillway_shared::hour::Hour;
use spillway_shared::message::{Encoding, Header, Kind, MAX_HEADER_BYTES, MAX_RECORD_BYTES, MessageId, seal};
use spillway_shared::stream::StreamName;

/// The most messages of one call, a limit of SQS.
pub const MAX_CALL_MESSAGES: usize = 10;
/// The most bytes of one call, a limit of SQS; applied before compression too.
pub const MAX_CALL_BYTES: usize = 1 << 20;
/// A call with at most this many bytes of records is not compressed.
///
/// It costs one billed request either way, and zstd saves little. For larger calls compression takes no more CPU than
/// it saves later (escaping quotes, copying, hashing), and more records fit into the 6 MB of an invocation of deliver.
const UNCOMPRESSED_BYTES: usize = 4 << 10;
/// Compression and base64 together at least halve telemetry, so a message is first tried with twice its size in
/// records.
const EXPECTED_RATIO: usize = 2;

/// The kind, stream and hour that the records of one message share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    /// Whether the payloads were accepted.
    pub kind: Kind,
    /// The stream of the records.
    pub stream: StreamName,
    /// The hour in which the records were received.
    pub hour: Hour,
}

/// Whole records (NDJSON) of one partition from one request, which waits for them.
#[derive(Debug, Clone)]
pub struct Piece<W> {
    /// The partition of the records.
    pub partition: Partition,
    /// The records, one per line.
    pub lines: Bytes,
    /// The request that waits for the records.
    pub waiter: W,
}

/// A message as it is sent to SQS, and the requests that wait for it.
#[derive(Debug)]
pub struct Packed<W> {
    /// Names the message, the same in every resend.
    pub id: MessageId,
    /// The text of the message.
    pub body: String,
    /// The requests whose records the message holds.
    pub waiters: Vec<W>,
}

/// Whether a record fits into a message, alone.
#[must_use]
pub fn fits(record: &str, max_message_bytes: usize) -> bool {
    if record.len() + MAX_HEADER_BYTES <= max_message_bytes && is_plain(record.as_bytes()) {
        return true;
    }
    let worst = Header {
        kind: Kind::Rejected,
        id: MessageId::new(0),
        stream: StreamName::parse("x").unwrap_or_else(|| unreachable!("a good name")),
        hour: Hour::of(std::time::SystemTime::UNIX_EPOCH),
        records: 1,
        bytes: 0,
        encoding: Encoding::ZstdBase64,
    };
    record.len() <= MAX_RECORD_BYTES
        && seal(&worst, record).is_ok_and(|text| text.len() + MAX_HEADER_BYTES <= max_message_bytes)
}

impl<W: Clone> Piece<W> {
    /// Cuts a piece into pieces that make at most one message each.
    #[must_use]
    pub fn cut(self, max_message_bytes: usize) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut rest = self;
        loop {
            match rest.split_at_most(room_for_records(max_message_bytes)) {
                (first, Some(others)) => {
                    pieces.push(first);
                    rest = others;
                }
                (last, None) => {
                    pieces.push(last);
                    return pieces;
                }
            }
        }
    }

    /// The number of records.
    #[must_use]
    pub fn records(&self) -> usize {
        memchr::memchr_iter(b'\n', &self.lines).count()
    }

    /// Splits off the whole records in the first `bytes`, at least one; the second piece has the others, if any.
    fn split_at_most(self, bytes: usize) -> (Self, Option<Self>) {
        let Some(end) = self.end_of_records_in(bytes) else { return (self, None) };
        let first =
            Self { lines: self.lines.slice(..end), partition: self.partition.clone(), waiter: self.waiter.clone() };
        (first, Some(Self { lines: self.lines.slice(end..), ..self }))
    }

    fn end_of_records_in(&self, bytes: usize) -> Option<usize> {
        if self.lines.len() <= bytes {
            return None;
        }
        let end = memchr::memrchr(b'\n', &self.lines[..bytes]).or_else(|| memchr::memchr(b'\n', &self.lines))? + 1;
        (end < self.lines.len()).then_some(end)
    }
}

/// Packs pieces into calls within SQS's limits, with messages of at most `max_message_bytes`. `new_id` names the message
/// of some pieces.
///
/// A record that does not fit even alone (see [`fits`]) is left out with its waiter.
pub fn pack<W: Clone>(
    pieces: Vec<Piece<W>>,
    max_message_bytes: usize,
    mut new_id: impl FnMut(&[Piece<W>]) -> MessageId,
) -> Vec<Vec<Packed<W>>> {
    let bytes: usize = pieces.iter().map(|piece| piece.lines.len() + MAX_HEADER_BYTES).sum();
    let compress = bytes > UNCOMPRESSED_BYTES;
    let mut messages = Vec::new();
    for (partition, pieces) in by_partition(pieces) {
        for group in group_by_size(pieces, room_for_records(max_message_bytes)) {
            let mut packer = Packer { partition: &partition, compress, max_message_bytes, messages: &mut messages };
            packer.pack(group, &mut new_id);
        }
    }
    fill_calls(messages)
}

fn by_partition<W>(pieces: Vec<Piece<W>>) -> BTreeMap<Partition, Vec<Piece<W>>> {
    let mut partitions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for piece in pieces {
        partitions.entry(piece.partition.clone()).or_default().push(piece);
    }
    partitions
}

/// Groups pieces, in their order, so that a group has at most `limit` bytes of records, or a single piece.
#[must_use]
pub fn group_by_size<W>(pieces: Vec<Piece<W>>, limit: usize) -> Vec<Vec<Piece<W>>> {
    let mut groups: Vec<Vec<Piece<W>>> = Vec::new();
    let mut bytes = usize::MAX;
    for piece in pieces {
        bytes = bytes.saturating_add(piece.lines.len());
        match groups.last_mut() {
            Some(group) if bytes <= limit => group.push(piece),
            _ => {
                bytes = piece.lines.len();
                groups.push(vec![piece]);
            }
        }
    }
    groups
}

fn fill_calls<W>(messages: Vec<Packed<W>>) -> Vec<Vec<Packed<W>>> {
    let mut calls: Vec<Vec<Packed<W>>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        bytes += message.body.len();
        match calls.last_mut() {
            Some(call) if call.len() < MAX_CALL_MESSAGES && bytes <= MAX_CALL_BYTES => call.push(message),
            _ => {
                bytes = message.body.len();
                calls.push(vec![message]);
            }
        }
    }
    calls
}

/// The most bytes of records that are tried as one message.
fn room_for_records(max_message_bytes: usize) -> usize {
    (max_message_bytes * EXPECTED_RATIO).min(MAX_RECORD_BYTES)
}

/// Makes the messages of one partition.
struct Packer<'a, W> {
    partition: &'a Partition,
    compress: bool,
    max_message_bytes: usize,
    messages: &'a mut Vec<Packed<W>>,
}

impl<W: Clone> Packer<'_, W> {
    /// Makes one message of all pieces if they fit, otherwise one of each half.
    fn pack(&mut self, pieces: Vec<Piece<W>>, new_id: &mut impl FnMut(&[Piece<W>]) -> MessageId) {
        let lines = join(&pieces);
        let id = new_id(&pieces);
        if let Some(body) = self.seal(id, &lines) {
            let waiters = pieces.into_iter().map(|piece| piece.waiter).collect();
            self.messages.push(Packed { id, body, waiters });
        } else if let Some([first, second]) = halve(pieces) {
            self.pack(first, new_id);
            self.pack(second, new_id);
        }
    }

    /// The shorter of the plain and the compressed text that SQS takes, if one fits.
    fn seal(&self, id: MessageId, lines: &str) -> Option<String> {
        let plain_bytes = lines.len() + MAX_HEADER_BYTES;
        let plain = is_plain(lines.as_bytes()) && plain_bytes <= self.max_message_bytes;
        if plain && !self.compress {
            return seal(&self.header(id, lines, Encoding::None)?, lines).ok();
        }
        let compressed = seal(&self.header(id, lines, Encoding::ZstdBase64)?, lines).ok()?;
        if plain && compressed.len() >= plain_bytes {
            return seal(&self.header(id, lines, Encoding::None)?, lines).ok();
        }
        Some(compressed).filter(|body| body.len() <= self.max_message_bytes)
    }

    fn header(&self, id: MessageId, lines: &str, encoding: Encoding) -> Option<Header> {
        let records = memchr::memchr_iter(b'\n', lines.as_bytes()).count();
        let Partition { kind, stream, hour } = self.partition.clone();
        Some(Header {
            kind,
            id,
            stream,
            hour,
            records: u32::try_from(records).ok()?,
            bytes: u32::try_from(lines.len()).ok()?,
            encoding,
        })
    }
}

fn join<W>(pieces: &[Piece<W>]) -> String {
    let mut lines = Vec::with_capacity(pieces.iter().map(|piece| piece.lines.len()).sum());
    for piece in pieces {
        lines.extend_from_slice(&piece.lines);
    }
    // Records are made from text, so they are always UTF-8.
    String::from_utf8(lines).unwrap_or_default()
}

fn halve<W: Clone>(mut pieces: Vec<Piece<W>>) -> Option<[Vec<Piece<W>>; 2]> {
    if pieces.len() > 1 {
        let second = pieces.split_off(pieces.len() / 2);
        return Some([pieces, second]);
    }
    let piece = pieces.pop()?;
    let half = piece.lines.len() / 2;
    let (first, second) = piece.split_at_most(half);
    Some([vec![first], vec![second?]])
}

/// Whether SQS takes the text uncompressed. It refuses the characters that XML 1.0 excludes; JSON has no raw control
/// characters, so only U+FFFE and U+FFFF remain.
fn is_plain(text: &[u8]) -> bool {
    memchr::memchr_iter(0xEF, text).all(|at| !matches!(text.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])))
}

#[cfg(test)]
mod tests;
