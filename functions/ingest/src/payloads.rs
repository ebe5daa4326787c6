//! Splits a document's text into its payloads, without copying them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use spillway_shared::json::MAX_LEVELS;

use crate::body::Form;
use crate::error::RequestError;
use crate::rejection::{Reason, Rejection};

/// The most bytes of a document's context.
pub const MAX_CONTEXT_BYTES: usize = 8 << 10;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A document split into slices of its text.
#[derive(Debug, Default, PartialEq)]
pub struct SplitDocument<'a> {
    /// The members next to `payloads`, as one JSON object; `None` without such members.
    pub context: Option<String>,
    /// Each payload, or its rejection, in the order of the document.
    pub payloads: Vec<Result<&'a str, Refused<'a>>>,
}

/// A payload that is rejected before it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused<'a> {
    /// Why.
    pub rejection: Rejection,
    /// The payload's text, if a record can contain it: a JSON value with at most [`MAX_LEVELS`].
    pub text: Option<&'a str>,
}

/// Splits a document into its payloads.
///
/// # Errors
/// The document cannot be read (400), or has more than `max_payloads` payloads or [`MAX_CONTEXT_BYTES`] of context
/// (413).
pub fn split(body: &[u8], form: Form, max_payloads: usize) -> Result<SplitDocument<'_>, RequestError> {
    let body = body.strip_prefix(BOM).unwrap_or(body);
    match form {
        Form::Json => split_json(body, max_payloads),
        Form::Lines => split_lines(body, max_payloads),
    }
}

fn split_lines(body: &[u8], max_payloads: usize) -> Result<SplitDocument<'_>, RequestError> {
    let lines = body.split(|byte| *byte == b'\n').map(trim).filter(|line| !line.is_empty());
    let payloads: Vec<_> = lines.take(max_payloads + 1).map(line).collect();
    match payloads.len() {
        0 => Err(empty()),
        count if count > max_payloads => Err(too_many(max_payloads)),
        _ => Ok(SplitDocument { context: None, payloads }),
    }
}

/// A line without blanks around it and without a byte-order mark: some clients join files that begin with one.
fn trim(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    line.strip_prefix(BOM).map_or(line, <[u8]>::trim_ascii_start)
}

fn line(line: &[u8]) -> Result<&str, Refused<'_>> {
    let unreadable = |detail: String| Refused::without_text(Reason::Unreadable, detail);
    let text = std::str::from_utf8(line).map_err(|error| unreadable(not_utf8(&error)))?;
    let value: &RawValue = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    payload(value.get())
}

fn split_json(body: &[u8], max_payloads: usize) -> Result<SplitDocument<'_>, RequestError> {
    let text = std::str::from_utf8(body).map_err(|error| RequestError::Unreadable(not_utf8(&error)))?;
    match text.trim_ascii_start().as_bytes().first() {
        None => return Err(empty()),
        Some(b'[' | b'{') => {}
        Some(_) => return Err(RequestError::Unreadable("the document must be an array or an object".to_owned())),
    }
    let mut error = None;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let top = deserializer.deserialize_any(TopLevelVisitor { max_payloads, error: &mut error });
    let top = top.and_then(|top| deserializer.end().map(|()| top));
    let top = top.map_err(|other| error.unwrap_or_else(|| RequestError::Unreadable(other.to_string())))?;
    with_context(top, text)
}

fn with_context<'a>(top: TopLevel<'a>, text: &'a str) -> Result<SplitDocument<'a>, RequestError> {
    // An object without `payloads` is itself the only payload.
    let Some(payloads) = top.payloads else {
        let whole = check_levels(text.trim_ascii());
        return Ok(SplitDocument { context: None, payloads: vec![whole] });
    };
    let context = (!top.others.is_empty()).then(|| format!("{{{}}}", top.others));
    if context.as_ref().is_some_and(|context| context.len() > MAX_CONTEXT_BYTES) {
        return Err(RequestError::TooLarge(format!(
            "the context, the members next to `payloads`, has more than {MAX_CONTEXT_BYTES} bytes"
        )));
    }
    if context.as_ref().is_some_and(|context| !levels_at_most(context.as_bytes(), MAX_LEVELS)) {
        return Err(RequestError::Unreadable(format!(
            "the context, the members next to `payloads`, has more than {MAX_LEVELS} levels"
        )));
    }
    Ok(SplitDocument { context, payloads })
}

/// The members of a document's outermost object, or the elements of its outermost array.
#[derive(Default)]
struct TopLevel<'a> {
    payloads: Option<Vec<Result<&'a str, Refused<'a>>>>,
    /// The `"key":value` pairs next to `payloads`, joined by commas, as the client wrote them.
    others: String,
}

