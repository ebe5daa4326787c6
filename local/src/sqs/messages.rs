//! The operations: send, receive and delete messages, change their visibility, and describe a queue.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::faults::{disorder, is_failing};
use super::protocol::{Answer, Batch, OfQueue, OfReceipt, Receive, Refusal, Send, requested, write};
use super::queue::{Handle, Message, Millis, Redrive};
use super::rules;
use super::service::{Service, now};
use crate::faults::Kind;
use crate::lock::lock;

type Results = Vec<Result<Value, Refusal>>;

impl Service {
    pub(super) fn send(&self, call: Send) -> Answer {
        let name = self.named(&call.queue_url)?.to_owned();
        only(self.enqueue(&name, vec![Ok(call)])?)
    }

    pub(super) fn send_batch(&self, call: Batch<Send>) -> Answer {
        let (name, ids) = (self.named(&call.queue_url)?, ids(&call.entries, |entry| &entry.id)?);
        rules::batch_bytes(&call.entries)?;
        let entries = call.entries.into_iter().map(|entry| is_failing(&self.settings.faults).map(|()| entry));
        batch_answer(&ids, self.enqueue(name, entries.collect())?)
    }

    /// Enqueues the valid messages with one write, and passes them to the tap before SQS acknowledges them.
    fn enqueue(&self, name: &str, entries: Vec<Result<Send, Refusal>>) -> Result<Results, Refusal> {
        let messages: Vec<_> = entries.into_iter().map(|entry| self.message(name, entry?)).collect();
        let good: Vec<_> = messages.iter().flatten().cloned().collect();
        self.store().send(name, good.clone())?;
        self.changed.notify_waiters();
        let bodies: Vec<&str> = good.iter().filter(|_| self.is_main(name)).map(|message| &*message.body).collect();
        if let Some(tap) = &self.settings.accepted {
            tap.accept(&bodies)?;
        }
        lock(&self.counted).sent(&bodies);
        let answer = |message: Message| json!({"MessageId": message.id, "MD5OfMessageBody": message.md5});
        Ok(messages.into_iter().map(|message| message.map(answer)).collect())
    }

    fn message(&self, name: &str, entry: Send) -> Result<Message, Refusal> {
        rules::message(&entry, self.max_message_bytes(name))?;
        let delay = rules::in_range("DelaySeconds", entry.delay_seconds, rules::DELAY)?;
        let delay = delay.unwrap_or_else(|| disorder(&self.settings.faults));
        let sent = now();
        Ok(Message {
            id: Uuid::now_v7(),
            sent,
            visible: sent + millis(delay),
            receives: 0,
            first_received: None,
            md5: format!("{:032x}", u128::from_be_bytes(Md5::digest(&entry.message_body).into())),
            body: Arc::from(entry.message_body),
        })
    }

    /// Makes some received messages visible early, unless they are deleted by then.
    fn show_early(self: &Arc<Self>, messages: &[Message]) {
        for message in messages {
            if let Some(lasts) = self.settings.faults.sample(Kind::SqsEarly) {
                let (service, handle) = (Arc::clone(self), message.handle());
                tokio::spawn(async move {
                    sleep(lasts).await;
                    if service.hide_for(&service.settings.name, handle, 0).is_ok() {
                        service.settings.faults.count(Kind::SqsEarly);
                    }
                });
            }
        }
    }

    pub(super) async fn receive(self: &Arc<Self>, call: &Receive) -> Answer {
        let most = rules::in_range("MaxNumberOfMessages", call.max_number_of_messages, 1..=10)?.unwrap_or(1) as usize;
        let wait = rules::in_range("WaitTimeSeconds", call.wait_time_seconds, 0..=20)?.unwrap_or(0);
        let hidden = rules::in_range("VisibilityTimeout", call.visibility_timeout, rules::VISIBILITY_TIMEOUT)?;
        let name = self.named(&call.queue_url)?;
        let repeats = if self.is_main(name) { self.repeats.take_due(most - 1, &self.settings.faults) } else { vec![] };
        let until = Instant::now() + Duration::from_secs(if repeats.is_empty() { wait.into() } else { 0 });
        let mut messages = self.take(name, most - repeats.len(), hidden, until).await?;
        if self.is_main(name) {
            lock(&self.counted).received(&messages);
            self.repeats.pick(&messages, &self.settings.faults);
            self.show_early(&messages);
        }
        messages.extend(repeats);
        call.answer(&messages)
    }

