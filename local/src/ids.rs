//! Unique and cheap ids: a random half for the source and a counter.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// The variant bits of RFC 9562 in the counter, so that ids are valid UUIDs.
const VARIANT: u64 = 1 << 63;

/// A source of ids, shared by reference.
#[derive(Debug)]
pub(crate) struct Ids {
    random: u64,
    next: AtomicU64,
}

impl Ids {
    pub(crate) fn new() -> Self {
        Self { random: Uuid::new_v4().as_u64_pair().0, next: AtomicU64::new(VARIANT) }
    }

    /// The number of a new id; [`Self::uuid`] formats it.
    pub(crate) fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn uuid(&self, number: u64) -> Uuid {
        Uuid::from_u64_pair(self.random, number)
    }

    /// The number of an id of this source; `None` for any other text.
    pub(crate) fn number(&self, id: &str) -> Option<u64> {
        let (random, number) = Uuid::try_parse(id).ok()?.as_u64_pair();
        (random == self.random).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_source_of_an_id_knows_its_number() {
        let (ids, others) = (Ids::new(), Ids::new());
        let (one, two) = (ids.next(), ids.next());
        assert_ne!(one, two);
        let text = ids.uuid(two).to_string();
        assert_eq!(ids.number(&text), Some(two));
        assert_eq!(others.number(&text), None);
        assert_eq!(ids.number("two"), None);
    }
}
