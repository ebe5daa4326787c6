//! Which messages form which object, and the object's name.
//!
//! A message is stored in exactly one object, or in numbered parts. A name depends on the messages inside and on
//! nothing else, so the same messages form the same object in whatever order they arrive.

use std::collections::BTreeMap;
use std::ops::Range;

use sha2::{Digest, Sha256};
use spillway_shared::message::{Header, Identity, Kind, Sealed};

use crate::encode::Compression;
use crate::index::MessageIndex;

/// When an object closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of records before compression.
    pub bytes: u64,
    /// Records.
    pub records: u64,
    /// Messages.
    pub messages: u64,
}

/// The objects planned for some messages of one stream and one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// One object of whole messages, in the order of their ids.
    Whole(Vec<MessageIndex>),
    /// One message in numbered parts, each an object.
    Split(Split),
}

/// How a message is split into parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// The message.
    pub message: MessageIndex,
    /// The number of its records.
    records: usize,
    /// The number of records in a part; the last part may have fewer.
    step: usize,
}

impl Split {
    fn new(message: MessageIndex, header: &Header, limits: &Limits) -> Self {
        let step = usize::try_from(limits.records).unwrap_or(usize::MAX).max(1);
        Self { message, records: header.records as usize, step }
    }

    /// The number of parts.
    #[must_use]
    pub fn part_count(&self) -> usize {
        self.records.div_ceil(self.step)
    }

    /// The records of each part. Lazy, because a header can claim a million records.
    pub fn parts(self) -> impl Iterator<Item = Range<usize>> {
        let Self { records, step, .. } = self;
        (0..records).step_by(step).map(move |first| first..records.min(first.saturating_add(step)))
    }
}

/// Puts every message into exactly one plan. All ids must be different.
#[must_use]
pub fn plan(headers: &[&Header], limits: &Limits) -> Vec<Plan> {
    let mut partitions = BTreeMap::<_, Vec<MessageIndex>>::new();
    for (index, header) in headers.iter().enumerate() {
        partitions.entry((header.kind, &header.stream, header.hour)).or_default().push(MessageIndex(index));
    }
    let mut plans = Vec::new();
    for mut messages in partitions.into_values() {
        messages.sort_unstable_by_key(|index| headers[index.0].id);
        plan_partition(headers, limits, messages, &mut plans);
    }
    plans
}

/// The prefix of the keys of kept rejections.
pub const REJECTED_PREFIX: &str = "rejected/";

/// The key of an object: `records/stream=clicks/dt=2026-11-21/hour=18/<name>.ndjson.zst`.
#[must_use]
pub fn key(prefix: &str, header: &Header, name: &str, compression: Compression) -> String {
    format!("{}{name}{}", folder(prefix, header), compression.extension())
}

fn folder(prefix: &str, Header { kind, stream, hour, .. }: &Header) -> String {
    let prefix = match kind {
        Kind::Accepted => prefix,
        Kind::Rejected => REJECTED_PREFIX,
    };
    format!("{prefix}stream={stream}/dt={}/hour={}/", hour.date(), hour.of_day())
}

/// The name of an object of these messages: 32 hex digits of a digest of their ids and contents, in any order.
///
/// The content is part of it, so that another message under a stored id is never taken for the stored one.
#[must_use]
pub fn name(mut messages: Vec<Identity>) -> String {
    messages.sort_unstable();
    let mut digest = Sha256::new();
    for (id, content) in messages {
        digest.update(id.to_string());
        digest.update(content);
    }
    hex(&digest.finalize()[..16])
}

/// The start of the keys of all parts of a message.
#[must_use]
pub fn prefix_of_parts(prefix: &str, sealed: &Sealed<'_>) -> String {
    format!("{}{}-", folder(prefix, &sealed.header), name(vec![sealed.identity()]))
}

/// The name of a part of a message: the message's [`name`], the part's first and last record, counted from 0.
#[must_use]
pub fn part_name(message: &str, records: &Range<usize>) -> String {
    format!("{message}-{}-{}", records.start, records.end.saturating_sub(1))
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The contents of an object that is still open.
#[derive(Default)]
struct Open {
    messages: Vec<MessageIndex>,
    bytes: u64,
    records: u64,
}

fn plan_partition(headers: &[&Header], limits: &Limits, messages: Vec<MessageIndex>, plans: &mut Vec<Plan>) {
    let mut open = Open::default();
    for index in messages {
        let header = headers[index.0];
        if u64::from(header.records) > limits.records {
            plans.push(Plan::Split(Split::new(index, header, limits)));
            continue;
        }
        if !open.has_room_for(header, limits) {
            plans.push(Plan::Whole(std::mem::take(&mut open).messages));
        }
        open.add(index, header);
    }
    if !open.messages.is_empty() {
        plans.push(Plan::Whole(open.messages));
    }
}

impl Open {
    /// An empty object has room for any message, because no object is smaller.
    fn has_room_for(&self, header: &Header, limits: &Limits) -> bool {
        self.messages.is_empty()
            || (self.bytes + u64::from(header.bytes) <= limits.bytes
                && self.records + u64::from(header.records) <= limits.records
                && (self.messages.len() as u64) < limits.messages)
    }

    fn add(&mut self, index: MessageIndex, header: &Header) {
        self.messages.push(index);
        self.bytes += u64::from(header.bytes);
        self.records += u64::from(header.records);
    }
}

#[cfg(test)]
mod tests;
