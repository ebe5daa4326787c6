//! Receives messages by long polls.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use spillway_shared::retry::pause_after;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::Shared;

/// The most that SQS hands out at once.
const MESSAGES: i32 = 10;
/// How much longer than the poll itself its answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Receives as long as somebody takes what comes; while nobody does, it receives nothing.
pub(super) async fn run(shared: Arc<Shared>, received: mpsc::Sender<Vec<Message>>) {
    let mut failures = 0;
    while let Ok(place) = received.reserve().await {
        match receive(&shared).await {
            Ok(messages) => {
                failures = 0;
                if !messages.is_empty() {
                    shared.took(messages.len());
                    place.send(messages);
                }
            }
            Err(error) => {
                drop(place);
                failures += 1;
                tracing::warn!(error, failures, "SQS: receive failed");
                sleep(pause_after(failures)).await;
            }
        }
    }
}

async fn receive(shared: &Shared) -> Result<Vec<Message>, String> {
    let settings = &shared.settings;
    let call = settings
        .client
        .receive_message()
        .queue_url(&settings.queue_url)
        .max_number_of_messages(MESSAGES.min(i32::try_from(settings.batch_size).unwrap_or(MESSAGES)).max(1))
        .wait_time_seconds(i32::try_from(settings.poll_wait.as_secs()).unwrap_or(20).min(20))
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
        .send();
    match timeout(settings.poll_wait + PATIENCE, call).await {
        Ok(Ok(output)) => Ok(output.messages.unwrap_or_default()),
        Ok(Err(error)) => Err(aws_sdk_sqs::error::DisplayErrorContext(error).to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}
