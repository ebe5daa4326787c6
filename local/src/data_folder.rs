//! The data folder: buckets, queues and the ledger of one server at a time.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::lock::lock;

/// Where the lock is; the folder also holds the bucket's metadata.
const LOCK: [&str; 2] = [".s3", "lock"];

/// A folder that is locked at its first use and until its last clone is dropped.
#[derive(Debug, Clone)]
pub struct DataFolder {
    path: PathBuf,
    lock: Arc<Mutex<Option<File>>>,
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    /// Another process has locked it.
    #[error("{0} is in use by another server: stop that one, or choose another folder with `--data`")]
    InUse(PathBuf),
    /// A folder in it cannot be made or read.
    #[error("{0}: {1}")]
    Folder(PathBuf, io::Error),
}

impl DataFolder {
    /// The folder at `path`; nothing is made or locked yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), lock: Arc::default() }
    }

    /// Locks the data folder for this process, and makes the folder `name` in it if there is none.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, DataFolderError> {
        self.lock()?;
        make(self.path.join(name))
    }

    fn lock(&self) -> Result<(), DataFolderError> {
        let mut lock = lock(&self.lock);
        if lock.is_none() {
            let [folder, name] = LOCK;
            let path = make(self.path.join(folder))?.join(name);
            *lock = Some(take(&path).map_err(|error| match error {
                TryLockError::WouldBlock => DataFolderError::InUse(self.path.clone()),
                TryLockError::Error(error) => DataFolderError::Folder(path, error),
            })?);
        }
        Ok(())
    }
}

fn take(path: &Path) -> Result<File, TryLockError> {
    let file = File::create(path).map_err(TryLockError::Error)?;
    file.try_lock()?;
    Ok(file)
}

fn make(path: PathBuf) -> Result<PathBuf, DataFolderError> {
    match std::fs::create_dir_all(&path) {
        Ok(()) => Ok(path),
        Err(error) => Err(DataFolderError::Folder(path, error)),
    }
}
