//! What is known of each message in the queue: when it was sent, and how it was received last.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

/// The messages of one queue.
#[derive(Debug)]
pub(super) struct Track {
    messages: HashMap<String, Message>,
    by_age: BTreeMap<u64, String>,
    sent: u64,
    max_receive_count: u32,
}

#[derive(Debug)]
struct Message {
    number: u64,
    sent: Instant,
    receives: u32,
    receipt: Option<(String, Instant)>,
}

impl Track {
    /// Nothing is known yet. After `max_receive_count` receives a message leaves for the dead-letter queue.
    pub(super) fn new(max_receive_count: u32) -> Self {
        Self { messages: HashMap::new(), by_age: BTreeMap::new(), sent: 0, max_receive_count }
    }

    /// A message was sent; a waiting receive may have told of it before.
    pub(super) fn sent(&mut self, id: String) {
        self.known(id);
    }

    /// A message was received; `handle` is good until it is visible again.
    pub(super) fn received(&mut self, id: &str, handle: String, visible: Instant) {
        let message = self.known(id.to_owned());
        message.receives += 1;
        message.receipt = Some((handle, visible));
    }

    fn known(&mut self, id: String) -> &mut Message {
        let Self { messages, by_age, sent, .. } = self;
        messages.entry(id).or_insert_with_key(|id| {
            *sent += 1;
            by_age.insert(*sent, id.clone());
            Message { number: *sent, sent: Instant::now(), receives: 0, receipt: None }
        })
    }

    /// A message was deleted; a handle that is no longer good deletes nothing.
    pub(super) fn deleted(&mut self, id: &str, handle: &str) {
        let good = |(last, visible): &(String, Instant)| last == handle && Instant::now() < *visible;
        if self.messages.get(id).is_some_and(|message| message.receipt.as_ref().is_some_and(good))
            && let Some(message) = self.messages.remove(id)
        {
            self.by_age.remove(&message.number);
        }
    }

    /// The queue was purged.
    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.by_age.clear();
    }

    /// How long ago the oldest message was sent that is still in the queue.
    pub(super) fn oldest(&mut self) -> Option<Duration> {
        while let Some(first) = self.by_age.first_entry() {
            match self.messages.get(first.get()) {
                Some(message) if !message.has_left(self.max_receive_count) => return Some(message.sent.elapsed()),
                _ => self.messages.remove(&first.remove()),
            };
        }
        None
    }

    /// The handles of all messages that are in flight.
    pub(super) fn handles(&self) -> Vec<String> {
        self.messages
            .values()
            .filter_map(|message| message.receipt.as_ref())
            .map(|(handle, _)| handle.clone())
            .collect()
    }
}

impl Message {
    /// Whether a message's last chance is over: it is in the dead-letter queue, or goes there with the next receive.
    fn has_left(&self, max_receive_count: u32) -> bool {
        let over = |(_, visible): &(String, Instant)| *visible <= Instant::now();
        self.receives >= max_receive_count && self.receipt.as_ref().is_some_and(over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_oldest_is_the_one_that_is_still_there() {
        let mut track = Track::new(1);
        assert_eq!(track.oldest(), None);
        track.sent("a".into());
        tokio::time::advance(Duration::from_secs(1)).await;
        track.sent("b".into());
        track.received("a", "h".into(), Instant::now() + Duration::from_secs(5));
        assert_eq!(track.oldest(), Some(Duration::from_secs(1)));
        track.deleted("a", "stale");
        assert_eq!(track.oldest(), Some(Duration::from_secs(1)));
        track.deleted("a", "h");
        assert_eq!(track.oldest(), Some(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_may_be_received_before_its_sender_knows_that_it_was_sent() {
        let mut track = Track::new(1);
        track.received("a", "h".into(), Instant::now() + Duration::from_secs(5));
        track.sent("a".into());
        track.deleted("a", "h");
        assert_eq!(track.oldest(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_had_its_last_chance_does_not_count() {
        let mut track = Track::new(1);
        track.sent("a".into());
        track.received("a", "h".into(), Instant::now() + Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(track.oldest(), Some(Duration::from_secs(4)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(track.oldest(), None);
    }
}
