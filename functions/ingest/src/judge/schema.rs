//! A compiled JSON Schema that locates and explains a payload's first error.

use std::collections::HashSet;

use jsonschema::Validator;
use serde_json::Value;
use spillway_shared::config::ConfigErrors;
use spillway_shared::json::Tree;
use spillway_shared::keys;
use spillway_shared::stream::StreamName;

use super::budget::PayloadBudget;
use super::counted::{Counted, Metered};
use super::meter::{Meter, Prices, TooCostly};
use super::{compile, detail};
use crate::rejection::{Reason, Rejection};

/// The detail of a rejection without an explanation.
const UNEXPLAINED: &str = "does not match the stream's schema";
const TOO_COMPLEX: &str = "does not match the stream's schema (too complex to locate the error)";
const TOO_COSTLY: &str =
    "takes more work to judge than the limit; send a smaller or simpler payload, or fewer in one document";

/// An error allocates several times.
const STEPS_PER_ERROR: usize = 256;

/// One stream's schema.
#[derive(Debug)]
pub(super) struct Schema {
    validator: Validator<Metered>,
    names: HashSet<String>,
    prices: Prices,
    digest: String,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// The schema's first error, with file and pointer.
    pub(super) fn compile(schema: &Value, name: &StreamName) -> Result<Self, ConfigErrors> {
        let mut names = HashSet::new();
        gather_names(schema, &mut names);
        let validator = compile::validator(schema, name)?;
        let error = STEPS_PER_ERROR + largest_copy(schema);
        let prices = Prices { error, name: compile::positions_of_names(schema) };
        Ok(Self { validator, names, prices, digest: digest(schema) })
    }

    /// The first 16 hex digits of the SHA-256 of the schema, written without spaces and with sorted keys.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// Judges a payload of this many bytes.
    ///
    /// # Errors
    /// It does not match the schema, or needs more work than the budget allows. The detail says where and why, if
    /// `explains`, without any of the payload's values.
    pub(super) fn judge(
        &self,
        payload: &Tree<'_>,
        mut budget: PayloadBudget<'_>,
        explains: bool,
    ) -> Result<(), Rejection> {
        match budget.judge(self.prices, |meter| self.validator.is_valid(Counted::new(payload, meter))) {
            Ok(true) => Ok(()),
            Ok(false) if explains => Err(Rejection::new(Reason::Schema, self.explain(payload, budget))),
            Ok(false) => Err(Rejection::new(Reason::Schema, UNEXPLAINED)),
            Err(TooCostly) => Err(Rejection::new(Reason::TooCostly, TOO_COSTLY)),
        }
    }

    fn explain(&self, payload: &Tree<'_>, mut budget: PayloadBudget<'_>) -> String {
        let explain = |meter: &Meter| match self.validator.validate(Counted::new(payload, meter)) {
            Ok(()) => UNEXPLAINED.to_owned(),
            Err(error) => detail::detail(&error, payload, &self.names),
        };
        budget.explain(self.prices, explain).unwrap_or_else(|TooCostly| TOO_COMPLEX.to_owned())
    }
}

fn digest(schema: &Value) -> String {
    keys::digest(schema.to_string().as_bytes())[..16].to_owned()
}

/// The bytes of the largest part of the schema that an error copies.
fn largest_copy(schema: &Value) -> usize {
    let largest = |values: &mut dyn Iterator<Item = &Value>| values.map(largest_copy).max().unwrap_or_default();
    match schema {
        Value::Array(elements) => largest(&mut elements.iter()),
        Value::Object(members) => {
            let copied = members.get("not").map_or(0, |value| value.to_string().len());
            copied.max(largest(&mut members.values()))
        }
        _ => 0,
    }
}

/// The names of members that a schema contains; details repeat only these.
fn gather_names(schema: &Value, names: &mut HashSet<String>) {
    match schema {
        Value::Array(elements) => elements.iter().for_each(|element| gather_names(element, names)),
        Value::Object(members) => members.iter().for_each(|(keyword, value)| {
            gather_names_of(keyword, value, names);
            gather_names(value, names);
        }),
        _ => {}
    }
}

fn gather_names_of(keyword: &str, value: &Value, names: &mut HashSet<String>) {
    match (keyword, value) {
        ("properties" | "dependentSchemas" | "dependentRequired" | "dependencies", Value::Object(members)) => {
            names.extend(members.keys().cloned());
        }
        ("required", Value::Array(required)) => {
            names.extend(required.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        _ => {}
    }
}
