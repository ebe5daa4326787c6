//! Replaces the request's key in what is stored: libraries repeat their key in events and in URLs.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem};

/// What stands in place of a key.
const MASK: &str = "***";
/// The default key of `spillway serve` is public, and a usual word.
const PUBLIC: &[u8] = b"local";

/// The text with every occurrence of `key` within a string replaced, or `None` if there is none.
#[must_use]
pub fn mask(json: &str, key: &[u8]) -> Option<String> {
    let Ok(key) = std::str::from_utf8(key) else { return None };
    let may_occur = memchr(b'\\', json.as_bytes()).is_some() || memmem::find(json.as_bytes(), key.as_bytes()).is_some();
    if key.is_empty() || key.as_bytes() == PUBLIC || !may_occur {
        return None;
    }
    let (mut masked, mut rest, mut is_changed) = (String::new(), json, false);
    while let Some(start) = memchr(b'"', rest.as_bytes()) {
        let end = end_of_string(rest, start);
        let string = &rest[start..end];
        let without = without(string, key);
        is_changed |= matches!(without, Cow::Owned(_));
        masked.push_str(&rest[..start]);
        masked.push_str(&without);
        rest = &rest[end..];
    }
    masked.push_str(rest);
    is_changed.then_some(masked)
}

/// The end of the string that begins at `start`, after its closing quote.
fn end_of_string(json: &str, start: usize) -> usize {
    let mut at = start + 1;
    while let Some(next) = json.as_bytes().get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += next;
        match json.as_bytes()[at] {
            b'"' => return at + 1,
            // The escaped byte may be a quote.
            _ => at += 2,
        }
    }
    json.len()
}

/// A string, with its quotes, without the key.
fn without<'a>(string: &'a str, key: &str) -> Cow<'a, str> {
    if !string.contains('\\') {
        let contains = memmem::find(string.as_bytes(), key.as_bytes()).is_some();
        return if contains { Cow::Owned(string.replace(key, MASK)) } else { Cow::Borrowed(string) };
    }
    match serde_json::from_str::<String>(string) {
        // A string always serialises.
        Ok(text) if text.contains(key) => {
            Cow::Owned(serde_json::to_string(&text.replace(key, MASK)).unwrap_or_default())
        }
        _ => Cow::Borrowed(string),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_occurrence_within_a_string_is_replaced() {
        for (json, key, expected) in [
            (r#"{"writeKey":"k-1","a":["xk-1y","k-1k-1"]}"#, "k-1", r#"{"writeKey":"***","a":["x***y","******"]}"#),
            (r#"{"a":"\u006b-1 é\n","b":"\\"}"#, "k-1", r#"{"a":"*** é\n","b":"\\"}"#),
            (r#"{"k-1":"\"k-1\""}"#, "k-1", r#"{"***":"\"***\""}"#),
            (r#"[12,"12",{"a":true}]"#, "12", r#"[12,"***",{"a":true}]"#),
            (r#"["a\/b"]"#, "a/b", r#"["***"]"#),
        ] {
            assert_eq!(mask(json, key.as_bytes()).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn a_text_without_the_key_is_not_copied() {
        for (json, key) in [
            (r#"{"a":"b\n"}"#, "k-1"),
            (r#"{"a":12}"#, "12"),
            (r#"["local"]"#, "local"),
            (r#"["a"]"#, ""),
            ("[\"a\\", "k"),
            ("[\"k", "x"),
        ] {
            assert_eq!(mask(json, key.as_bytes()), None, "{json}");
        }
    }

    proptest! {
        #[test]
        fn no_string_contains_the_key_afterwards(strings in prop::collection::vec("[k1\\\\\"\\PC]{0,9}", 0..9)) {
            let json = serde_json::to_string(&strings).unwrap();
            let masked = mask(&json, b"k1").unwrap_or(json);
            let Value::Array(strings) = serde_json::from_str(&masked).unwrap() else { panic!("still an array") };
            prop_assert!(strings.iter().all(|string| !string.as_str().unwrap().contains("k1")), "{masked}");
        }
    }
}