struct TopLevelVisitor<'e> {
    max_payloads: usize,
    error: &'e mut Option<RequestError>,
}

impl<'de> Visitor<'de> for TopLevelVisitor<'_> {
    type Value = TopLevel<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<TopLevel<'de>, A::Error> {
        let payloads = PayloadsVisitor { max_payloads: self.max_payloads, error: self.error }.visit_seq(elements)?;
        Ok(TopLevel { payloads: Some(payloads), others: String::new() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<TopLevel<'de>, A::Error> {
        let mut top = TopLevel::default();
        while let Some(key) = members.next_key::<&RawValue>()? {
            if is_payloads(key) {
                if top.payloads.is_some() {
                    return fail(self.error, RequestError::Unreadable("`payloads` appears twice".to_owned()));
                }
                let seed = PayloadsVisitor { max_payloads: self.max_payloads, error: &mut *self.error };
                top.payloads = Some(members.next_value_seed(seed)?);
            } else {
                let value: &RawValue = members.next_value()?;
                top.add_context(key.get(), value.get());
            }
        }
        Ok(top)
    }
}

impl TopLevel<'_> {
    fn add_context(&mut self, key: &str, value: &str) {
        // Beyond the limit it is enough to know that the context is too large.
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

/// Reads the elements of `payloads`, or of a document that is an array.
struct PayloadsVisitor<'e> {
    max_payloads: usize,
    error: &'e mut Option<RequestError>,
}

impl<'de> DeserializeSeed<'de> for PayloadsVisitor<'_> {
    type Value = Vec<Result<&'de str, Refused<'de>>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let error = &mut *self.error;
        let result = deserializer.deserialize_seq(PayloadsVisitor { max_payloads: self.max_payloads, error });
        if let Err(other) = &result
            && self.error.is_none()
            && other.to_string().starts_with("invalid type")
        {
            *self.error = Some(RequestError::Unreadable("`payloads` must be an array".to_owned()));
        }
        result
    }
}

impl<'de> Visitor<'de> for PayloadsVisitor<'_> {
    type Value = Vec<Result<&'de str, Refused<'de>>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of payloads")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut payloads = Vec::new();
        while payloads.len() < self.max_payloads {
            let Some(element) = elements.next_element::<&RawValue>()? else { return Ok(payloads) };
            payloads.push(payload(element.get()));
        }
        match elements.next_element::<IgnoredAny>()? {
            None => Ok(payloads),
            Some(_) => fail(self.error, too_many(self.max_payloads)),
        }
    }
}

/// Whether a key is `payloads`; a client may write it with escapes.
fn is_payloads(key: &RawValue) -> bool {
    key.get() == "\"payloads\""
        || (key.get().contains('\\') && serde_json::from_str::<String>(key.get()).is_ok_and(|key| key == "payloads"))
}

/// The payload of a JSON value.
pub(crate) fn payload(value: &str) -> Result<&str, Refused<'_>> {
    let found = match value.as_bytes().first() {
        Some(b'{') => return check_levels(value),
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    };
    let rejection = Rejection::new(Reason::NotAnObject, format!("expected an object, found {found}"));
    Err(Refused { rejection, text: check_levels(value).ok() })
}

fn check_levels(payload: &str) -> Result<&str, Refused<'_>> {
    if levels_at_most(payload.as_bytes(), MAX_LEVELS) {
        Ok(payload)
    } else {
        Err(Refused::without_text(Reason::TooDeep, format!("more than {MAX_LEVELS} levels")))
    }
}

/// Whether JSON has at most `limit` levels. Most payloads have fewer opening brackets than that, which is quick to
/// count.
pub(crate) fn levels_at_most(json: &[u8], limit: usize) -> bool {
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

impl Refused<'_> {
    fn without_text(reason: Reason, detail: impl Into<String>) -> Self {
        Self { rejection: Rejection::new(reason, detail), text: None }
    }
}

/// Ends deserialisation with an error of ours, which serde cannot carry.
pub(crate) fn fail<T, E: serde::de::Error>(slot: &mut Option<RequestError>, error: RequestError) -> Result<T, E> {
    let message = E::custom(error.detail());
    *slot = Some(error);
    Err(message)
}

fn empty() -> RequestError {
    RequestError::Unreadable("the body is empty".to_owned())
}

pub(crate) fn too_many(limit: usize) -> RequestError {
    RequestError::TooLarge(format!("the document has more than {limit} payloads"))
}

pub(crate) fn not_utf8(error: &std::str::Utf8Error) -> String {
    format!("not UTF-8 after {} bytes", error.valid_up_to())
}

#[cfg(test)]
mod tests;
