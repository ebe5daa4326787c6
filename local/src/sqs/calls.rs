//! Counts the calls to SQS as AWS bills them: one request for every 64 KiB of a call.

use spillway_shared::message;

use super::queue::Message;

/// The bytes of a call that AWS bills as one request.
const BILLED_BYTES: usize = 64 << 10;

/// Calls to SQS so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// `SendMessage` and `SendMessageBatch`.
    pub sends: u64,
    /// Their billed requests: one for every 64 KiB.
    pub send_units: u64,
    /// Acknowledged messages.
    pub messages: u64,
    /// Records in these messages.
    pub records: u64,
    /// Bytes of these messages.
    pub message_bytes: u64,
    /// `ReceiveMessage`, also without messages.
    pub receives: u64,
    /// Their billed requests: one for every 64 KiB of a response.
    pub receive_units: u64,
    /// `DeleteMessage` and `DeleteMessageBatch`.
    pub deletes: u64,
    /// All other calls.
    pub others: u64,
}

impl Calls {
    /// The number of billed requests.
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
