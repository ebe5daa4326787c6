//! Reads the folder of stream files: an error in one file does not hide the errors in others.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{Definition, StreamName};
use crate::config::ConfigErrors;
use crate::definition;

/// The folder of the stream files inside the configuration folder.
const FOLDER: &str = "streams";

/// Reads the definitions `<config_dir>/streams/<name>.json`; other files and folders there are ignored.
///
/// # Errors
/// The first error of each file; also a missing folder, and a folder without streams.
pub fn load(config_dir: &Path) -> Result<BTreeMap<StreamName, Definition>, ConfigErrors> {
    load_as(config_dir, |_, definition| Ok(definition))
}

/// Does what [`load`] does, then calls `make` with each definition and reports its errors together with the others.
///
/// # Errors
/// Those of [`load`] and of `make`.
pub fn load_as<T>(
    config_dir: &Path,
    make: impl Fn(&StreamName, Definition) -> Result<T, ConfigErrors>,
) -> Result<BTreeMap<StreamName, T>, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    let files = list(&config_dir.join(FOLDER), &mut errors);
    refuse_equal_names(&files, &mut errors);
    let mut streams = BTreeMap::new();
    for (stem, path) in &files {
        let Some((name, definition)) = read(stem, path, &mut errors) else { continue };
        match make(&name, definition) {
            Ok(stream) => _ = streams.insert(name, stream),
            Err(others) => errors.extend(others),
        }
    }
    errors.or(streams)
}

/// Reads the text of one stream's file, `streams/<stem>.json`.
///
/// # Errors
/// The first error in the file, with its pointer.
pub fn parse(stem: &str, text: &[u8]) -> Result<Definition, ConfigErrors> {
    definition::read(text).map_err(|error| ConfigErrors::one(short(stem), error))
}

/// The stems and paths of the stream files, by name.
fn list(folder: &Path, errors: &mut ConfigErrors) -> Vec<(String, PathBuf)> {
    let entries = match folder.read_dir().and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => {
            errors.add(folder.display(), format_args!("cannot be read: {error}"));
            return Vec::new();
        }
    };
    let mut files: Vec<_> = entries.iter().filter_map(|entry| stream_file(entry.path())).collect();
    if files.is_empty() {
        errors.add(folder.display(), "contains no stream: add at least one `<name>.json`");
    }
    files.sort();
    files
}

fn stream_file(path: PathBuf) -> Option<(String, PathBuf)> {
    let stem = path.file_name()?.to_string_lossy().strip_suffix(".json")?.to_owned();
    path.is_file().then_some((stem, path))
}

/// A file's name in errors: its path from the configuration folder.
fn short(stem: &str) -> String {
    format!("{FOLDER}/{stem}.json")
}

/// File systems that ignore case would mix up names that differ only in case, and so would people.
fn refuse_equal_names(files: &[(String, PathBuf)], errors: &mut ConfigErrors) {
    let mut seen = BTreeMap::new();
    for (stem, _) in files {
        if let Some(other) = seen.insert(stem.to_lowercase(), stem) {
            errors.add(short(stem), format_args!("differs only in case from {}", short(other)));
        }
    }
}

fn read(stem: &str, path: &Path, errors: &mut ConfigErrors) -> Option<(StreamName, Definition)> {
    let name = StreamName::parse(stem);
    if name.is_none() {
        errors.add(short(stem), "a stream's name must be `[a-z][a-z0-9_-]{0,62}`");
    }
    match std::fs::read(path) {
        Ok(text) => name.zip(parse(stem, &text).map_err(|error| errors.extend(error)).ok()),
        Err(error) => {
            errors.add(short(stem), format!("cannot be read: {error}"));
            None
        }
    }
}

#[cfg(test)]
mod tests;
