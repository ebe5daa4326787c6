//! From a document's text to its payloads, without copying one.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::body::Form;
use crate::error::RequestError;
use crate::rejection::{Reason, Rejection};

/// How many levels a payload may have, itself counted.
pub const MAX_LEVELS: usize = 128;
/// How many bytes a document's context may have.
pub const MAX_CONTEXT_BYTES: usize = 8 << 10;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A document taken apart: slices of its text.
#[derive(Debug, Default, PartialEq)]
pub struct Document<'a> {
    /// The members beside `payloads`, as one JSON object; `None` if there are none.
    pub context: Option<String>,
    /// Each payload, or why it is none, in the order of the document.
    pub payloads: Vec<Result<&'a str, Rejection>>,
}

/// Takes a document apart.
///
/// # Errors
/// A document that cannot be read (400), or has more than `max_payloads` payloads or too much context (413).
pub fn split(body: &[u8], form: Form, max_payloads: usize) -> Result<Document<'_>, RequestError> {
    let body = body.strip_prefix(BOM).unwrap_or(body);
    match form {
        Form::Json => split_json(body, max_payloads),
        Form::Lines => split_lines(body, max_payloads),
    }
}

fn split_lines(body: &[u8], max_payloads: usize) -> Result<Document<'_>, RequestError> {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let payloads: Vec<_> = lines.take(max_payloads + 1).map(line).collect();
    match payloads.len() {
        0 => Err(empty()),
        count if count > max_payloads => Err(too_many(max_payloads)),
        _ => Ok(Document { context: None, payloads }),
    }
}

fn line(line: &[u8]) -> Result<&str, Rejection> {
    let unreadable = |detail: String| Rejection::new(Reason::Unreadable, detail);
    let text = std::str::from_utf8(line).map_err(|error| unreadable(not_utf8(&error)))?;
    let value: &RawValue = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    payload(value)
}

fn split_json(body: &[u8], max_payloads: usize) -> Result<Document<'_>, RequestError> {
    let text = std::str::from_utf8(body).map_err(|error| RequestError::Unreadable(not_utf8(&error)))?;
    match text.trim_ascii_start().as_bytes().first() {
        None => return Err(empty()),
        Some(b'[' | b'{') => {}
        Some(_) => return Err(RequestError::Unreadable("the document must be an array or an object".to_owned())),
    }
    let mut fault = None;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let top = deserializer.deserialize_any(Top { max_payloads, fault: &mut fault });
    let parts = top.and_then(|parts| deserializer.end().map(|()| parts));
    let parts = parts.map_err(|error| fault.unwrap_or_else(|| RequestError::Unreadable(error.to_string())))?;
    document(parts, text)
}

fn document<'a>(parts: Parts<'a>, text: &'a str) -> Result<Document<'a>, RequestError> {
    // An object without `payloads` is itself the only payload.
    let Some(payloads) = parts.payloads else {
        let whole = check_levels(text.trim_ascii());
        return Ok(Document { context: None, payloads: vec![whole] });
    };
    let context = (!parts.others.is_empty()).then(|| format!("{{{}}}", parts.others));
    if context.as_ref().is_some_and(|context| context.len() > MAX_CONTEXT_BYTES) {
        return Err(RequestError::TooLarge(format!(
            "the members beside `payloads` have more than {MAX_CONTEXT_BYTES} bytes"
        )));
    }
    if context.as_ref().is_some_and(|context| !levels_at_most(context.as_bytes(), MAX_LEVELS)) {
        return Err(RequestError::Unreadable(format!(
            "the members beside `payloads` have more than {MAX_LEVELS} levels"
        )));
    }
    Ok(Document { context, payloads })
}

/// What stands at the top of a document.
#[derive(Default)]
struct Parts<'a> {
    payloads: Option<Vec<Result<&'a str, Rejection>>>,
    /// `"key":value` pairs beside `payloads`, joined by commas, as the client wrote them.
    others: String,
}

