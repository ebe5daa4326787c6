//! Reads definition files (`streams/*.json`, `keys.json`): strict JSON, unknown members refused, errors with file and pointer.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde_json::Value;
use serde_path_to_error::Segment;

use crate::json;

/// Why a definition file was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// The JSON pointer to the value at fault; empty for the whole file.
    pub pointer: String,
    /// What is wrong with the value. May quote it.
    pub message: String,
}

/// Reads a definition, an object, from the text of its file.
///
/// # Errors
/// The first error in the file: it is not JSON, has a duplicate key, or is not a `T`.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, ReadError> {
    let value = json::strict(text).map_err(|error| ReadError::whole(format!("not valid JSON: {error}")))?;
    from_object(value)
}

/// Reads an object. Serde itself would also take a list of the members' values.
fn from_object<T: DeserializeOwned>(value: Value) -> Result<T, ReadError> {
    if !value.is_object() {
        return Err(ReadError::whole("must be an object"));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = error.path().iter().fold(String::new(), push_segment);
        let message = error.into_inner().to_string();
        // An error in an inner object begins with its pointer inside that object.
        match message.split_once(": ") {
            Some((inner, message)) if inner.starts_with('/') => {
                ReadError { pointer: pointer + inner, message: message.to_owned() }
            }
            _ => ReadError { pointer, message },
        }
    })
}

impl ReadError {
    fn whole(message: impl Into<String>) -> Self {
        Self { pointer: String::new(), message: message.into() }
    }
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pointer.as_str() {
            "" => f.write_str(&self.message),
            pointer => write!(f, "{pointer}: {}", self.message),
        }
    }
}

/// Reads an optional member: it may be missing, but `null` is an error like any other value of the wrong type.
///
/// For `#[serde(default, deserialize_with = "present")]`.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads an optional list that must have at least one element if it is present.
pub(crate) fn present_list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    list(deserializer).map(Some)
}

/// Reads a member that must be an object.
pub(crate) fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    from_object(Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Reads an optional member that must be an object if it is present.
pub(crate) fn present_object<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    object(deserializer).map(Some)
}

/// Reads a list that must have at least one element.
pub(crate) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let list = Vec::deserialize(deserializer)?;
    if list.is_empty() { Err(D::Error::custom("must not be empty")) } else { Ok(list) }
}

fn push_segment(pointer: String, segment: &Segment) -> String {
    match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } => format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => pointer,
    }
}
