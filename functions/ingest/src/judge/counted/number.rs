//! Numbers, as the validator reads them.

use std::borrow::Cow;

use jsonschema::json::JsonNumber;
use spillway_shared::json::Number;

/// A number: whole numbers of 64 bits are exact, however they are written.
pub(in super::super) struct Exact<'a>(pub(super) &'a Number<'a>);

impl JsonNumber for Exact<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.as_integer()?.try_into().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.as_integer()?.try_into().ok()
    }

    fn as_f64(&self) -> Option<f64> {
        self.0.as_f64()
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0.text())
    }

    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        Cow::Owned(self.0.to_serde())
    }

    fn is_integer(&self) -> bool {
        self.0.is_integer()
    }
}
