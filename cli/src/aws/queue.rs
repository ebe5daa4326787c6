//! Queues as operators' commands use them.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry as Delete, Message, MessageSystemAttributeName::SentTimestamp,
    QueueAttributeName::RedrivePolicy, SendMessageBatchRequestEntry as Send,
};
use serde::Deserialize;

/// The most messages that one call can name.
pub(crate) const MOST_MESSAGES: usize = 10;
/// The most bytes of bodies that one call can send together.
pub(crate) const MOST_BYTES: usize = 1 << 20;
/// How long a receive waits for the first message: with long polling SQS asks all its servers, so nothing is missed.
const WAIT_SECONDS: i32 = 3;
/// How long a received message is hidden: what could not be moved shows up again after it.
const HIDDEN_SECONDS: i32 = 120;

/// One queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    client: Client,
    url: String,
}

/// A message that was received. A message of Spillway is its body alone.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// The body.
    pub(crate) body: String,
    /// Names this receive, for deleting.
    pub(crate) handle: String,
    /// When it was sent first, by SQS's clock; becoming a dead letter does not change that.
    pub(crate) sent: SystemTime,
}

impl From<Message> for Received {
    fn from(message: Message) -> Self {
        let millis = message.attributes().and_then(|attributes| attributes.get(&SentTimestamp)?.parse().ok());
        Self {
            sent: SystemTime::UNIX_EPOCH + Duration::from_millis(millis.unwrap_or(0)),
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

    /// The queue that this one's redrive policy names.
    pub(crate) async fn dead_letter_queue(&self) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Policy {
            #[serde(rename = "deadLetterTargetArn")]
            arn: String,
        }
        let call = self.client.get_queue_attributes().queue_url(&self.url).attribute_names(RedrivePolicy);
        let attributes = call.send().await.context("the queue does not say which its dead-letter queue is")?.attributes;
        let policy = attributes.and_then(|mut attributes| attributes.remove(&RedrivePolicy));
        let policy = policy.ok_or_else(|| anyhow!("the queue has no dead-letter queue"))?;
        let Policy { arn } = serde_json::from_str(&policy).context("the queue's redrive policy cannot be read")?;
        let name = arn.rsplit(':').next().unwrap_or_default();
        let output = self.client.get_queue_url().queue_name(name).send().await;
        let url = output.context("the dead-letter queue has no URL")?.queue_url.unwrap_or_default();
        Ok(Self { client: self.client.clone(), url })
    }

    /// Another queue, reached in the same way.
    pub(crate) fn beside(&self, url: impl Into<String>) -> Self {
        Self { client: self.client.clone(), url: url.into() }
    }

    /// About how many messages wait in it.
    pub(crate) async fn waiting(&self) -> anyhow::Result<u64> {
        use aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessages as Number;
        let call = self.client.get_queue_attributes().queue_url(&self.url).attribute_names(Number);
        let attributes = call.send().await.context("the queue does not answer")?.attributes.unwrap_or_default();
        Ok(attributes.get(&Number).and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// At most ten messages; none only if there is none.
    pub(crate) async fn receive(&self) -> anyhow::Result<Vec<Received>> {
        let call = self.client.receive_message().queue_url(&self.url);
        let call = call.max_number_of_messages(10).wait_time_seconds(WAIT_SECONDS).visibility_timeout(HIDDEN_SECONDS);
        let call = call.message_system_attribute_names(SentTimestamp);
        let messages = call.send().await.context("messages cannot be received")?.messages.unwrap_or_default();
        Ok(messages.into_iter().map(Received::from).collect())
    }

    /// Sends messages, at most [`MOST_MESSAGES`] and [`MOST_BYTES`]; answers which of them, by place, SQS acknowledged.
    pub(crate) async fn send(&self, bodies: &[&str]) -> anyhow::Result<Vec<usize>> {
        let entry = |(at, body): (usize, &&str)| Send::builder().id(at.to_string()).message_body(*body).build();
        let entries = bodies.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
        let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let output = call.send().await.context("messages cannot be sent")?;
        Ok(output.successful().iter().filter_map(|entry| entry.id().parse().ok()).collect())
    }

    /// Deletes messages, at most [`MOST_MESSAGES`]; answers how many SQS acknowledged.
    pub(crate) async fn delete(&self, handles: &[&str]) -> anyhow::Result<usize> {
        let entry = |(at, handle): (usize, &&str)| Delete::builder().id(at.to_string()).receipt_handle(*handle).build();
        let entries = handles.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
        let call = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
        Ok(call.send().await.context("messages cannot be deleted")?.successful().len())
    }
}
