//! SQS: the one file that knows its SDK. What deliver tells the queue that its messages come from.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry as Change, DeleteMessageBatchRequestEntry as Delete,
};
use spillway_shared::causes::causes;
use spillway_shared::retry::Outcome;

use crate::config::Source;

/// The most messages that one call can name.
pub const MOST_MESSAGES: usize = 10;

/// How long SQS may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A message that stays hidden for some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// The handle of its last receive.
    pub handle: String,
    /// From now, in seconds; at most 43,200.
    pub seconds: u32,
}

/// Why a call failed: a status and a code, or what is wrong with the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CallError(pub String);

/// The queue that messages come from.
///
/// Both calls name messages by the handle of their last receive, at most [`MOST_MESSAGES`], and are tried once. A
/// failure that may pass, also of a single message, is [`Outcome::Again`]: repeating the call for all does no harm. A
/// message that SQS refuses for good (its handle is too old) is left as it is.
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
    /// A client for the queue, with the endpoint and the credentials that the SDK finds; nothing is sent yet.
    ///
    /// `call_timeout` bounds one call. The SDK tries once: trying again is [`spillway_shared::retry`]'s.
    pub async fn new(source: &Source, call_timeout: Duration) -> Self {
        Self::with(&loader(source, call_timeout).load().await, source.queue_url.clone())
    }

    fn with(shared: &SdkConfig, queue_url: String) -> Self {
        Self { client: Client::new(shared), queue_url }
    }
}

impl MessageQueue for Sqs {
    async fn delete(&self, handles: &[String]) -> Outcome<(), CallError> {
        let entry =
            |(at, handle): (usize, &String)| Delete::builder().id(at.to_string()).receipt_handle(handle).build();
        // An entry that has all it needs is always built.
        let entries = handles.iter().enumerate().filter_map(|numbered| entry(numbered).ok()).collect();
        let call = self.client.delete_message_batch().queue_url(&self.queue_url).set_entries(Some(entries));
        call.send().await.map_or_else(|error| failed(&error), |output| answered(output.failed()))
    }

    async fn hide(&self, messages: &[Hidden]) -> Outcome<(), CallError> {
        let entry = |(at, Hidden { handle, seconds }): (usize, &Hidden)| {
            let seconds = i32::try_from(*seconds).unwrap_or(i32::MAX);
            Change::builder().id(at.to_string()).receipt_handle(handle).visibility_timeout(seconds).build()
        };
        let entries = messages.iter().enumerate().filter_map(|numbered| entry(numbered).ok()).collect();
        let call = self.client.change_message_visibility_batch().queue_url(&self.queue_url).set_entries(Some(entries));
        call.send().await.map_or_else(|error| failed(&error), |output| answered(output.failed()))
    }
}

fn loader(source: &Source, call_timeout: Duration) -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(source.region.clone()))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts(call_timeout))
}

fn timeouts(call: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT.min(call))
        .operation_attempt_timeout(call)
        .operation_timeout(call)
        .build()
}

/// Entries that failed through no fault of ours may work another time.
fn answered(failed: &[BatchResultErrorEntry]) -> Outcome<(), CallError> {
    match failed.iter().find(|entry| !entry.sender_fault()) {
        Some(entry) => Outcome::Again(CallError(format!("SQS answered {} for a message", entry.code()))),
        None => Outcome::Done(()),
    }
}

fn failed<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> Outcome<(), CallError> {
    let SdkError::ServiceError(answer) = error else { return Outcome::Again(CallError(causes(error))) };
    let (status, code) = (answer.raw().status().as_u16(), answer.err().code().unwrap_or("without a code"));
    let call_error = CallError(format!("SQS answered {status} {code}"));
    match status {
        408 | 429 | 500.. => Outcome::Again(call_error),
        _ if code.contains("Throttl") || code.contains("OverLimit") => Outcome::Again(call_error),
        _ => Outcome::Never(call_error),
    }
}

#[cfg(test)]
#[path = "sqs/tests.rs"]
mod tests;
