//! What this run stored.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

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
    keys: Mutex<HashSet<Box<str>>>,
    records: AtomicU64,
    objects: AtomicU64,
    quarantined: AtomicU64,
    bytes: AtomicU64,
    puts: AtomicU64,
}

impl Kind {
    fn of(key: &str) -> Self {
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
        if !self.remember(key) {
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

    /// A sender was told that it is stored already; answers whether that was not known.
    pub(super) fn remember(&self, key: &str) -> bool {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).insert(key.into())
    }

    /// An object was deleted: it is no longer one of this run.
    pub(super) fn forget(&self, key: &str) {
        let was_known = self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        if was_known && Kind::of(key) == Kind::Quarantined {
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
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let object = |key: &str| Object { path: root.join(key), kind: Kind::of(key), key: key.to_owned() };
        keys.iter().map(|key| object(key)).collect()
    }
}
