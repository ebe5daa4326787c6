//! Bounded collections of what happened last and of counts by stream.

use std::collections::{BTreeMap, VecDeque};
use std::time::SystemTime;

/// The number of items that are kept.
const REMEMBERED: usize = 20;
/// The number of streams that are counted. Names come from callers of the emulators, so their number must be bounded.
const MAX_STREAMS: usize = 1_000;

/// The last 20 items, the newest first.
#[derive(Debug, Clone)]
pub(crate) struct Recent<T>(VecDeque<T>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(VecDeque::with_capacity(REMEMBERED))
    }
}

impl<T: Clone> Recent<T> {
    pub(crate) fn push(&mut self, item: T) {
        self.0.truncate(REMEMBERED - 1);
        self.0.push_front(item);
    }

    pub(crate) fn list(&self) -> Vec<T> {
        self.0.iter().cloned().collect()
    }
}

/// Counts by the name of a stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct ByStream<T>(BTreeMap<String, T>);

impl<T: Default> ByStream<T> {
    /// Changes the counts of a stream, unless too many other streams are counted.
    pub(crate) fn change(&mut self, stream: &str, change: impl FnOnce(&mut T)) {
        if let Some(counts) = self.0.get_mut(stream) {
            change(counts);
        } else if self.0.len() < MAX_STREAMS {
            change(self.0.entry(stream.to_owned()).or_default());
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(stream, counts)| (stream.as_str(), counts))
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_items_are_kept() {
        let mut recent = Recent::default();
        (0..100).for_each(|item| recent.push(item));
        assert_eq!(recent.list(), (80..100).rev().collect::<Vec<_>>());
    }

    #[test]
    fn the_number_of_streams_is_bounded() {
        let mut counts = ByStream::<u64>::default();
        for stream in (0..2 * MAX_STREAMS).chain(0..MAX_STREAMS) {
            counts.change(&format!("s{stream}"), |count| *count += 1);
        }
        assert_eq!(counts.iter().count(), MAX_STREAMS);
        assert!(counts.iter().all(|(_, count)| *count == 2));
    }
}
