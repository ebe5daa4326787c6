//! A strict JSON parser: a duplicate key at any level is an error, because readers disagree about which one counts.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

mod number;
mod scan;
mod tree;
mod values;

pub use number::Number;
pub use tree::Tree;
pub use values::Values;

/// The most levels of objects and arrays, including the outermost.
///
/// Readers such as DuckDB stop at 128 levels, and a record adds one around its payload.
pub const MAX_LEVELS: usize = 127;

/// The text by which [`is_duplicate_key`] recognises its error.
const DUPLICATE: &str = "duplicate key";

/// Parses one JSON value of at most [`MAX_LEVELS`] without duplicate keys.
///
/// # Errors
/// An error of [`serde_json`], too many levels, or a duplicate key (see [`is_duplicate_key`]).
pub fn strict(text: &[u8]) -> Result<Value, serde_json::Error> {
    read(text).map(Value::from)
}

/// As [`strict`], but strings without escapes are borrowed, and numbers stay as they were written.
///
/// # Errors
/// As [`strict`].
pub fn read(text: &[u8]) -> Result<Tree<'_>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    // serde_json's own limit is 127 levels; `Strict` counts ours.
    deserializer.disable_recursion_limit();
    let rest = Cell::new(text);
    let value = Strict { levels: MAX_LEVELS, rest: &rest }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Whether an error of [`strict`] is a duplicate key.
#[must_use]
pub fn is_duplicate_key(error: &serde_json::Error) -> bool {
    error.is_data() && error.to_string().starts_with(DUPLICATE)
}

/// Parses a value of at most `levels` levels.
///
/// `serde_json` passes on a number's value, not its text. The text is the next number in the document, because values
/// are visited in its order.
#[derive(Clone, Copy)]
struct Strict<'t, 'de> {
    levels: usize,
    /// The text behind the last number.
    rest: &'t Cell<&'de [u8]>,
}

impl<'de> Strict<'_, 'de> {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1);
        let error = || E::custom(format_args!("more than {MAX_LEVELS} levels"));
        levels.map(|levels| Self { levels, ..self }).ok_or_else(error)
    }

    fn number<E: Error>(self) -> Result<Tree<'de>, E> {
        let mut rest = self.rest.get();
        let number = scan::next_number(&mut rest);
        self.rest.set(rest);
        number.map(Tree::Number).ok_or_else(|| E::custom("invalid number"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_, 'de> {
    type Value = Tree<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_, 'de> {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Tree<'de>, E> {
        self.number()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Tree<'de>, E> {
        self.number()
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Tree<'de>, E> {
        if value.is_finite() { self.number() } else { Err(E::custom("number out of range")) }
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::String(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::String(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Tree<'de>, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            array.push(element);
        }
        Ok(Tree::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree<'de>, A::Error> {
        #[derive(Deserialize)]
        struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
        let inner = self.inner()?;
        let mut object = BTreeMap::new();
        while let Some(Key(key)) = members.next_key()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Tree::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_json_parses_as_in_serde_json() {
        let text = r#"{"a":[1,-2,3.5,null,true,"x\n"],"b":{"c":{}}}"#;
        assert_eq!(strict(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_duplicate_key_is_an_error_even_if_it_is_escaped() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#] {
            assert!(is_duplicate_key(&strict(text.as_bytes()).unwrap_err()), "{text}");
        }
    }

    #[test]
    fn more_than_127_levels_are_an_error() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(strict(nested(127).as_bytes()).is_ok());
        let error = strict(nested(128).as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with("more than 127 levels"), "{error}");
        assert!(strict(nested(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn other_errors_are_not_duplicate_keys() {
        for text in ["{", "1 2", r#"{"duplicate key":}"#, "1e400"] {
            assert!(!is_duplicate_key(&strict(text.as_bytes()).unwrap_err()), "{text}");
        }
    }
}
