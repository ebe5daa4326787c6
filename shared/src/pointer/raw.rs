//! Finds the value at a pointer in a JSON text, without parsing the values before it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Pointer, Token};

impl Pointer {
    /// The text of the value at the pointer. Of a key that appears twice in one object, the first counts; what follows
    /// the value is not read.
    #[must_use]
    pub fn find_raw<'a>(&self, json: &'a str) -> Option<&'a RawValue> {
        let mut found = None;
        let walk = Walk { tokens: &self.0, found: &mut found };
        // The walk ends with an error as soon as it has found the value.
        let _ = walk.deserialize(&mut serde_json::Deserializer::from_str(json));
        found
    }
}

struct Walk<'t, 'f, 'de> {
    tokens: &'t [Token],
    found: &'f mut Option<&'de RawValue>,
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Walk<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.tokens.is_empty() {
            *self.found = Some(<&RawValue>::deserialize(deserializer)?);
            return Err(D::Error::custom("found"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.tokens.split_first() else { return Ok(()) };
        while let Some(Key(key)) = members.next_key()? {
            if key == first.key {
                return members.next_value_seed(Walk { tokens: rest, found: self.found });
            }
            members.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Some((Token { index: Some(index), .. }, rest)) = self.tokens.split_first() else {
            return Err(A::Error::custom("not an index"));
        };
        for _ in 0..*index {
            if elements.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        elements.next_element_seed(Walk { tokens: rest, found: self.found }).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const DOCUMENT: &str = r#" {"a": [10, {"b": null}], "": 1, "x/y": 2.50, "m~n": "\u0033", "~1": 4, "\u00e9": {}} "#;

    #[test]
    fn the_text_has_the_same_value_as_the_parsed_document() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        for text in ["", "/a", "/a/0", "/a/1/b", "/", "/x~1y", "/m~0n", "/~01", "/é", "/b", "/a/2", "/a/x", "/a/0/x"] {
            let pointer = Pointer::parse(text).unwrap();
            let raw = pointer.find_raw(DOCUMENT).map(|raw| serde_json::from_str::<Value>(raw.get()).unwrap());
            assert_eq!(raw.as_ref(), pointer.find(&document), "{text}");
        }
    }

    #[test]
    fn bytes_stay_as_they_are_and_broken_text_has_no_value() {
        let find = |pointer: &str, json| Pointer::parse(pointer).unwrap().find_raw(json).map(RawValue::get);
        assert_eq!(find("/x~1y", DOCUMENT), Some("2.50"));
        assert_eq!(find("/a", r#"{"a":1.0,"a":2} rest"#), Some("1.0"));
        for json in ["", "{", r#"{"a":"#, r#"{"b" 1,"a":1}"#, "nonsense"] {
            assert_eq!(find("/a", json), None, "{json}");
        }
    }
}
