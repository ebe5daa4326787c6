//! Whether a payload carries consent. A value that is not understood is not consent.

use std::collections::HashSet;

use spillway_shared::config::ConfigErrors;
use spillway_shared::consent::{Absent, Regions, Rule, Test, region_code};
use spillway_shared::json::{self, Tree};
use spillway_shared::pointer::Missing;
use spillway_shared::stream::StreamName;

use super::keywords::{ROUNDED, is_rounded};

/// A rule whose values are looked up in constant time: a client may send many.
#[derive(Debug)]
pub(super) struct CompiledRule {
    rule: Rule,
    values: HashSet<Tree<'static>>,
}

impl CompiledRule {
    /// Compiles a rule.
    ///
    /// # Errors
    /// A number that cannot be compared.
    pub(super) fn compile(rule: Rule, name: &StreamName) -> Result<Self, ConfigErrors> {
        let (Test::Granted(values) | Test::AnyOf(values) | Test::NoneOf(values)) = &rule.test;
        if values.iter().any(is_rounded) {
            let mut errors = ConfigErrors::default();
            errors.add(format_args!("streams/{name}.json"), format_args!("/consent: {ROUNDED}"));
            return Err(errors);
        }
        let values = values.iter().map(Tree::from).collect();
        Ok(Self { rule, values })
    }

    /// Whether this rule allows a payload to be stored.
    pub(super) fn is_met(&self, payload: &Tree<'_>) -> bool {
        if self.rule.regions.as_ref().is_some_and(|regions| !binds(regions, payload)) {
            return true;
        }
        match self.rule.pointer.locate(payload) {
            Ok(choice) => self.passes(choice),
            Err(Missing::Absent) => self.rule.absent == Absent::Allow,
            // Such as `"consent": false`, where an object with the choice is expected.
            Err(Missing::NotAnObject) => false,
        }
    }

    fn passes(&self, choice: &Tree<'_>) -> bool {
        match self.rule.test {
            Test::Granted(_) => self.values.contains(choice),
            Test::AnyOf(_) => self.has_any(choice),
            Test::NoneOf(_) => self.has_none(choice),
        }
    }

    fn has_any(&self, choice: &Tree<'_>) -> bool {
        match choice {
            Tree::Array(chosen) => chosen.iter().any(|id| self.values.contains(id)),
            Tree::Object(flags) => flags.iter().any(|(id, flag)| *flag == Tree::Bool(true) && self.has_key(id)),
            _ => false,
        }
    }

    fn has_none(&self, choice: &Tree<'_>) -> bool {
        match choice {
            Tree::Array(chosen) => chosen.iter().all(|id| is_id(id) && !self.values.contains(id)),
            Tree::Object(flags) => flags.iter().all(|(id, flag)| *flag == Tree::Bool(false) || !self.has_key(id)),
            _ => false,
        }
    }

    /// Whether a key is one of the ids. Keys are strings, so a number's id matches a key that parses as the same number.
    fn has_key(&self, key: &str) -> bool {
        let is_number = || json::read(key.as_bytes()).is_ok_and(|key| is_number(&key) && self.values.contains(&key));
        self.values.contains(&Tree::of_text(key)) || is_number()
    }
}

/// A region that is missing or not a region's code is bound: a missing value must not remove protection.
fn binds(regions: &Regions, payload: &Tree<'_>) -> bool {
    match regions.pointer.find(payload).and_then(Tree::as_str).and_then(region_code) {
        Some(region) => regions.bound.iter().any(|bound| bound.eq_ignore_ascii_case(region)),
        None => true,
    }
}

fn is_id(value: &Tree<'_>) -> bool {
    is_number(value) || matches!(value, Tree::String(_))
}

fn is_number(value: &Tree<'_>) -> bool {
    matches!(value, Tree::Number(_))
}
