//! Waits until a queue is empty.

use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName::{
    ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed, ApproximateNumberOfMessagesNotVisible,
};
use tokio::time::{sleep, timeout};

use super::Shared;

const PAUSE: Duration = Duration::from_millis(100);
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// The number of consecutive counts of zero that mean empty, because the counts of SQS are approximate.
const ZERO_COUNTS: u32 = 2;

/// Returns when the queue is empty and the event source holds no message.
pub(super) async fn until_empty(shared: &Shared) {
    let mut empty = 0;
    while empty < ZERO_COUNTS {
        let now = messages(shared).await == Some(0) && shared.held.load(Ordering::Relaxed) == 0;
        empty = if now { empty + 1 } else { 0 };
        if empty < ZERO_COUNTS {
            sleep(PAUSE).await;
        }
    }
}

/// The number of messages in the queue, received ones included; `None` if SQS does not respond.
async fn messages(shared: &Shared) -> Option<u64> {
    let names =
        [ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed, ApproximateNumberOfMessagesNotVisible];
    let call = shared.settings.client.get_queue_attributes().queue_url(&shared.settings.queue_url);
    let call = call.set_attribute_names(Some(names.to_vec())).send();
    let output = timeout(CALL_TIMEOUT, call).await.ok()?.ok()?;
    let attributes = output.attributes?;
    names.iter().map(|name| attributes.get(name).and_then(|count| count.parse::<u64>().ok())).sum()
}
