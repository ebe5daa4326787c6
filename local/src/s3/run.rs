//! Counts what this run of the server stores.

use std::collections::HashSet;
use std::sync::Mutex;

use serde::Serialize;

use super::objects::Kind;
use crate::lock::lock;
use crate::recent::{ByStream, Recent, now_ms};

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

/// Counts of one stream's objects, by the name of the stream in their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OfStream {
    /// Records.
    pub(crate) records: u64,
    /// Kept rejections.
    pub(crate) kept: u64,
    /// Files of its table.
    pub(crate) files: u64,
}

/// An object of records or kept rejections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Put {
    /// When it was stored, in milliseconds since 1970.
    pub time: u64,
    /// Its key.
    pub key: String,
    /// Its records.
    pub records: u64,
    /// Its size.
    pub bytes: u64,
}

/// Keys and counts of the objects that were stored in this run.
#[derive(Debug, Default)]
pub(super) struct Run(Mutex<Objects>);

#[derive(Debug, Default)]
struct Objects {
    keys: HashSet<Box<str>>,
    stored: Stored,
    by_stream: ByStream<OfStream>,
    newest: Recent<Put>,
}

impl Run {
    /// Counts a PUT, also if it stores nothing.
    pub(super) fn count_put(&self) {
        lock(&self.0).stored.puts += 1;
    }

    /// Counts a stored object; an object that is stored again counts once.
    pub(super) fn add(&self, key: &str, records: u64, bytes: u64) {
        let Objects { keys, stored, by_stream, newest } = &mut *lock(&self.0);
        if !keys.insert(key.into()) {
            return;
        }
        let kind = Kind::of(key);
        if let Some(stream) = stream_in(key) {
            by_stream.change(stream, |of_stream| of_stream.add(kind, records));
        }
        if matches!(kind, Kind::Records | Kind::Kept) {
            newest.push(Put { time: now_ms(), key: key.to_owned(), records, bytes });
        }
        match kind {
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
        let Objects { keys, stored, .. } = &mut *lock(&self.0);
        if keys.remove(key) && Kind::of(key) == Kind::Quarantined {
            stored.quarantined -= 1;
        }
    }

    /// Whether an object was stored in this run.
    pub(super) fn has(&self, key: &str) -> bool {
        lock(&self.0).keys.contains(key)
    }

    pub(super) fn stored(&self) -> Stored {
        lock(&self.0).stored
    }

    pub(super) fn by_stream(&self) -> ByStream<OfStream> {
        lock(&self.0).by_stream.clone()
    }

    /// The last objects of records or kept rejections, the newest first.
    pub(super) fn newest(&self) -> Vec<Put> {
        lock(&self.0).newest.list()
    }
}

impl OfStream {
    fn add(&mut self, kind: Kind, records: u64) {
        match kind {
            Kind::Records => self.records += records,
            Kind::Kept => self.kept += records,
            Kind::Table => self.files += 1,
            Kind::Derived | Kind::Quarantined => {}
        }
    }
}

/// The stream that a key names.
fn stream_in(key: &str) -> Option<&str> {
    key.split('/').find_map(|part| part.strip_prefix("stream="))
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
    fn objects_count_for_the_stream_in_their_key() {
        let run = Run::default();
        for key in [
            "records/stream=a/x",
            "rejected/stream=a/x",
            "lake/stream=a/v=1/x.parquet",
            "records/x",
            "replayed/stream=a/x",
        ] {
            run.add(key, 3, 7);
        }
        assert_eq!(run.by_stream().iter().collect::<Vec<_>>(), [("a", &OfStream { records: 3, kept: 3, files: 1 })]);
        let newest: Vec<_> = run.newest().into_iter().map(|put| put.key).collect();
        assert_eq!(newest, ["records/x", "rejected/stream=a/x", "records/stream=a/x"]);
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
