//! One batch: its invocation, and the deletion of what succeeded.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use bytes::Bytes;
use futures::{StreamExt, stream};
use spillway_shared::retry::{Attempts, Outcome, pause_after};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep};

use super::batch::{Batch, Receipt};
use super::{Shared, answer};
use crate::invoke::{Invoke, InvokeError};

/// The most that SQS deletes at once.
const DELETIONS: usize = 10;
/// Calls that delete at once, for each batch.
const CALLS: usize = 4;
/// A deletion that fails is tried again: else the message comes back and is delivered twice.
const ATTEMPTS: Attempts = Attempts { timeout: Duration::from_secs(3), count: 5 };
const DELETE_WITHIN: Duration = Duration::from_secs(15);
/// How often a batch is offered to a function that has no free environment.
const OFFERS: u32 = 6;

/// Invokes the function with a batch and deletes what succeeded.
pub(super) async fn run<I: Invoke>(
    shared: Arc<Shared>,
    function: Arc<I>,
    batch: Batch,
    slot: Option<OwnedSemaphorePermit>,
) {
    let (event, messages) = batch.close();
    let count = messages.len();
    match invoke(&*function, event).await.and_then(|answer| answer::succeeded(&answer, messages)) {
        Ok(succeeded) => {
            let failed = count - succeeded.len();
            if failed > 0 {
                tracing::info!(failed, of = count, "messages of a batch failed; they come back");
            }
            // The next invocation need not wait for deletions, but there is an end to how many may wait.
            let _deleting = shared.deletions.acquire().await;
            drop(slot);
            delete(&shared, succeeded).await;
        }
        Err(error) => tracing::warn!(error, messages = count, "a batch failed; its messages come back"),
    }
    shared.settled(count);
}

async fn invoke<I: Invoke>(function: &I, event: Bytes) -> Result<Bytes, String> {
    let mut offers = 0;
    loop {
        offers += 1;
        match function.invoke(event.clone()).await {
            Err(InvokeError::NoEnvironment) if offers < OFFERS => sleep(pause_after(offers)).await,
            answer => return answer.map_err(|error| error.to_string()),
        }
    }
}

async fn delete(shared: &Arc<Shared>, messages: Vec<Receipt>) {
    let calls: Vec<_> = messages.chunks(DELETIONS).map(|some| delete_some(Arc::clone(shared), some.to_vec())).collect();
    stream::iter(calls).buffer_unordered(CALLS).for_each(|()| async {}).await;
}

async fn delete_some(shared: Arc<Shared>, mut left: Vec<Receipt>) {
    let (mut tries, deadline) = (ATTEMPTS.begin(), Instant::now() + DELETE_WITHIN);
    let result = loop {
        if let Some(end) = tries.once(deadline, delete_once(&shared, &mut left)).await {
            break end;
        }
    };
    if let Err(error) = result {
        tracing::warn!(%error, messages = left.len(), "messages could not be deleted; they come back");
    }
}

/// Deletes once; what may be tried again stays in `messages`.
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
    // What is the caller's fault stays so: such a handle is past its time.
    let failed = output.failed().iter().filter(|entry| !entry.sender_fault());
    *messages = failed.filter_map(|entry| messages.get(entry.id().parse::<usize>().ok()?).cloned()).collect();
    if messages.is_empty() { Outcome::Done(()) } else { Outcome::Again("some entries failed".to_owned()) }
}
