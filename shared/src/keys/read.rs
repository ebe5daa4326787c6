//! Reads write keys from the variable and from the file.

use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::origin::MAX_SECRETS;
use super::{KeyFile, KeyRing, OriginSecrets, WriteKey};
use crate::config::ConfigErrors;
use crate::definition::{self, ReadError, object, present_list};
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
        // An error names only the position: the text may be the key itself.
        let mut refuse = |what: String| errors.add("WRITE_KEYS", format_args!("key {number}: {what}"));
        match entry_of_variable(entry.trim()) {
            Ok(key) => ring.add(key, &mut refuse),
            Err(what) => refuse(what),
        }
    }
    errors.or(ring)
}

fn entry_of_variable(entry: &str) -> Result<WriteKey, String> {
    let (name, rest) =
        entry.split_once('=').ok_or("must be `name=<sha256 hex>` or `name=<sha256 hex>:stream+stream`")?;
    let (hex, streams) = rest.split_once(':').map_or((rest, None), |(hex, streams)| (hex, Some(streams)));
    let streams = streams.map(|streams| streams.split('+').map(StreamName::parse).collect::<Option<_>>());
    Ok(WriteKey {
        name: key_name(name).ok_or(format!("before `=`: must be {NAME}"))?,
        digest: digest_of_hex(hex).ok_or(format!("after `=`: must be {DIGEST}"))?,
        streams: match streams {
            Some(None) => return Err(format!("after `:` and each `+`: must be {STREAM}")),
            other => other.flatten(),
        },
    })
}

pub(super) fn file(path: &Path) -> Result<KeyFile, ConfigErrors> {
    match std::fs::read(path) {
        Ok(text) => of_text(&text, path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(KeyFile::default()),
        Err(error) => Err(ConfigErrors::one(path.display(), format_args!("cannot be read: {error}"))),
    }
}

/// `keys.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    keys: Vec<Object>,
    #[serde(default)]
    origin: Origin,
}

#[derive(Default, Deserialize)]
#[serde(try_from = "Vec<Digest>")]
struct Origin(Vec<[u8; 32]>);

#[derive(Deserialize)]
struct Object(#[serde(deserialize_with = "object")] Entry);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: KeyName,
    sha256: Digest,
    #[serde(default, deserialize_with = "present_list")]
    streams: Option<Vec<StreamName>>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct KeyName(String);

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Digest([u8; 32]);

impl TryFrom<Vec<Digest>> for Origin {
    type Error = String;

    fn try_from(digests: Vec<Digest>) -> Result<Self, String> {
        let digests: Vec<_> = digests.into_iter().map(|Digest(digest)| digest).collect();
        if !(1..=MAX_SECRETS).contains(&digests.len()) {
            return Err("must have one digest, or two while the secret rotates".to_owned());
        }
        if digests.contains(&<[u8; 32]>::from(Sha256::digest(b""))) {
            return Err("must not have the digest of the empty secret".to_owned());
        }
        Ok(Self(digests))
    }
}

impl TryFrom<String> for KeyName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        key_name(&text).map(Self).ok_or(format!("must be {NAME}"))
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        digest_of_hex(&text).map(Self).ok_or(format!("must be {DIGEST}"))
    }
}

fn of_text(text: &[u8], path: &Path) -> Result<KeyFile, ConfigErrors> {
    let file: File = definition::read(text).map_err(|error| ConfigErrors::one(path.display(), without_value(error)))?;
    let (mut keys, mut errors) = (KeyRing::default(), ConfigErrors::default());
    for (index, Object(entry)) in file.keys.into_iter().enumerate() {
        let Entry { name: KeyName(name), sha256: Digest(digest), streams } = entry;
        let mut refuse = |what| errors.add(path.display(), format_args!("/keys/{index}: {what}"));
        keys.add(WriteKey { name, digest, streams }, &mut refuse);
    }
    let Origin(secrets) = file.origin;
    errors.or(KeyFile { keys, origin: OriginSecrets(secrets) })
}

/// Serde quotes a value of the wrong type, and a value in this file may be a key.
fn without_value(error: ReadError) -> ReadError {
    let quotes = error.message.starts_with("invalid type");
    if quotes { ReadError { message: "has the wrong type".to_owned(), ..error } } else { error }
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
