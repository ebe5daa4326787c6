//! Which messages make up which object, and what the object is called.
//!
//! A message lies in exactly one object, or in numbered parts of its own. Names depend on the messages inside and on
//! nothing else, so the same messages make the same object in whatever order they come.

use std::collections::BTreeMap;
use std::ops::Range;

use sha2::{Digest, Sha256};
use spillway_shared::message::{Header, MessageId};

use crate::encode::Compression;

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

/// What becomes of some messages of one stream and one hour; messages are named by their place in the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// One object of whole messages, in the order of their ids.
    Whole(Vec<usize>),
    /// One message in parts, each an object of its own.
    Parts(Parts),
}

/// How a message is divided into parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// The message's place in the batch.
    pub message: usize,
    /// How many records it has.
    records: usize,
    /// How many records a part has; the last one may have fewer.
    step: usize,
}

impl Parts {
    fn new(message: usize, header: &Header, limits: &Limits) -> Self {
        let step = usize::try_from(limits.records).unwrap_or(usize::MAX).max(1);
        Self { message, records: header.records as usize, step }
    }

    /// How many parts there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.records.div_ceil(self.step)
    }

    /// The records of each part. Made as they are asked for: a header can promise a million of them.
    pub fn ranges(self) -> impl Iterator<Item = Range<usize>> {
        let Self { records, step, .. } = self;
        (0..records).step_by(step).map(move |first| first..records.min(first.saturating_add(step)))
    }
}

/// Puts every message into exactly one plan. No two messages may have the same id.
#[must_use]
pub fn plan(headers: &[&Header], limits: &Limits) -> Vec<Plan> {
    let mut partitions = BTreeMap::<_, Vec<usize>>::new();
    for (at, header) in headers.iter().enumerate() {
        partitions.entry((&header.stream, header.hour)).or_default().push(at);
    }
    let mut plans = Vec::new();
    for mut messages in partitions.into_values() {
        messages.sort_unstable_by_key(|at| headers[*at].id);
        plan_partition(headers, limits, messages, &mut plans);
    }
    plans
}

/// The key of an object: `records/stream=clicks/dt=2026-11-21/hour=18/<name>.ndjson.gz`.
#[must_use]
pub fn key(prefix: &str, header: &Header, name: &str, compression: Compression) -> String {
    let Header { stream, hour, .. } = header;
    let (date, of_day, ending) = (hour.date(), hour.of_day(), compression.ending());
    format!("{prefix}stream={stream}/dt={date}/hour={of_day}/{name}{ending}")
}

/// The name of an object of whole messages: a digest of their ids, 32 hex digits, the same in whatever order they are given.
#[must_use]
pub fn name(mut ids: Vec<MessageId>) -> String {
    ids.sort_unstable();
    let mut digest = Sha256::new();
    for id in ids {
        digest.update(id.to_string());
    }
    hex(&digest.finalize()[..16])
}

/// The name of a part of a message: its id, its first and its last record, counted from 0.
#[must_use]
pub fn part_name(id: MessageId, records: &Range<usize>) -> String {
    format!("{id}-{}-{}", records.start, records.end.saturating_sub(1))
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// What an object that is still open holds.
#[derive(Default)]
struct Open {
    messages: Vec<usize>,
    bytes: u64,
    records: u64,
}

fn plan_partition(headers: &[&Header], limits: &Limits, messages: Vec<usize>, plans: &mut Vec<Plan>) {
    let mut open = Open::default();
    for at in messages {
        let header = headers[at];
        if u64::from(header.records) > limits.records {
            plans.push(Plan::Parts(Parts::new(at, header, limits)));
            continue;
        }
        if !open.has_room_for(header, limits) {
            plans.push(Plan::Whole(std::mem::take(&mut open).messages));
        }
        open.add(at, header);
    }
    if !open.messages.is_empty() {
        plans.push(Plan::Whole(open.messages));
    }
}

impl Open {
    /// An object that holds nothing has room for any message: there is no smaller object to put it in.
    fn has_room_for(&self, header: &Header, limits: &Limits) -> bool {
        self.messages.is_empty()
            || (self.bytes + u64::from(header.bytes) <= limits.bytes
                && self.records + u64::from(header.records) <= limits.records
                && (self.messages.len() as u64) < limits.messages)
    }

    fn add(&mut self, at: usize, header: &Header) {
        self.messages.push(at);
        self.bytes += u64::from(header.bytes);
        self.records += u64::from(header.records);
    }
}

#[cfg(test)]
#[path = "object/tests.rs"]
mod tests;
