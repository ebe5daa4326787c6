//! The adapter to SQS: deletes and hides the messages of a batch.

use std::error::Error;
use std::future::Future;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry as Change, DeleteMessageBatchRequestEntry as Delete,
};
use spillway_aws::{SdkConfig, explain, is_transient_entry, is_transient_error};
use spillway_shared::retry::Outcome;

/// The most messages in one call (SQS API reference, `DeleteMessageBatch`).
pub const MAX_ENTRIES: usize = 10;

/// A message to hide, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// The receipt handle of its last receive.
    pub handle: String,
    /// Seconds from now, at most 43,200.
    pub seconds: u32,
}

/// Why a call failed: SQS's status, code and message, or the causes of a failed connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CallError(pub String);

/// The queue that messages come from.
///
/// Both calls identify messages by the receipt handle of their last receive, take at most [`MAX_ENTRIES`], and make one
/// attempt. If a single message fails with a transient error, the result is [`Outcome::Again`]: repeating the call for
/// all of them does no harm. A message that SQS refuses for good, such as one with an expired handle, is skipped.
pub trait MessageQueue: Send + Sync + 'static {
    /// Deletes messages.
    fn delete(&self, handles: &[String]) -> impl Future<Output = Outcome<(), CallError>> + Send;

    /// Hides messages, each for its own time.
    fn hide(&self, messages: &[Hidden]) -> impl Future<Output = Outcome<(), CallError>> + Send;
}

/// A queue of SQS.
#[derive(Debug, Clone)]
pub struct Sqs {
    client: Client,
    queue_url: String,
}

impl Sqs {
    /// A client for the queue; sends nothing yet.
    #[must_use]
    pub fn new(config: &SdkConfig, queue_url: &str) -> Self {
        Self { client: Client::new(config), queue_url: queue_url.to_owned() }
    }
}

impl MessageQueue for Sqs {
    async fn delete(&self, handles: &[String]) -> Outcome<(), CallError> {
        let entry =
            |(id, handle): (usize, &String)| Delete::builder().id(id.to_string()).receipt_handle(handle).build();
        // An entry with id and handle is always built.
        let entries = handles.iter().enumerate().filter_map(|numbered| entry(numbered).ok()).collect();
        let call = self.client.delete_message_batch().queue_url(&self.queue_url).set_entries(Some(entries));
        call.send().await.map_or_else(|error| failed(&error), |output| answered(output.failed()))
    }

    async fn hide(&self, messages: &[Hidden]) -> Outcome<(), CallError> {
        let entry = |(id, Hidden { handle, seconds }): (usize, &Hidden)| {
            let seconds = i32::try_from(*seconds).unwrap_or(i32::MAX);
            Change::builder().id(id.to_string()).receipt_handle(handle).visibility_timeout(seconds).build()
        };
        let entries = messages.iter().enumerate().filter_map(|numbered| entry(numbered).ok()).collect();
        let call = self.client.change_message_visibility_batch().queue_url(&self.queue_url).set_entries(Some(entries));
        call.send().await.map_or_else(|error| failed(&error), |output| answered(output.failed()))
    }
}

/// SQS answered, and some entries may have failed.
fn answered(failed: &[BatchResultErrorEntry]) -> Outcome<(), CallError> {
    match failed.iter().find(|entry| is_transient_entry(entry.sender_fault(), entry.code())) {
        Some(entry) => Outcome::Again(CallError(format!("SQS answered {} for a message", entry.code()))),
        None => Outcome::Done(()),
    }
}

fn failed<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> Outcome<(), CallError> {
    let call_error = CallError(explain("SQS", error));
    if is_transient_error(error) { Outcome::Again(call_error) } else { Outcome::Never(call_error) }
}

#[cfg(test)]
mod tests;
