//! The objects of a bucket, read from its folder.

use std::io;
use std::path::{Path, PathBuf};

use spillway_shared::prefixes::{LAKE, QUARANTINE, QUERY_RESULTS, REJECTED, REPLAYED};

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The key in the bucket.
    pub key: String,
    /// The file.
    pub path: PathBuf,
    /// The content.
    pub kind: Kind,
    /// Whether it was stored in this run of the server.
    pub is_of_this_run: bool,
}

/// The content of an object, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Records, or the object of another writer.
    Records,
    /// Kept rejections.
    Kept,
    /// A quarantined message.
    Quarantined,
    /// A file of a table.
    Table,
    /// What operators' commands write: it is made from records.
    Derived,
}

impl Kind {
    pub(super) fn of(key: &str) -> Self {
        match key {
            key if key.starts_with(QUARANTINE) => Self::Quarantined,
            key if key.starts_with(REJECTED) => Self::Kept,
            key if key.starts_with(LAKE) && key.ends_with(".parquet") => Self::Table,
            key if [LAKE, REPLAYED, QUERY_RESULTS].iter().any(|prefix| key.starts_with(prefix)) => Self::Derived,
            _ => Self::Records,
        }
    }
}

/// The objects in the folder `root`.
pub(super) fn list(root: &Path, is_of_this_run: impl Fn(&str) -> bool) -> io::Result<Vec<Object>> {
    let (mut objects, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir()? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if let Ok(key) = path.strip_prefix(root) {
                let key = key.to_string_lossy().into_owned();
                objects.push(Object { kind: Kind::of(&key), is_of_this_run: is_of_this_run(&key), key, path });
            }
        }
    }
    Ok(objects)
}
