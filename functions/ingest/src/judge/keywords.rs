//! Keywords that the validator judges in more than linear time, judged in linear time.

use std::slice;

use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Value};
use spillway_shared::json::{Number, Values};

use super::counted::{Counted, Metered};
use super::detail::{MAX_CHARS, cut};

/// A keyword, or the schema's error.
pub(super) type Compiled<'a> = Result<Box<dyn for<'i> Keyword<'i, Metered>>, ValidationError<'a>>;

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

/// `enum`, and `const` with one value.
struct OneOf {
    values: Values,
    /// What the detail says, no longer than a detail.
    expected: String,
}

impl OneOf {
    fn compile<'a>(values: &[Value], expected: String) -> Compiled<'a> {
        let values = values.try_into().map_err(ValidationError::schema)?;
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