    /// Waits until `until` for the first message, and takes the messages that are visible then.
    async fn take(
        &self,
        name: &str,
        most: usize,
        hidden: Option<u32>,
        until: Instant,
    ) -> Result<Vec<Message>, Refusal> {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let (messages, next) = self.take_now(name, most, hidden)?;
            if !messages.is_empty() || Instant::now() >= until {
                return Ok(messages);
            }
            let next = next.map_or(until, |next| until.min(Instant::now() + next));
            tokio::select! {
                () = changed => {}
                () = sleep_until(next) => {}
            }
        }
    }

    /// Takes messages; also returns the time until the next one becomes visible.
    fn take_now(
        &self,
        name: &str,
        most: usize,
        hidden: Option<u32>,
    ) -> Result<(Vec<Message>, Option<Duration>), Refusal> {
        let (mut store, now) = (self.store(), now());
        let queue = store.queue(name);
        if queue.numbers(now).in_flight >= rules::MAX_IN_FLIGHT {
            return Err(Refusal::of_caller("OverLimit", "Too many messages are in flight."));
        }
        let hidden = hidden.unwrap_or(queue.visibility_timeout);
        let messages = store.receive(name, most, now, now + millis(hidden))?;
        let next = store.queue(name).next_visible();
        Ok((messages, next.map(|next| Duration::from_millis(next.saturating_sub(now)))))
    }

    pub(super) fn delete(&self, call: &OfReceipt) -> Answer {
        let name = self.named(&call.queue_url)?;
        self.delete_all(name, &[handle(call)?])?;
        write(&json!({}))
    }

    pub(super) fn delete_batch(&self, call: &Batch<OfReceipt>) -> Answer {
        let (name, ids) = (self.named(&call.queue_url)?, ids(&call.entries, |entry| &entry.id)?);
        let handles = call.entries.iter().map(|entry| is_failing(&self.settings.faults).and_then(|()| handle(entry)));
        let handles: Vec<_> = handles.collect();
        let good: Vec<_> = handles.iter().flatten().copied().collect();
        self.delete_all(name, &good)?;
        batch_answer(&ids, handles.into_iter().map(|handle| handle.map(|_| json!({}))).collect())
    }

    /// Deletes messages; how long those of the main queue were in it counts as lag.
    fn delete_all(&self, name: &str, handles: &[Handle]) -> io::Result<()> {
        let mut store = self.store();
        if self.is_main(name) {
            let (mut lag, at, now) = (lock(&self.lag), std::time::Instant::now(), now());
            let queue = store.queue(name);
            for message in handles.iter().filter_map(|handle| queue.received_as(*handle)) {
                lag.record(at, Duration::from_millis(now.saturating_sub(message.sent)));
            }
        }
        store.delete(name, handles)
    }

    pub(super) fn change_visibility_batch(&self, call: &Batch<OfReceipt>) -> Answer {
        let (name, ids) = (self.named(&call.queue_url)?, ids(&call.entries, |entry| &entry.id)?);
        let results = call.entries.iter().map(|entry| self.hide(name, entry).map(|()| json!({})));
        batch_answer(&ids, results.collect())
    }

    fn hide(&self, name: &str, call: &OfReceipt) -> Result<(), Refusal> {
        let hidden = rules::in_range("VisibilityTimeout", call.visibility_timeout, rules::VISIBILITY_TIMEOUT)?;
        let missing = "The request must contain the parameter VisibilityTimeout.";
        let hidden = hidden.ok_or_else(|| Refusal::of_caller("MissingParameter", missing))?;
        self.hide_for(name, handle(call)?, millis(hidden))
    }

    /// Hides a message in flight from now on. The journal does not contain this: after a restart all messages are visible.
    pub(super) fn hide_for(&self, name: &str, handle: Handle, hidden: Millis) -> Result<(), Refusal> {
        let (mut store, now) = (self.store(), now());
        let queue = store.queue(name);
        if queue.received_as(handle).is_none_or(|message| message.visible <= now) {
            return Err(Refusal::of_sqs("MessageNotInflight", "The specified message is not in flight."));
        }
        queue.hide(&[handle.id], now + hidden);
        self.changed.notify_waiters();
        Ok(())
    }

    pub(super) fn get_url(&self, call: &OfQueue) -> Answer {
        self.exists(&call.queue_name)?;
        write(&json!({"QueueUrl": self.url(&call.queue_name)}))
    }

    pub(super) fn get_attributes(&self, call: &OfQueue) -> Answer {
        let (name, mut store) = (self.named(&call.queue_url)?, self.store());
        let queue = store.queue(name);
        let (numbers, policy) = (queue.numbers(now()), queue.redrive.as_ref().map(|redrive| self.policy(redrive)));
        let attributes = [
            ("ApproximateNumberOfMessages", numbers.ready.to_string()),
            ("ApproximateNumberOfMessagesDelayed", numbers.delayed.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", numbers.in_flight.to_string()),
            ("MaximumMessageSize", self.max_message_bytes(name).to_string()),
            ("QueueArn", self.arn(name)),
            ("RedrivePolicy", policy.unwrap_or_default()),
            ("VisibilityTimeout", queue.visibility_timeout.to_string()),
        ];
        let mut attributes = requested(&call.attribute_names, attributes);
        attributes.retain(|_, value| !value.is_empty());
        write(&json!({"Attributes": attributes}))
    }

    fn policy(&self, redrive: &Redrive) -> String {
        json!({"deadLetterTargetArn": self.arn(&redrive.dead_letters), "maxReceiveCount": redrive.max_receives})
            .to_string()
    }
}

fn handle(call: &OfReceipt) -> Result<Handle, Refusal> {
    let message = "The input receipt handle is invalid.";
    call.receipt_handle.parse().map_err(|()| Refusal::of_caller("ReceiptHandleIsInvalid", message))
}

/// The ids of a batch's entries.
fn ids<E>(entries: &[E], id: impl Fn(&E) -> &str) -> Result<Vec<String>, Refusal> {
    let ids: Vec<_> = entries.iter().map(|entry| id(entry).to_owned()).collect();
    rules::entries(&ids).map(|()| ids)
}

/// The response to a call without entries.
fn only(results: Results) -> Answer {
    results.into_iter().next().unwrap_or_else(|| Ok(json!({}))).and_then(|value| write(&value))
}

/// The response to a batch: the result of each entry, by its id.
fn batch_answer(ids: &[String], results: Results) -> Answer {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, result) in ids.iter().zip(results) {
        match result {
            Ok(mut value) => {
                value["Id"] = json!(id);
                successful.push(value);
            }
            Err(refusal) => failed.push(refusal.of_entry(id)),
        }
    }
    write(&json!({"Successful": successful, "Failed": failed}))
}

fn millis(seconds: u32) -> Millis {
    u64::from(seconds) * 1_000
}
