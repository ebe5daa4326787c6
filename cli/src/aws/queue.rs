//! Queues as operator commands use them. An error that may pass does not end a command: each call is repeated.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry as Delete, Message,
    MessageSystemAttributeName::SentTimestamp,
    QueueAttributeName::{self, RedrivePolicy},
    SendMessageBatchRequestEntry as Send,
};
use serde::Deserialize;
use spillway_aws::{SdkConfig, is_transient_error};
use spillway_shared::retry::pause_after;
use tokio::time::sleep;

/// The maximum number of messages of one call.
pub(crate) const MOST_MESSAGES: usize = 10;
/// The maximum size of all bodies of one call, in bytes.
pub(crate) const MOST_BYTES: usize = 1 << 20;
/// How long a receive waits for the first message. With long polling SQS queries all its servers, so it misses none.
const WAIT_SECONDS: i32 = 3;
/// How long a received message stays hidden; one that could not be moved becomes visible again afterwards.
pub(crate) const HIDDEN_SECONDS: i32 = 120;
/// How often a call is made until it succeeds, with growing pauses and jitter; each time the SDK makes three attempts.
const TRIES: u32 = 6;

/// One queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    client: Client,
    url: String,
}

/// A received message. A message of Spillway has no attributes.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// SQS's id of the message, the same at each receive.
    pub(crate) id: String,
    /// The body.
    pub(crate) body: String,
    /// The receipt handle, for deleting it.
    pub(crate) handle: String,
    /// When it was first sent, by SQS's clock. Moving to the dead-letter queue does not change it.
    pub(crate) sent: SystemTime,
}

impl From<Message> for Received {
    fn from(message: Message) -> Self {
        let millis = message.attributes().and_then(|attributes| attributes.get(&SentTimestamp)?.parse().ok());
        Self {
            sent: SystemTime::UNIX_EPOCH + Duration::from_millis(millis.unwrap_or(0)),
            id: message.message_id.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
            handle: message.receipt_handle.unwrap_or_default(),
        }
    }
}

impl Queue {
    /// The queue at `url`.
    pub(crate) fn new(config: &SdkConfig, url: impl Into<String>) -> Self {
        Self { client: Client::new(config), url: url.into() }
    }

    /// The dead-letter queue named by this queue's redrive policy.
    pub(crate) async fn dead_letter_queue(&self) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Policy {
            #[serde(rename = "deadLetterTargetArn")]
            arn: String,
        }
        let call = self.client.get_queue_attributes().queue_url(&self.url).attribute_names(RedrivePolicy);
        let attributes = call.send().await.context("the queue's redrive policy cannot be fetched")?.attributes;
        let policy = attributes.and_then(|mut attributes| attributes.remove(&RedrivePolicy));
        let policy = policy.ok_or_else(|| anyhow!("the queue has no dead-letter queue"))?;
        let Policy { arn } = serde_json::from_str(&policy).context("the queue's redrive policy cannot be read")?;
        let name = arn.rsplit(':').next().unwrap_or_default();
        let output = self.client.get_queue_url().queue_name(name).send().await;
        let url = output.context("the dead-letter queue has no URL")?.queue_url.unwrap_or_default();
        Ok(Self { client: self.client.clone(), url })
    }

    /// Another queue, reached by the same client.
    pub(crate) fn sibling(&self, url: impl Into<String>) -> Self {
        Self { client: self.client.clone(), url: url.into() }
    }

    /// The last part of the URL.
    pub(crate) fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    /// The approximate number of visible messages.
    pub(crate) async fn waiting(&self) -> anyhow::Result<u64> {
        self.number(QueueAttributeName::ApproximateNumberOfMessages).await
    }

    /// The approximate number of messages that someone has received and not deleted, which no receive returns for now.
    pub(crate) async fn hidden(&self) -> anyhow::Result<u64> {
        self.number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await
    }

    async fn number(&self, name: QueueAttributeName) -> anyhow::Result<u64> {
        let call = self.client.get_queue_attributes().queue_url(&self.url).attribute_names(name.clone());
        let output = repeated(|| call.clone().send()).await.context("the queue's attributes cannot be fetched")?;
        let attributes = output.attributes.unwrap_or_default();
        Ok(attributes.get(&name).and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// Receives at most ten messages; none only if the queue has none that are visible.
    pub(crate) async fn receive(&self) -> anyhow::Result<Vec<Received>> {
        let call = self.client.receive_message().queue_url(&self.url);
        let call = call.max_number_of_messages(10).wait_time_seconds(WAIT_SECONDS).visibility_timeout(HIDDEN_SECONDS);
        let call = call.message_system_attribute_names(SentTimestamp);
        let output = repeated(|| call.clone().send()).await.context("messages cannot be received")?;
        let messages = output.messages.unwrap_or_default();
        Ok(messages.into_iter().map(Received::from).collect())
    }

    /// Sends messages, at most [`MOST_MESSAGES`] and [`MOST_BYTES`], and returns the indices of those SQS acknowledged.
    pub(crate) async fn send(&self, bodies: &[&str]) -> anyhow::Result<Vec<usize>> {
        let entry = |(at, body): (usize, &&str)| Send::builder().id(at.to_string()).message_body(*body).build();
        let entries = bodies.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
        let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let output = repeated(|| call.clone().send()).await.context("messages cannot be sent")?;
        Ok(output.successful().iter().filter_map(|entry| entry.id().parse().ok()).collect())
    }

    /// Deletes messages, at most [`MOST_MESSAGES`], and returns the indices of those SQS acknowledged.
    pub(crate) async fn delete(&self, handles: &[&str]) -> anyhow::Result<Vec<usize>> {
        let entry = |(at, handle): (usize, &&str)| Delete::builder().id(at.to_string()).receipt_handle(*handle).build();
        let entries = handles.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
        let call = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let output = repeated(|| call.clone().send()).await.context("messages cannot be deleted")?;
        Ok(output.successful().iter().filter_map(|entry| entry.id().parse().ok()).collect())
    }
}

/// The output of a call, which is repeated while its error may pass. A send that is repeated after its answer was lost
/// leaves a message twice in the queue, with the same records.
async fn repeated<T, E, F>(call: impl Fn() -> F) -> Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    for tries in 1..TRIES {
        match call().await {
            Err(error) if is_transient_error(&error) => sleep(pause_after(tries)).await,
            result => return result,
        }
    }
    call().await
}