struct Top<'f> {
    max_payloads: usize,
    fault: &'f mut Option<RequestError>,
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = Parts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Parts<'de>, A::Error> {
        let payloads = Collection { max_payloads: self.max_payloads, fault: self.fault }.visit_seq(elements)?;
        Ok(Parts { payloads: Some(payloads), others: String::new() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Parts<'de>, A::Error> {
        let mut parts = Parts::default();
        while let Some(key) = members.next_key::<&RawValue>()? {
            if is_payloads(key) {
                if parts.payloads.is_some() {
                    return fail(self.fault, RequestError::Unreadable("`payloads` stands twice".to_owned()));
                }
                let seed = Collection { max_payloads: self.max_payloads, fault: &mut *self.fault };
                parts.payloads = Some(members.next_value_seed(seed)?);
            } else {
                let value: &RawValue = members.next_value()?;
                parts.join(key.get(), value.get());
            }
        }
        Ok(parts)
    }
}

impl Parts<'_> {
    fn join(&mut self, key: &str, value: &str) {
        // Past the limit nothing is kept: it only has to be seen that there is too much.
        if self.others.len() <= MAX_CONTEXT_BYTES {
            if !self.others.is_empty() {
                self.others.push(',');
            }
            self.others.push_str(key);
            self.others.push(':');
            self.others.push_str(value);
        }
    }
}

/// The elements of `payloads`, or of a document that is an array.
struct Collection<'f> {
    max_payloads: usize,
    fault: &'f mut Option<RequestError>,
}

impl<'de> DeserializeSeed<'de> for Collection<'_> {
    type Value = Vec<Result<&'de str, Rejection>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let fault = &mut *self.fault;
        let result = deserializer.deserialize_seq(Collection { max_payloads: self.max_payloads, fault });
        if let Err(error) = &result
            && fault.is_none()
            && error.to_string().starts_with("invalid type")
        {
            *fault = Some(RequestError::Unreadable("`payloads` must be an array".to_owned()));
        }
        result
    }
}

impl<'de> Visitor<'de> for Collection<'_> {
    type Value = Vec<Result<&'de str, Rejection>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of payloads")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut payloads = Vec::new();
        while payloads.len() < self.max_payloads {
            let Some(element) = elements.next_element::<&RawValue>()? else { return Ok(payloads) };
            payloads.push(payload(element));
        }
        match elements.next_element::<IgnoredAny>()? {
            None => Ok(payloads),
            Some(_) => fail(self.fault, too_many(self.max_payloads)),
        }
    }
}

/// A client may write the key with escapes; it means the same.
fn is_payloads(key: &RawValue) -> bool {
    key.get() == "\"payloads\""
        || (key.get().contains('\\') && serde_json::from_str::<String>(key.get()).is_ok_and(|key| key == "payloads"))
}

fn payload(value: &RawValue) -> Result<&str, Rejection> {
    let found = match value.get().as_bytes().first() {
        Some(b'{') => return check_levels(value.get()),
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    };
    Err(Rejection::new(Reason::NotAnObject, format!("expected an object, found {found}")))
}

fn check_levels(payload: &str) -> Result<&str, Rejection> {
    if levels_at_most(payload.as_bytes(), MAX_LEVELS) {
        Ok(payload)
    } else {
        Err(Rejection::new(Reason::TooDeep, format!("more than {MAX_LEVELS} levels")))
    }
}

/// Whether JSON has at most so many levels. Most payloads open fewer brackets than that, which is quick to see.
fn levels_at_most(json: &[u8], limit: usize) -> bool {
    let opening = memchr::memchr2_iter(b'{', b'[', json).take(limit + 1).count();
    opening <= limit || deepest_level(json) <= limit
}

fn deepest_level(json: &[u8]) -> usize {
    let (mut level, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn fail<T, E: serde::de::Error>(fault: &mut Option<RequestError>, error: RequestError) -> Result<T, E> {
    let message = E::custom(error.detail());
    *fault = Some(error);
    Err(message)
}

fn empty() -> RequestError {
    RequestError::Unreadable("the body is empty".to_owned())
}

fn too_many(limit: usize) -> RequestError {
    RequestError::TooLarge(format!("the document has more than {limit} payloads"))
}

fn not_utf8(error: &std::str::Utf8Error) -> String {
    format!("not UTF-8 after {} bytes", error.valid_up_to())
}

#[cfg(test)]
#[path = "payloads/tests.rs"]
mod tests;
