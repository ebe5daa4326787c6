//! A strict JSON parser: a duplicate key at any level is an error, because readers disagree about which one counts.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

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
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    // serde_json's own limit is 127 levels; `Strict` counts ours.
    deserializer.disable_recursion_limit();
    let value = Strict { levels: MAX_LEVELS }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Whether an error of [`strict`] is a duplicate key.
#[must_use]
pub fn is_duplicate_key(error: &serde_json::Error) -> bool {
    error.is_data() && error.to_string().starts_with(DUPLICATE)
}

/// Parses a value of at most `levels` levels.
#[derive(Clone, Copy)]
struct Strict {
    levels: usize,
}

impl Strict {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1);
        levels.map(|levels| Self { levels }).ok_or_else(|| E::custom(format_args!("more than {MAX_LEVELS} levels")))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(object))
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
