//! Reads the files of destinations.

use std::io;
use std::path::Path;

use super::{Destination, File};
use crate::config::ConfigErrors;
use crate::definition;

/// The folder of the files inside the configuration folder.
const FOLDER: &str = "destinations";

/// The grammar of a destination's name, for errors. The name becomes part of a stack's and a queue's name.
pub const NAME_GRAMMAR: &str = "`[a-z][a-z0-9-]{0,39}`";

/// Whether a text is a destination's name.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let rest_is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= 40 && text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(rest_is_good)
}

/// The names of all destinations in `<config_dir>/destinations`, sorted; none if there is no such folder.
///
/// # Errors
/// The folder cannot be read, or a file's name is not a destination's name.
pub fn names(config_dir: &Path) -> Result<Vec<String>, ConfigErrors> {
    let entries = match config_dir.join(FOLDER).read_dir() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.and_then(Iterator::collect::<io::Result<Vec<_>>>),
    };
    let entries = entries.map_err(|error| ConfigErrors::one(FOLDER, format_args!("cannot be read: {error}")))?;
    let mut errors = ConfigErrors::default();
    let files = entries.iter().filter(|entry| entry.path().is_file());
    let mut names: Vec<_> =
        files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".json")?.to_owned())).collect();
    names.sort();
    for name in names.iter().filter(|name| !is_name(name)) {
        errors.add(short(name), format_args!("a destination's name must be {NAME_GRAMMAR}"));
    }
    errors.or(names)
}

/// Reads `<config_dir>/destinations/<name>.json`.
///
/// # Errors
/// The first error in the file, with its pointer.
pub fn read(config_dir: &Path, name: &str) -> Result<Destination, ConfigErrors> {
    if !is_name(name) {
        return Err(ConfigErrors::one(short(name), format_args!("a destination's name must be {NAME_GRAMMAR}")));
    }
    let text = std::fs::read(config_dir.join(FOLDER).join(format!("{name}.json")));
    let text = text.map_err(|error| ConfigErrors::one(short(name), format_args!("cannot be read: {error}")))?;
    parse(name, &text)
}

/// Reads all destinations.
///
/// # Errors
/// The first error of each file.
pub fn load(config_dir: &Path) -> Result<Vec<Destination>, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    let mut destinations = Vec::new();
    for name in names(config_dir)? {
        match read(config_dir, &name) {
            Ok(destination) => destinations.push(destination),
            Err(others) => errors.extend(others),
        }
    }
    errors.or(destinations)
}

/// Reads the text of a destination's file.
///
/// # Errors
/// The first error in the file, with its pointer.
pub fn parse(name: &str, text: &[u8]) -> Result<Destination, ConfigErrors> {
    let file: File = definition::read(text).map_err(|error| ConfigErrors::one(short(name), error))?;
    Destination::of(name, file)
        .map_err(|(pointer, error)| ConfigErrors::one(short(name), format_args!("{pointer}: {error}")))
}

fn short(name: &str) -> String {
    format!("{FOLDER}/{name}.json")
}
