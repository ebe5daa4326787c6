//! The objects that were stored in this run of the server.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The prefix of quarantined messages.
const QUARANTINE: &str = "quarantine/";

/// The content of an object, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Records, or the object of another writer.
    Records,
    /// A quarantined message.
    Quarantined,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The key in the bucket.
    pub key: String,
    /// The file.
    pub path: PathBuf,
    /// The content.
    pub kind: Kind,
}

/// Counts of stored objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// Records, from the metadata `records` of the objects.
    pub records: u64,
    /// Objects that are not quarantined messages.
    pub objects: u64,
    /// Quarantined messages.
    pub quarantined: u64,
    /// Bytes of all objects.
    pub bytes: u64,
}

/// Keys and counts of the objects of this run.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// The keys, and whether each is counted: objects of earlier runs are not.
    keys: Mutex<HashMap<Box<str>, bool>>,
    records: AtomicU64,
    objects: AtomicU64,
    quarantined: AtomicU64,
    bytes: AtomicU64,
    puts: AtomicU64,
}

impl Kind {
    pub(super) fn of(key: &str) -> Self {
        if key.starts_with(QUARANTINE) { Self::Quarantined } else { Self::Records }
    }
}

impl Run {
    /// Counts a PUT, which is billed also if it fails.
    pub(super) fn count_put(&self) {
        self.puts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn puts(&self) -> u64 {
        self.puts.load(Ordering::Relaxed)
    }

    /// Counts a stored object; an object that is stored again counts once.
    pub(super) fn add(&self, key: &str, records: u64, bytes: u64) {
        if self.keys().insert(key.into(), true) == Some(true) {
            return;
        }
        match Kind::of(key) {
            Kind::Records => &self.objects,
            Kind::Quarantined => &self.quarantined,
        }
        .fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(records, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes an object that a client found already stored, possibly before the client that stored it is counted.
    pub(super) fn remember(&self, key: &str) {
        self.keys().entry(key.into()).or_default();
    }

    /// Forgets a deleted object.
    pub(super) fn forget(&self, key: &str) {
        let was_counted = self.keys().remove(key).unwrap_or_default();
        if was_counted && Kind::of(key) == Kind::Quarantined {
            self.quarantined.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn stored(&self) -> Stored {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Stored {
            records: of(&self.records),
            objects: of(&self.objects),
            quarantined: of(&self.quarantined),
            bytes: of(&self.bytes),
        }
    }

    pub(super) fn objects(&self, root: &Path) -> Vec<Object> {
        let object = |key: &str| Object { path: root.join(key), kind: Kind::of(key), key: key.to_owned() };
        self.keys().keys().map(|key| object(key)).collect()
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<Box<str>, bool>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_counts_once_also_if_a_rival_finds_it_before_it_is_counted() {
        let run = Run::default();
        run.remember("a");
        for _ in 0..2 {
            run.add("a", 3, 7);
        }
        run.remember("there before");
        assert_eq!(run.stored(), Stored { records: 3, objects: 1, quarantined: 0, bytes: 7 });
        assert_eq!(run.objects(Path::new("/")).len(), 2);
    }

    #[test]
    fn a_replayed_quarantined_message_no_longer_counts() {
        let run = Run::default();
        run.add("quarantine/a", 1, 1);
        run.remember("quarantine/there-before");
        run.forget("quarantine/a");
        run.forget("quarantine/there-before");
        assert_eq!(run.stored().quarantined, 0);
        run.add("quarantine/a", 1, 1);
        assert_eq!(run.stored().quarantined, 1);
    }
}
