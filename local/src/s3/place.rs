//! Puts a whole file in its place, so that nobody ever sees half an object.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Puts files in their places, one at a time: only so is "if there is none" atomic.
#[derive(Debug, Default)]
pub(super) struct Placer(Mutex<()>);

/// Why a file did not get its place.
#[derive(Debug)]
pub(super) enum Refused {
    /// There is an object already.
    Exists,
    /// The file system refuses, for example a key that is another key's folder.
    Failed(io::Error),
}

impl Placer {
    /// Moves `file` to `place`; with `only_new` only if there is none.
    pub(super) fn place(&self, file: &Path, place: &Path, only_new: bool) -> Result<(), Refused> {
        let _one_at_a_time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if only_new && place.exists() {
            return Err(Refused::Exists);
        }
        rename(file, place).map_err(Refused::Failed)
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
