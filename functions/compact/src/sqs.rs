//! The adapter to SQS: sends hours that are to be compacted.

use std::future::Future;

use aws_sdk_sqs::Client;
use spillway_aws::{SdkConfig, explain, is_transient_error};
use spillway_shared::retry::Outcome;

/// Why a call failed: SQS's status, code and message, or the causes of a failed connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SendError(pub String);

/// The function's own queue.
pub trait Queue: Send + Sync + 'static {
    /// Sends a message; makes one attempt. A message that arrives twice does no harm.
    fn send(&self, body: &str) -> impl Future<Output = Outcome<(), SendError>> + Send;
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

impl Queue for Sqs {
    async fn send(&self, body: &str) -> Outcome<(), SendError> {
        let call = self.client.send_message().queue_url(&self.queue_url).message_body(body);
        match call.send().await {
            Ok(_) => Outcome::Done(()),
            Err(error) => {
                let send_error = SendError(explain("SQS", &error));
                if is_transient_error(&error) { Outcome::Again(send_error) } else { Outcome::Never(send_error) }
            }
        }
    }
}
