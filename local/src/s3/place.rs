//! Moves a finished file to its key, so that readers never see a partial object.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use crate::lock::lock;

/// Moves files one at a time, which makes "only if the key is free" atomic.
#[derive(Debug, Default)]
pub(super) struct Placer(Mutex<()>);

impl Placer {
    /// Moves `file` to `place`; with `only_new` the error is `AlreadyExists` if `place` has an object.
    pub(super) fn place(&self, file: &Path, place: &Path, only_new: bool) -> io::Result<()> {
        let _one_at_a_time = lock(&self.0);
        if only_new && place.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        match (std::fs::rename(file, place), place.parent()) {
            (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(folder)?;
                std::fs::rename(file, place)
            }
            (result, _) => result,
        }
    }
}
