//! Reads one level of a document: an object's members, or an array's elements, as slices of the text.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::items::MAX_CONTEXT_BYTES;
use crate::error::RequestError;
use crate::payloads::fail;

/// What becomes of a member.
pub(super) enum Use<'n> {
    /// It contains items, in the shape of this number.
    Items(usize),
    /// It becomes context, under this name or its own.
    Context(Option<&'n str>),
    /// It is skipped.
    Skip,
}

/// The members of one object.
#[derive(Default)]
pub(super) struct Level<'a> {
    /// The arrays of items, by the number of their shape.
    pub(super) arrays: Vec<(usize, &'a RawValue)>,
    /// The members that become context, joined by commas.
    pub(super) context: String,
}

/// Reads an object's members as `sort` says.
pub(super) fn members<'a, 'n>(json: &'a str, sort: &dyn Fn(&str) -> Use<'n>) -> Result<Level<'a>, RequestError> {
    expect(json, '{', "an object")?;
    let mut error = None;
    let visitor = Members { sort, error: &mut error };
    let result = serde_json::Deserializer::from_str(json).deserialize_map(visitor);
    result.map_err(|other| error.unwrap_or_else(|| unreadable(&other)))
}

/// Calls `each` with every element of an array.
pub(super) fn elements<'a>(
    json: &'a str,
    each: &mut dyn FnMut(&'a str) -> Result<(), RequestError>,
) -> Result<(), RequestError> {
    expect(json, '[', "an array of items")?;
    let mut error = None;
    let visitor = Elements { each, error: &mut error };
    let result = serde_json::Deserializer::from_str(json).deserialize_seq(visitor);
    result.map_err(|other| error.unwrap_or_else(|| unreadable(&other)))
}

/// Serde's own error would quote a value of another type.
fn expect(json: &str, first: char, what: &str) -> Result<(), RequestError> {
    if json.trim_ascii_start().starts_with(first) {
        return Ok(());
    }
    Err(RequestError::Unreadable(format!("expected {what} in the client's document, found another value")))
}

pub(super) fn unreadable(error: &serde_json::Error) -> RequestError {
    RequestError::Unreadable(error.to_string())
}

/// Adds `"name":value` to members that are joined by commas.
pub(super) fn push_member(members: &mut String, name: &str, value: &str) {
    if !members.is_empty() {
        members.push(',');
    }
    // A string always serialises.
    members.push_str(&serde_json::to_string(name).unwrap_or_default());
    members.push(':');
    members.push_str(value);
}

struct Members<'e, 's, 'n> {
    sort: &'s dyn Fn(&str) -> Use<'n>,
    error: &'e mut Option<RequestError>,
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Members<'_, '_, '_> {
    type Value = Level<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Level<'de>, A::Error> {
        let mut level = Level::default();
        while let Some((Key(key), value)) = members.next_entry::<Key<'de>, &'de RawValue>()? {
            match (self.sort)(&key) {
                Use::Items(shape) if level.arrays.iter().any(|(other, _)| *other == shape) => {
                    return fail(self.error, RequestError::Unreadable("an array of items appears twice".to_owned()));
                }
                Use::Items(shape) => level.arrays.push((shape, value)),
                Use::Context(name) if level.context.len() <= MAX_CONTEXT_BYTES => {
                    push_member(&mut level.context, name.unwrap_or(&key), value.get());
                }
                // Beyond the limit it is enough to know that the context is too large.
                Use::Context(_) | Use::Skip => {}
            }
        }
        Ok(level)
    }
}

struct Elements<'e, 'f, 'a> {
    each: &'f mut dyn FnMut(&'a str) -> Result<(), RequestError>,
    error: &'e mut Option<RequestError>,
}

impl<'de> Visitor<'de> for Elements<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&'de RawValue>()? {
            if let Err(error) = (self.each)(element.get()) {
                return fail(self.error, error);
            }
        }
        Ok(())
    }
}
