//! Reads write keys from the variable and from the file.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;

use super::{KeyRing, WriteKey};
use crate::config::ConfigErrors;
use crate::json;
use crate::members::{Members, Place};
use crate::stream::StreamName;

const NAME: &str = "a name: `[A-Za-z0-9][A-Za-z0-9_.-]{0,62}`";
const DIGEST: &str = "the key's SHA-256 in 64 hex digits";
const STREAM: &str = "a stream: `[a-z][a-z0-9_-]{0,62}`";

pub(super) fn variable(text: &str) -> Result<KeyRing, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    let mut ring = KeyRing::default();
    if text.trim().is_empty() {
        return Ok(ring);
    }
    for (number, entry) in (1..).zip(text.split(',')) {
        // A fault names the position alone: somebody may have written the key itself.
        let mut refuse = |what: String| errors.add("WRITE_KEYS", format_args!("key {number}: {what}"));
        match entry_of_variable(entry.trim()) {
            Ok(key) => ring.add(key, &mut refuse),
            Err(what) => refuse(what),
        }
    }
    errors.or(ring)
}

fn entry_of_variable(entry: &str) -> Result<WriteKey, String> {
    let (name, rest) = entry.split_once('=').ok_or("must be `name=<sha256 hex>`, then perhaps `:stream+stream`")?;
    let (hex, streams) = rest.split_once(':').map_or((rest, None), |(hex, streams)| (hex, Some(streams)));
    let streams = streams.map(|streams| streams.split('+').map(StreamName::parse).collect::<Option<_>>());
    Ok(WriteKey {
        name: key_name(name).ok_or(format!("before `=` must stand {NAME}"))?,
        digest: digest_of_hex(hex).ok_or(format!("behind `=` must stand {DIGEST}"))?,
        streams: match streams {
            Some(None) => return Err(format!("behind `:` and each `+` must stand {STREAM}")),
            other => other.flatten(),
        },
    })
}

pub(super) fn file(path: &Path) -> Result<KeyRing, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(KeyRing::default()),
        Err(error) => {
            errors.add(path.display(), format_args!("cannot be read: {error}"));
            return Err(errors);
        }
    };
    match json::strict(&text) {
        Ok(value) => ring_of_file(value, Place::file(path.display()), errors),
        Err(error) => {
            errors.add(path.display(), format_args!("is not JSON as it should be: {error}"));
            Err(errors)
        }
    }
}

fn ring_of_file(value: Value, place: Place, mut errors: ConfigErrors) -> Result<KeyRing, ConfigErrors> {
    let mut ring = KeyRing::default();
    let Some(mut members) = Members::of(value, place, &mut errors) else { return Err(errors) };
    match members.value("keys") {
        Some((Value::Array(entries), place)) => {
            for (index, entry) in entries.into_iter().enumerate() {
                let place = place.member(index);
                if let Some(key) = entry_of_file(entry, place.clone(), &mut errors) {
                    ring.add(key, &mut |what| place.error(&mut errors, what));
                }
            }
        }
        Some((_, place)) => place.error(&mut errors, "must be a list"),
        None => members.place().error(&mut errors, "needs `keys`"),
    }
    members.finish(&mut errors);
    errors.or(ring)
}

fn entry_of_file(entry: Value, place: Place, errors: &mut ConfigErrors) -> Option<WriteKey> {
    let mut members = Members::of(entry, place, errors)?;
    let name = required(&mut members, "name", NAME, key_name, errors);
    let digest = required(&mut members, "sha256", DIGEST, digest_of_hex, errors);
    let before = errors.sentences().len();
    let stream = |value: &Value| value.as_str().and_then(StreamName::parse);
    let streams = members.list("streams", STREAM, stream, errors);
    // A key whose streams are faulty must not become one that may write all.
    let streams_are_good = errors.sentences().len() == before;
    members.finish(errors);
    let key = WriteKey { name: name?, digest: digest?, streams };
    streams_are_good.then_some(key)
}

fn required<T>(
    members: &mut Members,
    name: &str,
    what: &str,
    read: impl Fn(&str) -> Option<T>,
    errors: &mut ConfigErrors,
) -> Option<T> {
    if !members.has(name) {
        members.place().error(errors, format_args!("needs `{name}`"));
    }
    let place = members.place().member(name);
    let value = read(&members.text(name, errors)?);
    if value.is_none() {
        place.error(errors, format_args!("must be {what}"));
    }
    value
}

fn key_name(text: &str) -> Option<String> {
    let first_is_good = text.starts_with(|first: char| first.is_ascii_alphanumeric());
    let all_are_good = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    (first_is_good && all_are_good && text.len() <= 63).then(|| text.to_owned())
}

fn digest_of_hex(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(digest)
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
