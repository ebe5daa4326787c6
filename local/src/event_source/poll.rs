//! Receives messages by long polls.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use spillway_shared::retry::pause_after;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::Shared;

/// The maximum number of messages of one receive.
const MAX_MESSAGES: usize = 10;
/// The pause after a receive that returned fewer messages than it could, so that messages accumulate: on loopback a poller
/// would otherwise receive them one by one and keep the machine busy.
const PAUSE: Duration = Duration::from_millis(50);
/// The pause is at most the window divided by this.
const PAUSE_SHARE: u32 = 10;
/// The maximum time of a receive in addition to its wait. Messages of a receive that ends without its response stay hidden
/// for the visibility timeout, so a busy machine gets enough time for ten messages of 1 MiB.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(1);

/// Receives while the channel has capacity, until the receiver is dropped.
pub(super) async fn run(shared: Arc<Shared>, received: mpsc::Sender<Vec<Message>>) {
    let mut failures = 0;
    while let Ok(place) = received.reserve().await {
        match receive(&shared).await {
            Ok(messages) => {
                failures = 0;
                let count = messages.len();
                if count > 0 {
                    shared.held.fetch_add(count, Ordering::Relaxed);
                    place.send(messages);
                    pause(&shared, count).await;
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

/// Pauses after a receive of `count` messages, unless the queue is being drained.
async fn pause(shared: &Shared, count: usize) {
    if count < max_messages(shared) {
        let duration = PAUSE.min(shared.settings.window / PAUSE_SHARE);
        // An error means that the pause is over.
        let _ = timeout(duration, shared.until_draining()).await;
    }
}

/// The number of messages that one receive requests.
fn max_messages(shared: &Shared) -> usize {
    shared.settings.batch_size.clamp(1, MAX_MESSAGES)
}

async fn receive(shared: &Shared) -> Result<Vec<Message>, String> {
    let settings = &shared.settings;
    let call = settings
        .client
        .receive_message()
        .queue_url(&settings.queue_url)
        .max_number_of_messages(i32::try_from(max_messages(shared)).unwrap_or(1))
        .wait_time_seconds(i32::try_from(settings.poll_wait.as_secs()).unwrap_or(20).min(20))
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send();
    match timeout(settings.poll_wait + RESPONSE_TIMEOUT, call).await {
        Ok(Ok(output)) => Ok(output.messages.unwrap_or_default()),
        Ok(Err(error)) => Err(aws_sdk_sqs::error::DisplayErrorContext(error).to_string()),
        Err(_) => Err("no response in time".to_owned()),
    }
}
