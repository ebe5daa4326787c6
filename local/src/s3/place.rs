//! Moves a finished file to its key, so that readers never see a partial object.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Moves files one at a time, which makes "only if the key is free" atomic.
#[derive(Debug, Default)]
pub(super) struct Placer(Mutex<()>);

/// Why a file was not moved.
#[derive(Debug)]
pub(super) enum PlaceError {
    /// The key already has an object.
    Exists,
    /// The file system refused, for example because the key is the folder of another key.
    Failed(io::Error),
}

impl Placer {
    /// Moves `file` to `place`; with `only_new` only if `place` is free.
    pub(super) fn place(&self, file: &Path, place: &Path, only_new: bool) -> Result<(), PlaceError> {
        let _one_at_a_time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if only_new && place.exists() {
            return Err(PlaceError::Exists);
        }
        rename(file, place).map_err(PlaceError::Failed)
    }
}

fn rename(file: &Path, place: &Path) -> io::Result<()> {
    match (std::fs::rename(file, place), place.parent()) {
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(folder)?;
            std::fs::rename(file, place)
        }
        (result, _) => result,
    }
}
