//! Whether a payload carries consent. A value that is not understood is not consent.

use super::{Absent, Regions, Rule, Test, region_code};
use crate::json::{self, Tree, Values};
use crate::pointer::Missing;

impl Rule {
    /// Whether this rule allows a payload to be stored or sent.
    #[must_use]
    pub fn allows(&self, payload: &Tree<'_>) -> bool {
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
fn binds(regions: &Regions, payload: &Tree<'_>) -> bool {
    match regions.pointer.find(payload).and_then(Tree::as_str).and_then(region_code) {
        Some(region) => regions.bound.iter().any(|bound| bound.eq_ignore_ascii_case(region)),
        None => true,
    }
}

fn passes(test: &Test, choice: &Tree<'_>) -> bool {
    match test {
        Test::Granted(values) => values.contains(choice),
        Test::AnyOf(ids) => has_any(ids, choice),
        Test::NoneOf(ids) => has_none(ids, choice),
    }
}

fn has_any(ids: &Values, choice: &Tree<'_>) -> bool {
    match choice {
        Tree::Array(chosen) => chosen.iter().any(|id| ids.contains(id)),
        Tree::Object(flags) => flags.iter().any(|(id, flag)| *flag == Tree::Bool(true) && has_key(ids, id)),
        _ => false,
    }
}

fn has_none(ids: &Values, choice: &Tree<'_>) -> bool {
    match choice {
        Tree::Array(chosen) => chosen.iter().all(|id| is_id(id) && !ids.contains(id)),
        Tree::Object(flags) => flags.iter().all(|(id, flag)| *flag == Tree::Bool(false) || !has_key(ids, id)),
        _ => false,
    }
}

/// Whether a key is one of the ids. Keys are strings, so a number's id matches a key that parses as the same number.
fn has_key(ids: &Values, key: &str) -> bool {
    let is_number = || json::read(key.as_bytes()).is_ok_and(|key| is_number(&key) && ids.contains(&key));
    ids.contains(&Tree::of_text(key)) || is_number()
}

fn is_id(value: &Tree<'_>) -> bool {
    is_number(value) || matches!(value, Tree::String(_))
}

fn is_number(value: &Tree<'_>) -> bool {
    matches!(value, Tree::Number(_))
}
