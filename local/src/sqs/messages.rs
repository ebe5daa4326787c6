//! Calls about messages: send, receive, delete, change their visibility.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::faults::{disorder, is_failing};
use super::protocol::{Answer, Batch, OfReceipt, Receive, Refusal, Send, write};
use super::queue::{Handle, Message, Millis, Queue};
use super::rules;
use super::service::{Service, now};

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

    /// Enqueues what no rule refuses, all of it by one write, and lets the ledger know before it is answered.
    fn enqueue(&self, name: &str, entries: Vec<Result<Send, Refusal>>) -> Result<Results, Refusal> {
        let messages: Vec<_> = entries.into_iter().map(|entry| self.message(name, entry?)).collect();
        let good: Vec<_> = messages.iter().flatten().cloned().collect();
        self.store().send(name, good.clone())?;
        self.changed.notify_waiters();
        let bodies: Vec<&str> = good.iter().filter(|_| self.is_main(name)).map(|message| &*message.body).collect();
        if let Some(tap) = &self.settings.accepted {
            tap.accept(&bodies)?;
        }
        self.counted.sent(&bodies);
        let answer = |message: Message| json!({"MessageId": message.id, "MD5OfMessageBody": message.md5});
        Ok(messages.into_iter().map(|message| message.map(answer)).collect())
    }

    fn message(&self, name: &str, mut entry: Send) -> Result<Message, Refusal> {
        let attributes = self.store().queues.get(name).map(|queue| queue.attributes.clone());
        let (max_bytes, delay) = attributes.map_or((0, 0), |is| (is.max_message_bytes, is.delay));
        rules::message(&entry, max_bytes)?;
        disorder(&mut entry.delay_seconds, &self.settings.faults);
        let delay = rules::in_range("DelaySeconds", entry.delay_seconds, rules::DELAY)?.unwrap_or(delay);
        let sent = now();
        Ok(Message {
            id: Uuid::now_v7(),
            sent,
            visible: sent + millis(delay),
            receives: 0,
            first_received: None,
            md5: hex(&Md5::digest(&entry.message_body)),
            body: Arc::from(entry.message_body),
        })
    }

    pub(super) async fn receive(self: &Arc<Self>, call: &Receive) -> Answer {
        rules::receive(call)?;
        let name = self.named(&call.queue_url)?;
        let most = usize::try_from(call.max_number_of_messages.unwrap_or(1)).unwrap_or(1);
        let repeats = if self.is_main(name) { self.repeats.take_due(most - 1, &self.settings.faults) } else { vec![] };
        let wait = if repeats.is_empty() { call.wait_time_seconds.unwrap_or(0) } else { 0 };
        let until = Instant::now() + Duration::from_secs(u64::try_from(wait).unwrap_or(0));
        let hidden = rules::in_range("VisibilityTimeout", call.visibility_timeout, rules::VISIBILITY_TIMEOUT)?;
        let mut messages = self.take(name, most - repeats.len(), hidden, until).await?;
        if self.is_main(name) {
            self.counted.received(&messages);
            self.repeats.pick(&messages, &self.settings.faults);
            self.show_early(&messages);
        }
        messages.extend(repeats);
        call.answer(&messages)
    }

    /// Waits for the first message until `until`, and takes what is there then.
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

    /// Takes messages, and says how long it takes until the next one is visible.
    fn take_now(
        &self,
        name: &str,
        most: usize,
        hidden: Option<u32>,
    ) -> Result<(Vec<Message>, Option<Duration>), Refusal> {
        let (mut store, now) = (self.store(), now());
        let Some(queue) = store.queues.get_mut(name) else { return Ok((Vec::new(), None)) };
        if queue.numbers(now).in_flight >= rules::MAX_IN_FLIGHT {
            return Err(Refusal::of_caller("OverLimit", "Too many messages are in flight."));
        }
        let hidden = hidden.unwrap_or(queue.attributes.visibility_timeout);
        let messages = store.receive(name, most, now, now + millis(hidden))?;
        let next = store.queues.get(name).and_then(Queue::next_visible);
        Ok((messages, next.map(|next| Duration::from_millis(next.saturating_sub(now)))))
    }

    pub(super) fn delete(&self, call: &OfReceipt) -> Answer {
        let name = self.named(&call.queue_url)?;
        self.store().delete(name, &[handle(call)?])?;
        write(&json!({}))
    }

    pub(super) fn delete_batch(&self, call: &Batch<OfReceipt>) -> Answer {
        let (name, ids) = (self.named(&call.queue_url)?, ids(&call.entries, |entry| &entry.id)?);
        let handles = call.entries.iter().map(|entry| is_failing(&self.settings.faults).and_then(|()| handle(entry)));
        let handles: Vec<_> = handles.collect();
        let good: Vec<_> = handles.iter().flatten().copied().collect();
        self.store().delete(name, &good)?;
        batch_answer(&ids, handles.into_iter().map(|handle| handle.map(|_| json!({}))).collect())
    }

    pub(super) fn change_visibility(&self, call: &OfReceipt) -> Answer {
        let name = self.named(&call.queue_url)?;
        self.hide(name, call)?;
        write(&json!({}))
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

    /// Hides a message in flight from now on; this is not journalled, since its receiver does not outlive the server.
    pub(super) fn hide_for(&self, name: &str, handle: Handle, hidden: Millis) -> Result<(), Refusal> {
        let (mut store, now) = (self.store(), now());
        let queue = store.queues.get_mut(name);
        let queue = queue.filter(|queue| queue.received_as(handle).is_some_and(|message| message.visible > now));
        let not_in_flight = "The specified message is not in flight.";
        queue.ok_or_else(|| Refusal::of_sqs("MessageNotInflight", not_in_flight))?.hide(handle.id, now + hidden);
        self.changed.notify_waiters();
        Ok(())
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

/// The answer to a call without entries.
fn only(results: Results) -> Answer {
    results.into_iter().next().unwrap_or_else(|| Ok(json!({}))).and_then(|value| write(&value))
}

/// The answer for each entry, by its id.
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

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
