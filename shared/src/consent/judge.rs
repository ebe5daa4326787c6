//! Whether a payload carries consent. A value that is not understood is not consent.

use super::{Absent, Regions, Rule, Test, region_code};
use crate::equal::same;
use crate::pointer::Missing;
use serde_json::Value;

impl Rule {
    /// Whether this rule allows a payload to be stored or sent.
    #[must_use]
    pub fn allows(&self, payload: &Value) -> bool {
        if self.regions.as_ref().is_some_and(|regions| !binds(regions, payload)) {
            return true;
        }
        match self.pointer.locate(payload) {
            Ok(choice) => passes(&self.test, choice),
            Err(Missing::Absent) => self.absent == Absent::Allow,
            // Such as `"consent": false`, where an object with the choice is expected.
            Err(Missing::NotAnObject) => false,
        }
    }
}

/// A region that is missing or not a region's code is bound: a missing value must not remove protection.
fn binds(regions: &Regions, payload: &Value) -> bool {
    match regions.pointer.find(payload).and_then(Value::as_str).and_then(region_code) {
        Some(region) => regions.bound.iter().any(|bound| bound.eq_ignore_ascii_case(region)),
        None => true,
    }
}

fn passes(test: &Test, choice: &Value) -> bool {
    match test {
        Test::Granted(values) => contains(values, choice),
        Test::AnyOf(ids) => has_any(ids, choice),
        Test::NoneOf(ids) => has_none(ids, choice),
    }
}

fn has_any(ids: &[Value], choice: &Value) -> bool {
    match choice {
        Value::Array(chosen) => chosen.iter().any(|id| contains(ids, id)),
        Value::Object(flags) => flags.iter().any(|(id, flag)| *flag == true && has_key(ids, id)),
        _ => false,
    }
}

fn has_none(ids: &[Value], choice: &Value) -> bool {
    match choice {
        Value::Array(chosen) => chosen.iter().all(|id| is_id(id) && !contains(ids, id)),
        Value::Object(flags) => flags.iter().all(|(id, flag)| *flag == false || !has_key(ids, id)),
        _ => false,
    }
}

fn contains(values: &[Value], wanted: &Value) -> bool {
    values.iter().any(|value| same(value, wanted))
}

/// Whether a key is one of the ids. Keys are strings, so a number's id matches a key that parses as the same number.
fn has_key(ids: &[Value], key: &str) -> bool {
    let as_number = || serde_json::from_str(key).ok().map(Value::Number);
    let number = ids.iter().any(Value::is_number).then(as_number).flatten();
    ids.iter().any(|id| id == key || number.as_ref().is_some_and(|number| same(id, number)))
}

fn is_id(value: &Value) -> bool {
    value.is_string() || value.is_number()
}
