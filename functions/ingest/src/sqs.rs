//! SQS, by its SDK: one `SendMessageBatch` a call, without the SDK's own retries.

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

/// Codes, without their prefix, that name a passing state although they are the caller's fault.
const PASSING: [&str; 7] = [
    "KmsThrottled",
    "OverLimit",
    "RequestLimitExceeded",
    "RequestThrottled",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// A queue of SQS.
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

    /// The queue at `queue_url` by a configuration of the SDK.
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

/// The index is the entry's id: it is unique in the call, and the answer names it.
fn entry(index: usize, body: String) -> Result<SendMessageBatchRequestEntry, CallFailed> {
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(body)
        .build()
        .map_err(|error| CallFailed { reason: error.to_string(), for_good: true })
}

/// What the answer says of each message; one that it does not name is not known to be durable.
fn receipts(output: &SendMessageBatchOutput, count: usize) -> Vec<Receipt> {
    let unnamed = Receipt::Refused { reason: "the answer does not name it".to_owned(), for_good: false };
    let mut receipts = vec![unnamed; count];
    let place = |id: &str| id.parse::<usize>().ok().filter(|index| *index < count);
    for index in output.successful().iter().filter_map(|entry| place(entry.id())) {
        receipts[index] = Receipt::Durable;
    }
    for entry in output.failed() {
        if let Some(index) = place(entry.id()) {
            let reason = format!("{}: {}", entry.code(), entry.message().unwrap_or_default());
            receipts[index] = Receipt::Refused { reason, for_good: entry.sender_fault() && !is_passing(entry.code()) };
        }
    }
    receipts
}

fn failed(error: &SdkError<SendMessageBatchError>) -> CallFailed {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let refused = status.is_some_and(|status| (400..500).contains(&status) && status != 429);
    let for_good = refused && !error.code().is_some_and(is_passing);
    CallFailed { reason: explain(error), for_good }
}

/// One line for the log: what SQS says, or what broke on the way to it.
fn explain(error: &SdkError<SendMessageBatchError>) -> String {
    if let Some(code) = error.code() {
        return format!("{code}: {}", error.message().unwrap_or_default());
    }
    causes(error)
}

fn is_passing(code: &str) -> bool {
    PASSING.contains(&code.rsplit('.').next().unwrap_or_default())
}
