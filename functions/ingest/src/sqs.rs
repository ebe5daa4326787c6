//! Calls SQS through the SDK: one `SendMessageBatch` per call, without the SDK's retries.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use spillway_aws::{Calls, SdkConfig, explain, is_transient_entry, is_transient_error};
use spillway_shared::retry::Attempts;

use crate::group_commit::{CallFailed, Cause, Outgoing, Receipt, SendMessages};

/// Codes by which SQS refuses messages for their size or content, without prefix and suffix (SQS API reference, errors
/// of `SendMessage` and `SendMessageBatch`).
const OF_RECORDS: [&str; 4] =
    ["BatchRequestTooLong", "InvalidMessageContents", "InvalidParameterValue", "MessageTooLong"];

/// An SQS queue.
#[derive(Debug, Clone)]
pub struct Sqs {
    client: Client,
    queue_url: String,
}

impl Sqs {
    /// The queue at `queue_url`. Region, credentials and endpoint come from the SDK's usual variables.
    pub async fn connect(queue_url: String, attempts: Attempts) -> Self {
        Self::with_config(&Calls::once(attempts.timeout).load(None, None).await, queue_url)
    }

    /// The queue at `queue_url`, with a loaded configuration of the SDK.
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
        call.send().await.map(|output| receipts(&output, count)).map_err(|error| CallFailed {
            reason: explain("SQS", &error),
            cause: cause(is_transient_error(&error), error.code().unwrap_or_default()),
        })
    }
}

/// The entry's id is its index: it is unique in the call, and SQS's answer contains it.
fn entry(index: usize, body: String) -> Result<SendMessageBatchRequestEntry, CallFailed> {
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(body)
        .build()
        .map_err(|error| CallFailed { reason: error.to_string(), cause: Cause::Records })
}

fn cause(is_transient: bool, code: &str) -> Cause {
    let code = code.rsplit(['#', '.']).next().unwrap_or_default();
    match code.strip_suffix("Exception").unwrap_or(code) {
        _ if is_transient => Cause::Transient,
        code if OF_RECORDS.contains(&code) => Cause::Records,
        _ => Cause::Access,
    }
}

/// The receipt of each message; a message that the answer does not contain is not known to be durable.
fn receipts(output: &SendMessageBatchOutput, count: usize) -> Vec<Receipt> {
    let missing =
        Receipt::Refused { reason: "the answer does not contain this message".to_owned(), cause: Cause::Transient };
    let mut receipts = vec![missing; count];
    let place = |id: &str| id.parse::<usize>().ok().filter(|index| *index < count);
    for index in output.successful().iter().filter_map(|entry| place(entry.id())) {
        receipts[index] = Receipt::Durable;
    }
    for entry in output.failed() {
        if let Some(index) = place(entry.id()) {
            let reason = format!("{}: {}", entry.code(), entry.message().unwrap_or_default());
            let cause = cause(is_transient_entry(entry.sender_fault(), entry.code()), entry.code());
            receipts[index] = Receipt::Refused { reason, cause };
        }
    }
    receipts
}
