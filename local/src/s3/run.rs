//! What this run stored.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Quarantined messages lie under this.
const QUARANTINE: &str = "quarantine/";

/// What an object holds, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Records, or something that somebody else stored.
    Records,
    /// A quarantined message.
    Quarantined,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key in the bucket.
    pub key: String,
    /// Its file.
    pub path: PathBuf,
    /// What it holds.
    pub kind: Kind,
}

/// Counts of what was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// Records, as the objects' metadata `records` says.
    pub records: u64,
    /// Objects that are not quarantined messages.
    pub objects: u64,
    /// Quarantined messages.
    pub quarantined: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// Counts, and the keys.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// Whether each was counted: one that was there before this run is not.
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
    /// A PUT came; it is billed whatever becomes of it.
    pub(super) fn asked(&self) {
        self.puts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn puts(&self) -> u64 {
        self.puts.load(Ordering::Relaxed)
    }

    /// An object was stored; one that is stored again counts once.
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

    /// A sender was told that it is stored already, maybe before whoever stores it has said so.
    pub(super) fn remember(&self, key: &str) {
        self.keys().entry(key.into()).or_default();
    }

    /// An object was deleted: it is no longer one of this run.
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
    fn an_object_counts_once_also_if_somebody_hears_of_it_before_it_is_counted() {
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
    fn a_quarantined_message_that_was_put_back_no_longer_counts() {
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
