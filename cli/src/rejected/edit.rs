//! Edits payloads with a JSON Patch (RFC 6902).

use anyhow::{Context as _, ensure};
use json_patch::Patch;
use serde_json::Value;

/// Numbers with more digits than this may not survive an edit: a 64-bit float has 17 significant digits.
const EXACT_DIGITS: usize = 17;

/// An edit of payloads, and its text, which is part of the ids of messages.
#[derive(Debug, Default)]
pub(super) struct Edit {
    patch: Option<Patch>,
    pub(super) text: String,
}

impl Edit {
    /// Reads a JSON Patch: an array of operations, or `@FILE`.
    pub(super) fn read(argument: &str) -> anyhow::Result<Self> {
        let text = match argument.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file).with_context(|| format!("{file} cannot be read"))?,
            None => argument.to_owned(),
        };
        let patch = serde_json::from_str(&text).context("the edit is not a JSON Patch, an array of operations")?;
        Ok(Self { patch: Some(patch), text })
    }

    /// The edited payload. Without an edit the payload stays byte for byte.
    pub(super) fn apply(&self, payload: &str) -> anyhow::Result<String> {
        let Some(patch) = &self.patch else { return Ok(payload.to_owned()) };
        ensure!(
            longest_number(payload) <= EXACT_DIGITS,
            "a number has more than {EXACT_DIGITS} digits, so an edit could round it"
        );
        let mut value: Value = serde_json::from_str(payload).context("the payload cannot be read")?;
        json_patch::patch(&mut value, patch).context("the edit does not fit")?;
        Ok(value.to_string())
    }
}

/// The most digits of a number in a JSON text.
fn longest_number(json: &str) -> usize {
    let (mut longest, mut digits, mut in_string, mut escaped) = (0, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'0'..=b'9' if !in_string => digits += 1,
            b'.' | b'-' | b'+' | b'e' | b'E' if !in_string => {}
            _ => digits = 0,
        }
        longest = longest.max(digits);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_changes_what_its_operations_name() {
        let edit = Edit::read(r#"[{"op":"add","path":"/event","value":"x"},{"op":"remove","path":"/a"}]"#).unwrap();
        assert_eq!(edit.apply(r#"{"a":1,"b":1.5}"#).unwrap(), r#"{"b":1.5,"event":"x"}"#);
        assert!(edit.apply(r#"{"b":1}"#).is_err(), "there is no /a");
        assert_eq!(Edit::default().apply(r#"{"a": 1.0,"a":2}"#).unwrap(), r#"{"a": 1.0,"a":2}"#);
    }

    #[test]
    fn a_text_that_is_no_patch_is_refused() {
        for text in ["{}", "[1]", r#"[{"op":"lose","path":"/a"}]"#, "@/does/not/exist"] {
            assert!(Edit::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_that_an_edit_could_round_is_refused() {
        let edit = Edit::read("[]").unwrap();
        assert!(edit.apply(r#"{"id":12345678901234567890}"#).is_err());
        assert!(edit.apply(r#"{"id":"12345678901234567890","n":1.2345e10}"#).is_ok());
    }
}
