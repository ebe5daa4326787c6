//! Receives messages by long polls.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use spillway_shared::retry::pause_after;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::Shared;

/// The most that SQS hands out at once.
const MESSAGES: usize = 10;
/// After a receive that did not bring all that it could, a poller lets messages gather for so long: on loopback it would
/// be back for every single one, which only keeps this machine busy.
const GATHER: Duration = Duration::from_millis(50);
/// The part of the window that may pass with it at most.
const GATHER_SHARE: u32 = 10;
/// How much longer than the poll itself its answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Receives as long as somebody takes what comes; while nobody does, it receives nothing.
pub(super) async fn run(shared: Arc<Shared>, received: mpsc::Sender<Vec<Message>>) {
    let mut failures = 0;
    while let Ok(place) = received.reserve().await {
        match receive(&shared).await {
            Ok(messages) => {
                failures = 0;
                let count = messages.len();
                if count > 0 {
                    shared.took(count);
                    place.send(messages);
                    let_gather(&shared, count).await;
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

/// A pause after a receive of so many messages, unless the queue is being drained.
async fn let_gather(shared: &Shared, count: usize) {
    if count < most(shared) {
        let pause = GATHER.min(shared.settings.window / GATHER_SHARE);
        // It errs when the pause is over, which is as good.
        let _ = timeout(pause, shared.until_draining()).await;
    }
}

/// How many messages one receive asks for.
fn most(shared: &Shared) -> usize {
    shared.settings.batch_size.clamp(1, MESSAGES)
}

async fn receive(shared: &Shared) -> Result<Vec<Message>, String> {
    let settings = &shared.settings;
    let call = settings
        .client
        .receive_message()
        .queue_url(&settings.queue_url)
        .max_number_of_messages(i32::try_from(most(shared)).unwrap_or(1))
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
