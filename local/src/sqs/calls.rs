//! What was asked of SQS, counted as AWS bills it: by call, and by every 64 KiB of a call.

use std::sync::atomic::{AtomicU64, Ordering};

use spillway_shared::message;

use super::queue::Message;

/// AWS bills every so many bytes of a call as a request of its own.
const BILLED_BYTES: usize = 64 << 10;

/// Calls to SQS so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// `SendMessage` and `SendMessageBatch`.
    pub sends: u64,
    /// What those are billed as: one for every 64 KiB.
    pub send_units: u64,
    /// Messages that were acknowledged.
    pub messages: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of them.
    pub message_bytes: u64,
    /// `ReceiveMessage`, in vain or not.
    pub receives: u64,
    /// What those are billed as: one for every 64 KiB of an answer.
    pub receive_units: u64,
    /// `DeleteMessage` and `DeleteMessageBatch`.
    pub deletes: u64,
    /// Everything else.
    pub others: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counter {
    sends: AtomicU64,
    send_units: AtomicU64,
    messages: AtomicU64,
    records: AtomicU64,
    message_bytes: AtomicU64,
    receives: AtomicU64,
    receive_units: AtomicU64,
    deletes: AtomicU64,
    others: AtomicU64,
}

impl Calls {
    /// What AWS bills all of them as.
    #[must_use]
    pub fn billed(&self) -> u64 {
        self.send_units + self.receive_units + self.deletes + self.others
    }
}

impl Counter {
    /// Counts a call; sends and receives are counted with their messages.
    pub(super) fn call(&self, operation: &str) {
        match operation {
            "SendMessage" | "SendMessageBatch" | "ReceiveMessage" => {}
            "DeleteMessage" | "DeleteMessageBatch" => add(&self.deletes, 1),
            _ => add(&self.others, 1),
        }
    }

    /// Counts a send and the messages that it acknowledges.
    pub(super) fn sent(&self, bodies: &[&str]) {
        let records = |body: &&str| message::open(body).map_or(0, |sealed| u64::from(sealed.header.records));
        let bytes = bodies.iter().map(|body| body.len()).sum();
        add(&self.sends, 1);
        add(&self.send_units, units(bytes));
        add(&self.messages, bodies.len() as u64);
        add(&self.records, bodies.iter().map(records).sum());
        add(&self.message_bytes, bytes as u64);
    }

    /// Counts a receive, in vain or not.
    pub(super) fn received(&self, messages: &[Message]) {
        let bytes = messages.iter().map(|message| message.body.len()).sum();
        add(&self.receives, 1);
        add(&self.receive_units, units(bytes));
    }

    pub(super) fn read(&self) -> Calls {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Calls {
            sends: read(&self.sends),
            send_units: read(&self.send_units),
            messages: read(&self.messages),
            records: read(&self.records),
            message_bytes: read(&self.message_bytes),
            receives: read(&self.receives),
            receive_units: read(&self.receive_units),
            deletes: read(&self.deletes),
            others: read(&self.others),
        }
    }
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

fn units(bytes: usize) -> u64 {
    bytes.div_ceil(BILLED_BYTES).max(1) as u64
}
