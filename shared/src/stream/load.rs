//! Reads the folder of stream files strictly: every fault of every file at once, by file and member.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{ClientIp, Definition, Stamp, StreamName};
use crate::config::Faults;
use crate::consent::Consent;
use crate::json;
use crate::members::{Members, Place};

/// Reads `<config_dir>/streams/<name>.json`, one definition each; other files and folders there are ignored.
///
/// # Errors
/// Every fault of every file; also that there is no folder or no stream.
pub fn load(config_dir: &Path) -> Result<BTreeMap<StreamName, Definition>, Faults> {
    let folder = config_dir.join("streams");
    let mut faults = Faults::default();
    let files = list(&folder, &mut faults);
    refuse_equal_names(&files, &mut faults);
    let mut streams = BTreeMap::new();
    for (stem, path) in &files {
        if let Some((name, definition)) = read(stem, path, &mut faults) {
            streams.insert(name, definition);
        }
    }
    faults.or(streams)
}

/// The stems and paths of the stream files, by name.
fn list(folder: &Path, faults: &mut Faults) -> Vec<(String, PathBuf)> {
    let entries = match folder.read_dir().and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => {
            faults.add(folder.display(), format_args!("cannot be read: {error}"));
            return Vec::new();
        }
    };
    let mut files: Vec<_> = entries.iter().filter_map(|entry| stream_file(entry.path())).collect();
    if files.is_empty() {
        faults.add(folder.display(), "holds no stream: there must be at least one `<name>.json`");
    }
    files.sort();
    files
}

fn stream_file(path: PathBuf) -> Option<(String, PathBuf)> {
    let stem = path.file_name()?.to_string_lossy().strip_suffix(".json")?.to_owned();
    path.is_file().then_some((stem, path))
}

/// Some file systems do not tell such names apart, and no client should have to.
fn refuse_equal_names(files: &[(String, PathBuf)], faults: &mut Faults) {
    let mut seen: BTreeMap<String, &Path> = BTreeMap::new();
    for (stem, path) in files {
        if let Some(other) = seen.insert(stem.to_lowercase(), path) {
            faults.add(path.display(), format_args!("differs only in case from {}", other.display()));
        }
    }
}

fn read(stem: &str, path: &Path, faults: &mut Faults) -> Option<(StreamName, Definition)> {
    let place = Place::file(path.display());
    let name = StreamName::parse(stem);
    if name.is_none() {
        place.fault(faults, "a stream's name must be `[a-z][a-z0-9_-]{0,62}`");
    }
    let members = Members::of(json_file(path, &place, faults)?, place, faults)?;
    let definition = define(members, faults);
    name.map(|name| (name, definition))
}

fn json_file(path: &Path, place: &Place, faults: &mut Faults) -> Option<Value> {
    let read = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"));
    match read.and_then(|text| json::strict(&text).map_err(|error| format!("is not JSON as it should be: {error}"))) {
        Ok(value) => Some(value),
        Err(what) => {
            place.fault(faults, what);
            None
        }
    }
}

fn define(mut members: Members, faults: &mut Faults) -> Definition {
    let definition = Definition {
        description: members.text("description", faults),
        schema: schema(&mut members, faults),
        consent: members.object("consent", faults).map(|consent| Consent::read(consent, faults)),
        stamp: members.object("stamp", faults).map(|members| stamp(members, faults)).unwrap_or_default(),
    };
    members.finish(faults);
    definition
}

fn schema(members: &mut Members, faults: &mut Faults) -> Option<Value> {
    let (schema, place) = members.value("schema")?;
    if schema.is_object() || schema.is_boolean() {
        return Some(schema);
    }
    place.fault(faults, "must be a JSON Schema: an object, true or false");
    None
}

fn stamp(mut members: Members, faults: &mut Faults) -> Stamp {
    let addresses = [("none", ClientIp::None), ("truncated", ClientIp::Truncated), ("full", ClientIp::Full)];
    let stamp = Stamp {
        client_ip: members.choice("client_ip", &addresses, faults).unwrap_or_default(),
        user_agent: members.flag("user_agent", faults).unwrap_or_default(),
        country: members.flag("country", faults).unwrap_or_default(),
    };
    members.finish(faults);
    stamp
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
