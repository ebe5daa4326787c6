//! Reads the lake all the time, as a query would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use spillway_compact::rebuild::{head, payload};

use super::objects::Hour;
use super::run::table;

/// What was seen so far. Clones share it.
#[derive(Clone)]
pub(super) struct Reader {
    lake: PathBuf,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// Sizes.
    files: BTreeMap<PathBuf, u64>,
    /// Payloads by record id.
    rows: BTreeMap<String, Value>,
}

impl Reader {
    pub(super) fn new(lake: PathBuf) -> Self {
        Self { lake, seen: Arc::default() }
    }

    /// Looks until `is_over`; returns how often.
    pub(super) fn look_until(&self, is_over: impl Fn() -> bool) -> usize {
        let mut looks = 0;
        while !is_over() {
            self.look();
            looks += 1;
            std::thread::sleep(Duration::from_millis(5));
        }
        looks
    }

    /// Every file that was there is there as it was, so no look finds fewer rows than an earlier one; and no row of a new
    /// file was there before.
    fn look(&self) {
        let mut seen = self.seen.lock().unwrap();
        let now = files(&self.lake);
        for (path, size) in &seen.files {
            assert_eq!(now.get(path), Some(size), "{} has changed", path.display());
        }
        for (path, size) in now {
            if seen.files.insert(path.clone(), size).is_none() {
                for row in head(std::fs::read(&path).unwrap().into(), usize::MAX).unwrap().1 {
                    let id = row["id"].as_str().unwrap().to_owned();
                    let earlier = seen.rows.insert(id.clone(), payload(&row, &table()).unwrap());
                    assert!(earlier.is_none(), "{id} is twice in the lake; the second is in {}", path.display());
                }
            }
        }
    }

    /// The lake holds exactly the records of an hour that is complete.
    pub(super) fn assert_holds(&self, hour: &Hour) {
        self.look();
        let seen = self.seen.lock().unwrap();
        let rows: BTreeMap<_, _> = seen.rows.iter().filter(|(id, _)| id.starts_with(&hour.prefix())).collect();
        let missing: Vec<_> = hour.records.keys().filter(|id| !rows.contains_key(id)).collect();
        let foreign: Vec<_> = rows.keys().filter(|id| !hour.records.contains_key(**id)).collect();
        assert!(missing.is_empty() && foreign.is_empty(), "missing: {missing:?}; foreign: {foreign:?}");
        assert!(rows.into_iter().eq(&hour.records), "a payload has changed");
    }
}

/// The files in a folder with their sizes.
fn files(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().map(Result::unwrap) {
            let data = entry.metadata().unwrap();
            if data.is_dir() { folders.push(entry.path()) } else { _ = found.insert(entry.path(), data.len()) }
        }
    }
    found
}
