//! What was asked of SQS, counted as AWS bills it: by call, and by every 64 KiB of a call.

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

impl Calls {
    /// What AWS bills all of them as.
    #[must_use]
    pub fn billed(&self) -> u64 {
        self.send_units + self.receive_units + self.deletes + self.others
    }

    /// Counts a call; sends and receives are counted with their messages.
    pub(super) fn call(&mut self, operation: &str) {
        match operation {
            "SendMessage" | "SendMessageBatch" | "ReceiveMessage" => {}
            "DeleteMessage" | "DeleteMessageBatch" => self.deletes += 1,
            _ => self.others += 1,
        }
    }

    /// Counts a send and the messages that it acknowledges.
    pub(super) fn sent(&mut self, bodies: &[&str]) {
        let records = |body: &&str| message::open(body).map_or(0, |sealed| u64::from(sealed.header.records));
        let bytes = bodies.iter().map(|body| body.len()).sum();
        self.sends += 1;
        self.send_units += units(bytes);
        self.messages += bodies.len() as u64;
        self.records += bodies.iter().map(records).sum::<u64>();
        self.message_bytes += bytes as u64;
    }

    /// Counts a receive, also one without messages.
    pub(super) fn received(&mut self, messages: &[Message]) {
        self.receives += 1;
        self.receive_units += units(messages.iter().map(|message| message.body.len()).sum());
    }
}

fn units(bytes: usize) -> u64 {
    bytes.div_ceil(BILLED_BYTES).max(1) as u64
}
