//! Waits until a queue is empty.

use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName::{
    ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed, ApproximateNumberOfMessagesNotVisible,
};
use tokio::time::{sleep, timeout};

use super::Shared;

const PAUSE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(3);
/// SQS calls its counts approximate: they must say the same twice.
const TIMES: u32 = 2;

/// Ends when the queue has no message and none is held.
pub(super) async fn until_empty(shared: &Shared) {
    let mut empty = 0;
    while empty < TIMES {
        let now = messages(shared).await == Some(0) && shared.held.load(Ordering::Relaxed) == 0;
        empty = if now { empty + 1 } else { 0 };
        if empty < TIMES {
            sleep(PAUSE).await;
        }
    }
}

/// How many messages the queue has, in flight or not; nothing if it does not answer.
async fn messages(shared: &Shared) -> Option<u64> {
    let names =
        [ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed, ApproximateNumberOfMessagesNotVisible];
    let call = shared.settings.client.get_queue_attributes().queue_url(&shared.settings.queue_url);
    let call = call.set_attribute_names(Some(names.to_vec())).send();
    let output = timeout(PATIENCE, call).await.ok()?.ok()?;
    let attributes = output.attributes?;
    names.iter().map(|name| attributes.get(name).and_then(|count| count.parse::<u64>().ok())).sum()
}
