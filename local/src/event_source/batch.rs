//! The messages of one invocation, encoded as event JSON while they are added.

use aws_sdk_sqs::types::Message;
use bytes::Bytes;
use tokio::time::Instant;

use super::event;

/// The maximum size of an event (Lambda's quota), in bytes.
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;
const START: &[u8] = b"{\"Records\":[";
const END: &[u8] = b"]}";

/// A batch that is being filled.
#[derive(Debug)]
pub(super) struct Batch {
    event: Vec<u8>,
    messages: Vec<Receipt>,
    max_messages: usize,
    /// The time of the first message.
    pub(super) started: Instant,
}

/// The ids of a message in batch responses and deletions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receipt {
    /// SQS's message id.
    pub(super) id: String,
    /// The handle of this receive.
    pub(super) handle: String,
}

impl Batch {
    /// An empty batch for `max_messages`, at least one.
    pub(super) fn new(max_messages: usize) -> Self {
        let max_messages = max_messages.max(1);
        Self { event: START.to_vec(), messages: Vec::new(), max_messages, started: Instant::now() }
    }

    /// Adds a message, or returns it if it does not fit. The first message always fits.
    pub(super) fn add(&mut self, message: Message, queue_arn: &str) -> Option<Message> {
        if self.messages.len() >= self.max_messages {
            return Some(message);
        }
        let record = event::record(&message, queue_arn);
        if !self.messages.is_empty() {
            if self.event.len() + 1 + record.len() + END.len() > MAX_EVENT_BYTES {
                return Some(message);
            }
            self.event.push(b',');
        }
        self.event.extend_from_slice(&record);
        let Message { message_id, receipt_handle, .. } = message;
        self.messages.push(Receipt { id: message_id.unwrap_or_default(), handle: receipt_handle.unwrap_or_default() });
        None
    }

    /// Whether the batch has the maximum number of messages.
    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= self.max_messages
    }

    /// The event, and the receipts of its messages.
    pub(super) fn close(mut self) -> (Bytes, Vec<Receipt>) {
        self.event.extend_from_slice(END);
        (Bytes::from(self.event), self.messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:region:0:queue";

    fn message(bytes: usize) -> Message {
        Message::builder().message_id("id").receipt_handle("handle").body("x".repeat(bytes)).build()
    }

    #[test]
    fn an_event_stays_within_lambdas_limit() {
        let mut batch = Batch::new(10_000);
        let mut taken = 0;
        while batch.add(message(256 * 1024), ARN).is_none() {
            taken += 1;
        }
        assert_eq!(taken, 23);
        assert!(batch.add(message(1024), ARN).is_none());
        let (event, messages) = batch.close();
        assert!(event.len() <= MAX_EVENT_BYTES);
        let event: serde_json::Value = serde_json::from_slice(&event).unwrap();
        assert_eq!((event["Records"].as_array().unwrap().len(), messages.len()), (24, 24));
    }

    #[test]
    fn a_batch_has_at_most_its_size() {
        let mut batch = Batch::new(2);
        assert!(batch.add(message(1), ARN).is_none());
        assert!(!batch.is_full());
        assert!(batch.add(message(1), ARN).is_none());
        assert!(batch.is_full());
        assert!(batch.add(message(1), ARN).is_some());
    }

    #[test]
    fn a_message_larger_than_the_limit_is_a_batch_alone() {
        let mut batch = Batch::new(10);
        assert!(batch.add(message(MAX_EVENT_BYTES), ARN).is_none());
        assert!(batch.add(message(1), ARN).is_some());
    }
}
