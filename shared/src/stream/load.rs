//! Reads the folder of stream files strictly: every fault of every file at once, by file and member.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{ClientIp, Definition, Stamp, StreamName};
use crate::config::ConfigErrors;
use crate::consent::Consent;
use crate::json;
use crate::members::{Members, Place};

/// The folder of the stream files inside the configuration's.
const FOLDER: &str = "streams";

/// Reads `<config_dir>/streams/<name>.json`, one definition each; other files and folders there are ignored.
///
/// # Errors
/// Every fault of every file; also that there is no folder or no stream.
pub fn load(config_dir: &Path) -> Result<BTreeMap<StreamName, Definition>, ConfigErrors> {
    load_as(config_dir, |_, definition| Ok(definition))
}

/// As [`load`], and makes something of every definition that could be read, so that the errors of that come
/// in the same report, file by file.
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

/// Reads the text of one stream's file, which errors name by its `stem`.
///
/// # Errors
/// Every fault.
pub fn parse(stem: &str, text: &[u8]) -> Result<Definition, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    let definition = read_text(text, Place::file(short(stem)), &mut errors);
    errors.or(definition.unwrap_or_default())
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
        errors.add(folder.display(), "holds no stream: there must be at least one `<name>.json`");
    }
    files.sort();
    files
}

fn stream_file(path: PathBuf) -> Option<(String, PathBuf)> {
    let stem = path.file_name()?.to_string_lossy().strip_suffix(".json")?.to_owned();
    path.is_file().then_some((stem, path))
}

/// How errors name a file: from the configuration's folder on.
fn short(stem: &str) -> String {
    format!("{FOLDER}/{stem}.json")
}

/// Some file systems do not tell such names apart, and no client should have to.
fn refuse_equal_names(files: &[(String, PathBuf)], errors: &mut ConfigErrors) {
    let mut seen = BTreeMap::new();
    for (stem, _) in files {
        if let Some(other) = seen.insert(stem.to_lowercase(), stem) {
            errors.add(short(stem), format_args!("differs only in case from {}", short(other)));
        }
    }
}

fn read(stem: &str, path: &Path, errors: &mut ConfigErrors) -> Option<(StreamName, Definition)> {
    let place = Place::file(short(stem));
    let name = StreamName::parse(stem);
    if name.is_none() {
        place.error(errors, "a stream's name must be `[a-z][a-z0-9_-]{0,62}`");
    }
    match std::fs::read(path) {
        Ok(text) => name.zip(read_text(&text, place, errors)),
        Err(error) => {
            place.error(errors, format!("cannot be read: {error}"));
            None
        }
    }
}

fn read_text(text: &[u8], place: Place, errors: &mut ConfigErrors) -> Option<Definition> {
    match json::strict(text) {
        Ok(value) => Some(define(Members::of(value, place, errors)?, errors)),
        Err(error) => {
            place.error(errors, format!("is not JSON as it should be: {error}"));
            None
        }
    }
}

fn define(mut members: Members, errors: &mut ConfigErrors) -> Definition {
    let definition = Definition {
        description: members.text("description", errors),
        schema: schema(&mut members, errors),
        consent: members.object("consent", errors).map(|consent| Consent::read(consent, errors)),
        stamp: members.object("stamp", errors).map(|members| stamp(members, errors)).unwrap_or_default(),
    };
    members.finish(errors);
    definition
}

fn schema(members: &mut Members, errors: &mut ConfigErrors) -> Option<Value> {
    let (schema, place) = members.value("schema")?;
    if schema.is_object() || schema.is_boolean() {
        return Some(schema);
    }
    place.error(errors, "must be a JSON Schema: an object, true or false");
    None
}

fn stamp(mut members: Members, errors: &mut ConfigErrors) -> Stamp {
    let addresses = [("none", ClientIp::None), ("truncated", ClientIp::Truncated), ("full", ClientIp::Full)];
    let stamp = Stamp {
        client_ip: members.choice("client_ip", &addresses, errors).unwrap_or_default(),
        user_agent: members.flag("user_agent", errors).unwrap_or_default(),
        country: members.flag("country", errors).unwrap_or_default(),
    };
    members.finish(errors);
    stamp
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
