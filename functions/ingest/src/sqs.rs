//! Calls SQS through the SDK: one `SendMessageBatch` per call, without the SDK's retries.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use spillway_shared::causes::causes;
use spillway_shared::retry::Tries;

use crate::group_commit::{CallFailed, Outgoing, Receipt, SendMessages};

/// Error codes, without their prefix, that SQS reports as the caller's fault but that a retry may resolve.
const TRANSIENT: [&str; 7] = [
    "KmsThrottled",
    "OverLimit",
    "RequestLimitExceeded",
    "RequestThrottled",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// An SQS queue.
#[derive(Debug, Clone)]
pub struct Sqs {
    client: Client,
    queue_url: String,
}

impl Sqs {
    /// The queue at `queue_url`; region, credentials and endpoint come from the SDK's usual variables.
    pub async fn connect(queue_url: String, tries: Tries) -> Self {
        Self::with_config(&sdk_config(tries.timeout).await, queue_url)
    }

    /// The queue at `queue_url`, with a configuration of the SDK.
    #[must_use]
    pub fn with_config(config: &SdkConfig, queue_url: String) -> Self {
        Self { client: Client::new(config), queue_url }
    }
}

impl SendMessages for Sqs {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Receipt>, CallFailed> {
        let count = messages.len();
        let mut call = self.client.send_message_batch().queue_url(&self.queue_url);
        for (index, message) in messages.into_iter().enumerate() {
            call = call.entries(entry(index, message.body)?);
        }
        call.send().await.map(|output| receipts(&output, count)).map_err(|error| failed(&error))
    }
}

async fn sdk_config(timeout: Duration) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().operation_timeout(timeout).operation_attempt_timeout(timeout).build();
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .load()
        .await
}

/// The entry's id is its index: it is unique in the call, and SQS's answer contains it.
fn entry(index: usize, body: String) -> Result<SendMessageBatchRequestEntry, CallFailed> {
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(body)
        .build()
        .map_err(|error| CallFailed { reason: error.to_string(), for_good: true })
}

/// The receipt of each message; a message that the answer does not contain is not known to be durable.
fn receipts(output: &SendMessageBatchOutput, count: usize) -> Vec<Receipt> {
    let missing = Receipt::Refused { reason: "the answer does not contain this message".to_owned(), for_good: false };
    let mut receipts = vec![missing; count];
    let place = |id: &str| id.parse::<usize>().ok().filter(|index| *index < count);
    for index in output.successful().iter().filter_map(|entry| place(entry.id())) {
        receipts[index] = Receipt::Durable;
    }
    for entry in output.failed() {
        if let Some(index) = place(entry.id()) {
            let reason = format!("{}: {}", entry.code(), entry.message().unwrap_or_default());
            receipts[index] =
                Receipt::Refused { reason, for_good: entry.sender_fault() && !is_transient(entry.code()) };
        }
    }
    receipts
}

fn failed(error: &SdkError<SendMessageBatchError>) -> CallFailed {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let refused = status.is_some_and(|status| (400..500).contains(&status) && status != 429);
    let for_good = refused && !error.code().is_some_and(is_transient);
    CallFailed { reason: explain(error), for_good }
}

/// One line for the log: SQS's error, or the failure of the connection.
fn explain(error: &SdkError<SendMessageBatchError>) -> String {
    if let Some(code) = error.code() {
        return format!("{code}: {}", error.message().unwrap_or_default());
    }
    causes(error)
}

fn is_transient(code: &str) -> bool {
    TRANSIENT.contains(&code.rsplit('.').next().unwrap_or_default())
}
