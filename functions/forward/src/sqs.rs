//! The adapter to SQS: hides failed messages, and sends parts and dead letters.

use std::error::Error;
use std::future::Future;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry as Change, SendMessageBatchRequestEntry,
};
use spillway_aws::{SdkConfig, explain, is_transient_entry, is_transient_error};
use spillway_shared::retry::Outcome;

/// The most messages in one call (SQS API reference, `SendMessageBatch`).
pub const MAX_ENTRIES: usize = 10;

/// Where a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// The destination's own queue.
    Queue,
    /// Its dead letters.
    DeadLetters,
}

/// Why a call failed: SQS's status, code and message, or the causes of a failed connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CallError(pub String);

/// The destination's queue and its dead letters.
pub trait Queue: Send + Sync + 'static {
    /// Hides a received message for some seconds, 43,200 at most; makes one attempt.
    fn hide(&self, handle: &str, seconds: u32) -> impl Future<Output = Outcome<(), CallError>> + Send;

    /// Sends at most [`MAX_ENTRIES`] messages, which appear after `delay` seconds, 900 at most; makes one attempt.
    ///
    /// After [`Outcome::Again`] some of them may have been sent.
    fn send(&self, to: To, bodies: &[String], delay: u32) -> impl Future<Output = Outcome<(), CallError>> + Send;
}

/// Two queues of SQS.
#[derive(Debug, Clone)]
pub struct Sqs {
    client: Client,
    queue_url: String,
    dead_letter_url: String,
}

impl Sqs {
    /// A client for both queues; sends nothing yet.
    #[must_use]
    pub fn new(config: &SdkConfig, queue_url: &str, dead_letter_url: &str) -> Self {
        let (queue_url, dead_letter_url) = (queue_url.to_owned(), dead_letter_url.to_owned());
        Self { client: Client::new(config), queue_url, dead_letter_url }
    }
}

impl Queue for Sqs {
    async fn hide(&self, handle: &str, seconds: u32) -> Outcome<(), CallError> {
        let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
        let entry = Change::builder().id("0").receipt_handle(handle).visibility_timeout(seconds).build().ok();
        let call = self.client.change_message_visibility_batch().queue_url(&self.queue_url);
        match call.set_entries(Some(entry.into_iter().collect())).send().await {
            Ok(output) => answered(output.failed()),
            Err(error) => failed(&error),
        }
    }

    async fn send(&self, to: To, bodies: &[String], delay: u32) -> Outcome<(), CallError> {
        let delay = i32::try_from(delay).unwrap_or(i32::MAX);
        let entry = |(id, body): (usize, &String)| {
            let entry = SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body(body);
            entry.delay_seconds(delay).build().ok()
        };
        let url = if to == To::Queue { &self.queue_url } else { &self.dead_letter_url };
        // An entry with id and body is always built.
        let entries = bodies.iter().enumerate().filter_map(entry).collect();
        match self.client.send_message_batch().queue_url(url).set_entries(Some(entries)).send().await {
            Err(error) => failed(&error),
            Ok(output) => answered(output.failed()),
        }
    }
}

/// SQS answered, and some entries may have failed.
fn answered(failed: &[BatchResultErrorEntry]) -> Outcome<(), CallError> {
    let Some(entry) = failed.first() else { return Outcome::Done(()) };
    let error = CallError(format!("SQS answered {} for a message", entry.code()));
    let is_transient = is_transient_entry(entry.sender_fault(), entry.code());
    if is_transient { Outcome::Again(error) } else { Outcome::Never(error) }
}

fn failed<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> Outcome<(), CallError> {
    let call_error = CallError(explain("SQS", error));
    if is_transient_error(error) { Outcome::Again(call_error) } else { Outcome::Never(call_error) }
}
