//! What lies in the queues when a run ends: its messages are read to the last one.

use std::collections::HashMap;
use std::time::Duration;

use rustack_sqs_model::input::{ChangeMessageVisibilityInput, ReceiveMessageInput, SetQueueAttributesInput};
use rustack_sqs_model::types::Message;
use tokio::time::{Instant, sleep};

use super::service::Service;
use super::{Counts, Place, Queue, QueueError};

/// How long to wait for a message that is not visible yet.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest that SQS hides a message, in seconds.
const HIDDEN: i32 = 43_200;

impl Queue {
    /// Passes the body of every message in the dead-letter queue to `visit`, and leaves them there; none of a queue elsewhere.
    ///
    /// # Errors
    /// The emulator has ended.
    pub async fn each_dead_letter(&self, mut visit: impl FnMut(String)) -> Result<(), QueueError> {
        let Place::Here(service, _) = &self.place else { return Ok(()) };
        let mut handles = Vec::new();
        while let Some(messages) = service.next_of(&self.dead_letter_url).await? {
            for message in messages {
                handles.extend(message.receipt_handle);
                visit(message.body.unwrap_or_default());
            }
        }
        for handle in handles {
            service.make_visible(&self.dead_letter_url, handle).await;
        }
        Ok(())
    }

    /// Passes the body of every message in the queue to `visit`, in flight or not; none of a queue elsewhere.
    ///
    /// A message whose receive was broken off is in flight under a handle that nobody knows: it is waited for until it is visible.
    ///
    /// The queue is of no use after this: for the end of a run, when nobody sends or receives any more.
    ///
    /// # Errors
    /// The emulator has ended.
    pub async fn each_left(&self, mut visit: impl FnMut(String)) -> Result<(), QueueError> {
        let Place::Here(service, _) = &self.place else { return Ok(()) };
        service.stop_redrive(&self.url).await?;
        let Counts { queued, in_flight, .. } = self.counts().await?;
        let handles = service.track().handles();
        for handle in handles {
            service.make_visible(&self.url, handle).await;
        }
        let (mut unseen, patience) = (queued + in_flight, Instant::now() + service.longest_hidden());
        while unseen > 0 && Instant::now() <= patience {
            let Some(messages) = service.next_of(&self.url).await? else {
                sleep(PAUSE).await;
                continue;
            };
            unseen = unseen.saturating_sub(messages.len() as u64);
            messages.into_iter().filter_map(|message| message.body).for_each(&mut visit);
        }
        Ok(())
    }
}

impl Service {
    async fn next_of(&self, url: &str) -> Result<Option<Vec<Message>>, QueueError> {
        let input = ReceiveMessageInput {
            queue_url: url.to_owned(),
            max_number_of_messages: Some(10),
            visibility_timeout: Some(HIDDEN),
            wait_time_seconds: Some(0),
            ..ReceiveMessageInput::default()
        };
        let messages = self.emulator.receive_message(input).await?.messages;
        Ok((!messages.is_empty()).then_some(messages))
    }

    /// Makes a message visible; one that is not in flight any more is visible or gone.
    async fn make_visible(&self, url: &str, receipt_handle: String) {
        let input = ChangeMessageVisibilityInput { queue_url: url.to_owned(), receipt_handle, visibility_timeout: 0 };
        let _ = self.emulator.change_message_visibility(input).await;
    }

    /// Else reading would send messages to the dead-letter queue.
    async fn stop_redrive(&self, url: &str) -> Result<(), QueueError> {
        let attributes = HashMap::from([("RedrivePolicy".to_owned(), String::new())]);
        let input = SetQueueAttributesInput { queue_url: url.to_owned(), attributes };
        self.emulator.set_queue_attributes(input).await?;
        Ok(())
    }
}
