//! What is known of each message in the queue: when it was sent, and how it was received last.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

/// The messages of one queue.
#[derive(Debug)]
pub(super) struct Track {
    messages: HashMap<String, Message>,
    by_age: BTreeMap<u64, String>,
    /// Messages that were received before it was noted that they were sent.
    ahead: HashSet<String>,
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
        let (messages, by_age, ahead) = (HashMap::new(), BTreeMap::new(), HashSet::new());
        Self { messages, by_age, ahead, sent: 0, max_receive_count }
    }

    /// A message was sent. Its receiver may have been faster, and even have deleted it.
    pub(super) fn sent(&mut self, id: String) {
        if !self.ahead.remove(&id) {
            self.add(id);
        }
    }

    /// A message was received; `handle` is good until it is visible again.
    pub(super) fn received(&mut self, id: &str, handle: String, visible: Instant) {
        if !self.messages.contains_key(id) {
            self.add(id.to_owned());
            self.ahead.insert(id.to_owned());
        }
        if let Some(message) = self.messages.get_mut(id) {
            message.receives += 1;
            message.receipt = Some((handle, visible));
        }
    }

    /// A message is visible again before its time, unless it was received once more since then.
    pub(super) fn shown(&mut self, id: &str, handle: &str) {
        if let Some((last, visible)) = self.messages.get_mut(id).and_then(|message| message.receipt.as_mut())
            && last == handle
        {
            *visible = Instant::now();
        }
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
        self.ahead.clear();
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

    fn add(&mut self, id: String) {
        self.sent += 1;
        self.by_age.insert(self.sent, id.clone());
        self.messages.insert(id, Message { number: self.sent, sent: Instant::now(), receives: 0, receipt: None });
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
    async fn a_message_may_be_received_and_deleted_before_it_is_known_to_be_sent() {
        let mut track = Track::new(5);
        track.received("a", "h".into(), Instant::now() + Duration::from_secs(5));
        assert_eq!(track.oldest(), Some(Duration::ZERO));
        track.deleted("a", "h");
        track.sent("a".into());
        assert_eq!(track.oldest(), None);
        track.received("b", "h".into(), Instant::now() + Duration::from_secs(5));
        track.sent("b".into());
        track.deleted("b", "h");
        assert_eq!(track.oldest(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_was_shown_early_is_deleted_by_its_last_handle() {
        let mut track = Track::new(5);
        track.sent("a".into());
        let visible = Instant::now() + Duration::from_secs(5);
        track.received("a", "first".into(), visible);
        track.shown("a", "first");
        track.deleted("a", "first");
        assert_eq!(track.oldest(), Some(Duration::ZERO));
        // Shown and received at once: the second receive may be noted first.
        track.received("a", "second".into(), visible);
        track.shown("a", "first");
        track.deleted("a", "second");
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
