//! Invokes the function with a batch and deletes the messages that succeeded.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use bytes::Bytes;
use futures::{StreamExt, stream};
use spillway_shared::retry::{Attempts, Outcome, pause_after};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};

use super::batch::{Batch, Receipt};
use super::{Shared, batch_response};
use crate::invoke::{Invoke, InvokeError};

/// The maximum number of messages of one deletion call.
const MAX_DELETIONS: usize = 10;
/// The number of concurrent deletion calls of a batch.
const CONCURRENT_DELETIONS: usize = 4;
/// Attempts of a deletion. A message that is not deleted becomes visible and is delivered twice.
const ATTEMPTS: Attempts = Attempts { timeout: Duration::from_secs(3), count: 5 };
const DELETE_DEADLINE: Duration = Duration::from_secs(15);
/// The maximum number of invocations of a batch while no environment is free.
const MAX_INVOKES: u32 = 6;

/// Invokes the function with a batch and deletes the messages that succeeded.
pub(super) async fn run<I: Invoke>(
    shared: Arc<Shared>,
    function: Arc<I>,
    batch: Batch,
    slot: Option<OwnedSemaphorePermit>,
) {
    let (event, messages) = batch.close();
    let count = messages.len();
    match invoke(&*function, event).await.and_then(|response| batch_response::succeeded(&response, messages)) {
        Ok(succeeded) => {
            let failed = count - succeeded.len();
            if failed > 0 {
                tracing::info!(failed, of = count, "messages of a batch failed; they will be retried");
            }
            // The next invocation need not wait for deletions, but their number is bounded.
            let _deleting = shared.deletions.acquire().await;
            drop(slot);
            delete(&shared, succeeded).await;
        }
        Err(error) => tracing::warn!(error, messages = count, "a batch failed; its messages will be retried"),
    }
    shared.held.fetch_sub(count, Ordering::Relaxed);
}

async fn invoke<I: Invoke>(function: &I, event: Bytes) -> Result<Bytes, String> {
    let mut invokes = 0;
    loop {
        invokes += 1;
        match function.invoke(event.clone()).await {
            Err(InvokeError::NoEnvironment) if invokes < MAX_INVOKES => sleep(pause_after(invokes)).await,
            response => return response.map_err(|error| error.to_string()),
        }
    }
}

async fn delete(shared: &Arc<Shared>, messages: Vec<Receipt>) {
    let calls: Vec<_> =
        messages.chunks(MAX_DELETIONS).map(|some| delete_some(Arc::clone(shared), some.to_vec())).collect();
    stream::iter(calls).buffer_unordered(CONCURRENT_DELETIONS).for_each(|()| async {}).await;
}

async fn delete_some(shared: Arc<Shared>, mut left: Vec<Receipt>) {
    let (mut attempts, deadline) = (ATTEMPTS.begin(), Instant::now() + DELETE_DEADLINE);
    let result = loop {
        if let Some(end) = attempts.once(deadline, delete_once(&shared, &mut left)).await {
            break end;
        }
    };
    if let Err(error) = result {
        tracing::warn!(%error, messages = left.len(), "messages could not be deleted; they will be delivered again");
    }
}

/// Makes one deletion call; the messages to retry stay in `messages`.
async fn delete_once(shared: &Shared, messages: &mut Vec<Receipt>) -> Outcome<(), String> {
    let entry = |(at, receipt): (usize, &Receipt)| {
        DeleteMessageBatchRequestEntry::builder().id(at.to_string()).receipt_handle(&receipt.handle).build()
    };
    let entries: Vec<_> = messages.iter().enumerate().filter_map(|numbered| entry(numbered).ok()).collect();
    let call = shared.settings.client.delete_message_batch().queue_url(&shared.settings.queue_url);
    let output = match call.set_entries(Some(entries)).send().await {
        Ok(output) => output,
        Err(error) => return Outcome::Again(DisplayErrorContext(error).to_string()),
    };
    // An entry that failed by fault of the sender has an expired handle; a retry would not help.
    let failed = output.failed().iter().filter(|entry| !entry.sender_fault());
    *messages = failed.filter_map(|entry| messages.get(entry.id().parse::<usize>().ok()?).cloned()).collect();
    if messages.is_empty() { Outcome::Done(()) } else { Outcome::Again("some entries failed".to_owned()) }
}
