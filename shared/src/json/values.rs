//! A set of values to which others are compared.

use std::collections::HashSet;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Tree;
use crate::definition::list;

/// A whole number of this size or more does not fit into 64 bits with a sign, and was rounded if it is a float.
const FIRST_ROUNDED: f64 = 9_223_372_036_854_775_808.0;
const ROUNDED: &str =
    "has an integer that does not fit into 64 bits, or is written with an exponent; it cannot be compared exactly";

/// Values of a definition, found in constant time: a client may send many. Numbers are equal by value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values(HashSet<Tree<'static>>);

impl Values {
    /// Whether a value is one of these.
    #[must_use]
    pub fn contains(&self, value: &Tree<'_>) -> bool {
        self.0.contains(value)
    }
}

/// A number that cannot be compared is an error.
impl TryFrom<&[Value]> for Values {
    type Error = &'static str;

    fn try_from(values: &[Value]) -> Result<Self, Self::Error> {
        if values.iter().any(is_rounded) { Err(ROUNDED) } else { Ok(Self(values.iter().map(Tree::from).collect())) }
    }
}

/// Reads a list with at least one element.
impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values: Vec<Value> = list(deserializer)?;
        Self::try_from(values.as_slice()).map_err(D::Error::custom)
    }
}

/// Whether a value contains a whole number that the parser rounded.
fn is_rounded(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            let is_large = |float: f64| float.fract() == 0.0 && float.abs() >= FIRST_ROUNDED;
            number.is_f64() && number.as_f64().is_some_and(is_large)
        }
        Value::Array(elements) => elements.iter().any(is_rounded),
        Value::Object(members) => members.values().any(is_rounded),
        _ => false,
    }
}
