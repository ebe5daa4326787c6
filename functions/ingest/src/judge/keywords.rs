//! Keywords that the validator judges in more than linear time, judged in linear time.

use std::collections::HashSet;
use std::slice;

use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Value};
use spillway_shared::json::{Number, Tree};

use super::counted::{Counted, Metered};
use super::detail::{MAX_CHARS, cut};

/// A keyword, or the schema's error.
pub(super) type Compiled<'a> = Result<Box<dyn for<'i> Keyword<'i, Metered>>, ValidationError<'a>>;

/// A whole number of this size or more does not fit into 64 bits with a sign, and was rounded if it is a float.
const FIRST_ROUNDED: f64 = 9_223_372_036_854_775_808.0;
pub(super) const ROUNDED: &str =
    "has an integer that does not fit into 64 bits, or is written with an exponent; it cannot be compared exactly";

pub(super) fn one_of<'a>(_: &'a Map<String, Value>, options: &'a Value, _: Location) -> Compiled<'a> {
    let values = options.as_array().map(Vec::as_slice).unwrap_or_default();
    OneOf::compile(values, format!("one of {options}"))
}

pub(super) fn equal_to<'a>(_: &'a Map<String, Value>, value: &'a Value, _: Location) -> Compiled<'a> {
    OneOf::compile(slice::from_ref(value), value.to_string())
}

pub(super) fn multiple_of<'a>(_: &'a Map<String, Value>, divisor: &'a Value, _: Location) -> Compiled<'a> {
    let number = divisor.as_number().ok_or_else(|| ValidationError::schema("must be a number"))?;
    Ok(Box::new(MultipleOf { divisor: number.into() }))
}

/// Whether a value contains a whole number that the parser rounded.
pub(super) fn is_rounded(value: &Value) -> bool {
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

/// `enum`, and `const` with one value.
struct OneOf {
    values: HashSet<Tree<'static>>,
    /// What the detail says, no longer than a detail.
    expected: String,
}

impl OneOf {
    fn compile<'a>(values: &[Value], expected: String) -> Compiled<'a> {
        if values.iter().any(is_rounded) {
            return Err(ValidationError::schema(ROUNDED));
        }
        let values = values.iter().map(Tree::from).collect();
        Ok(Box::new(Self { values, expected: cut(expected, MAX_CHARS) }))
    }
}

impl<'i> Keyword<'i, Metered> for OneOf {
    fn validate(&self, instance: Counted<'i>) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) { Ok(()) } else { Err(ValidationError::custom(self.expected.clone())) }
    }

    fn is_valid(&self, instance: Counted<'i>) -> bool {
        self.values.contains(instance.whole())
    }
}

struct MultipleOf {
    divisor: Number<'static>,
}

impl<'i> Keyword<'i, Metered> for MultipleOf {
    fn validate(&self, instance: Counted<'i>) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            return Ok(());
        }
        Err(ValidationError::custom(format!("a multiple of {}", self.divisor.text())))
    }

    fn is_valid(&self, instance: Counted<'i>) -> bool {
        match instance.number() {
            Some(number) => number.is_multiple_of(&self.divisor),
            None => true,
        }
    }
}
