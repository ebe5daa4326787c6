//! Counts what this run of the server stores.

use std::collections::HashSet;
use std::sync::Mutex;

use super::objects::Kind;
use crate::lock::lock;

/// Counts of stored objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// Records, from the metadata `records` of the objects.
    pub records: u64,
    /// Kept rejections, likewise.
    pub kept: u64,
    /// Objects of records or kept rejections.
    pub objects: u64,
    /// Quarantined messages.
    pub quarantined: u64,
    /// Bytes of all objects.
    pub bytes: u64,
    /// PUTs, including those that stored nothing: they are billed too.
    pub puts: u64,
}

/// Keys and counts of the objects that were stored in this run.
#[derive(Debug, Default)]
pub(super) struct Run(Mutex<(HashSet<Box<str>>, Stored)>);

impl Run {
    /// Counts a PUT, also if it stores nothing.
    pub(super) fn count_put(&self) {
        lock(&self.0).1.puts += 1;
    }

    /// Counts a stored object; an object that is stored again counts once.
    pub(super) fn add(&self, key: &str, records: u64, bytes: u64) {
        let (keys, stored) = &mut *lock(&self.0);
        if !keys.insert(key.into()) {
            return;
        }
        match Kind::of(key) {
            Kind::Records => {
                stored.objects += 1;
                stored.records += records;
            }
            Kind::Kept => {
                stored.objects += 1;
                stored.kept += records;
            }
            Kind::Quarantined => stored.quarantined += 1,
            Kind::Table | Kind::Derived => {}
        }
        stored.bytes += bytes;
    }

    /// Forgets a deleted object.
    pub(super) fn forget(&self, key: &str) {
        let (keys, stored) = &mut *lock(&self.0);
        if keys.remove(key) && Kind::of(key) == Kind::Quarantined {
            stored.quarantined -= 1;
        }
    }

    /// Whether an object was stored in this run.
    pub(super) fn has(&self, key: &str) -> bool {
        lock(&self.0).0.contains(key)
    }

    pub(super) fn stored(&self) -> Stored {
        lock(&self.0).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_counts_once() {
        let run = Run::default();
        for _ in 0..2 {
            run.add("a", 3, 7);
        }
        assert_eq!(run.stored(), Stored { records: 3, objects: 1, bytes: 7, ..Stored::default() });
        assert!(run.has("a") && !run.has("there before"));
    }

    #[test]
    fn kept_rejections_are_counted_separately_and_derived_objects_are_not() {
        let run = Run::default();
        for key in ["records/a", "rejected/a", "replayed/a", "lake/a", "query-results/a"] {
            run.add(key, 3, 1);
        }
        assert_eq!(run.stored(), Stored { records: 3, kept: 3, objects: 2, bytes: 5, ..Stored::default() });
    }

    #[test]
    fn a_replayed_quarantined_message_no_longer_counts() {
        let run = Run::default();
        run.add("quarantine/a", 1, 1);
        run.forget("quarantine/a");
        run.forget("quarantine/there-before");
        assert_eq!(run.stored().quarantined, 0);
        run.add("quarantine/a", 1, 1);
        assert_eq!(run.stored().quarantined, 1);
    }
}
