//! From records to messages to calls: how many of each there are is decided here and nowhere else.
//!
//! A message holds records of one stream and one hour, of as many requests as there are; a call holds messages.

use std::collections::BTreeMap;

use bytes::Bytes;
use spillway_shared::hour::Hour;
use spillway_shared::message::{Encoding, Header, MAX_HEADER_BYTES, MAX_RECORD_BYTES, MessageId, seal};
use spillway_shared::stream::StreamName;

/// SQS takes at most this many messages in one call.
pub const MAX_CALL_MESSAGES: usize = 10;
/// SQS takes at most this many bytes in one call; we put in no more before compression either.
pub const MAX_CALL_BYTES: usize = 1 << 20;
/// A call with at most so many bytes of records is not compressed.
///
/// It fills one billed request anyway, and zstd finds little in it. Beyond, compressing takes no longer than what it spares
/// on the way (escaping quotes, copying, hashing), and more records fit into the 6 MB of an invocation of deliver.
const PLAIN_BYTES: usize = 4 << 10;
/// Compression and base64 together at least halve telemetry, so a message may hold twice its size before them.
const EXPECTED_RATIO: usize = 2;

/// What the records of one message have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    /// The stream of the records.
    pub stream: StreamName,
    /// The hour in which they were received.
    pub hour: Hour,
}

/// Whole records (NDJSON) of one partition, and who waits for them.
#[derive(Debug, Clone)]
pub struct Piece<W> {
    /// Where the records belong.
    pub partition: Partition,
    /// The records, a line each.
    pub lines: Bytes,
    /// Who waits for them.
    pub waiter: W,
}

/// A message as SQS carries it, and who waits for it.
#[derive(Debug)]
pub struct Packed<W> {
    /// Names the message, the same in every resend.
    pub id: MessageId,
    /// The text of the message.
    pub body: String,
    /// Whose records are inside.
    pub waiters: Vec<W>,
}

/// Whether a record fits into a message of its own.
#[must_use]
pub fn fits(record: &str, max_message_bytes: usize) -> bool {
    if record.len() + MAX_HEADER_BYTES <= max_message_bytes && is_plain(record.as_bytes()) {
        return true;
    }
    let worst = Header {
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
    /// Cuts a piece into pieces of which each, alone, makes at most one message.
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

    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> usize {
        memchr::memchr_iter(b'\n', &self.lines).count()
    }

    /// The whole records in the first `bytes`, at least one, and the others if there are any.
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

/// Packs pieces into calls. Each call keeps SQS's limits, each message `max_message_bytes`.
///
/// A record that does not fit even alone (see [`fits`]) is left out, with its waiter.
pub fn pack<W: Clone>(
    pieces: Vec<Piece<W>>,
    max_message_bytes: usize,
    mut new_id: impl FnMut() -> MessageId,
) -> Vec<Vec<Packed<W>>> {
    let bytes: usize = pieces.iter().map(|piece| piece.lines.len() + MAX_HEADER_BYTES).sum();
    let compress = bytes > PLAIN_BYTES;
    let mut messages = Vec::new();
    for (partition, pieces) in by_partition(pieces) {
        for group in group_by_size(pieces, room_for_records(max_message_bytes)) {
            let mut press = Press { partition: &partition, compress, max_message_bytes, messages: &mut messages };
            press.press(group, &mut new_id);
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

fn group_by_size<W>(pieces: Vec<Piece<W>>, limit: usize) -> Vec<Vec<Piece<W>>> {
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

/// How many bytes of records a message is tried with.
fn room_for_records(max_message_bytes: usize) -> usize {
    (max_message_bytes * EXPECTED_RATIO).min(MAX_RECORD_BYTES)
}

/// Makes messages of one partition.
struct Press<'a, W> {
    partition: &'a Partition,
    compress: bool,
    max_message_bytes: usize,
    messages: &'a mut Vec<Packed<W>>,
}

impl<W: Clone> Press<'_, W> {
    /// One message of all pieces if they fit, else of each half.
    fn press(&mut self, pieces: Vec<Piece<W>>, new_id: &mut impl FnMut() -> MessageId) {
        let lines = join(&pieces);
        let id = new_id();
        if let Some(body) = self.seal(id, &lines) {
            let waiters = pieces.into_iter().map(|piece| piece.waiter).collect();
            self.messages.push(Packed { id, body, waiters });
        } else if let Some([first, second]) = halve(pieces) {
            self.press(first, new_id);
            self.press(second, new_id);
        }
    }

    /// The shorter text that SQS takes, if one fits.
    fn seal(&self, id: MessageId, lines: &str) -> Option<String> {
        let as_it_is = lines.len() + MAX_HEADER_BYTES;
        let plain = is_plain(lines.as_bytes()) && as_it_is <= self.max_message_bytes;
        if plain && !self.compress {
            return seal(&self.header(id, lines, Encoding::None)?, lines).ok();
        }
        let compressed = seal(&self.header(id, lines, Encoding::ZstdBase64)?, lines).ok()?;
        if plain && compressed.len() >= as_it_is {
            return seal(&self.header(id, lines, Encoding::None)?, lines).ok();
        }
        Some(compressed).filter(|body| body.len() <= self.max_message_bytes)
    }

    fn header(&self, id: MessageId, lines: &str, encoding: Encoding) -> Option<Header> {
        let records = memchr::memchr_iter(b'\n', lines.as_bytes()).count();
        let Partition { stream, hour } = self.partition.clone();
        Some(Header {
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
    // Records are made from text; nothing else ever gets here.
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

/// Whether SQS takes the text as it is. JSON cannot hold raw control characters, so only U+FFFE and U+FFFF are left
/// of what its XML 1.0 leaves out.
fn is_plain(text: &[u8]) -> bool {
    memchr::memchr_iter(0xEF, text).all(|at| !matches!(text.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])))
}

#[cfg(test)]
#[path = "pack/tests.rs"]
mod tests;
