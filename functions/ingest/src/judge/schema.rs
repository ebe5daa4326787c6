//! A compiled JSON Schema that says where and why a payload breaks it.

use std::collections::HashSet;

use jsonschema::Validator;
use serde_json::Value;
use spillway_shared::config::ConfigErrors;
use spillway_shared::stream::StreamName;

use super::explain::Explanations;
use super::{compile, detail, explain};

/// One stream's schema.
#[derive(Debug)]
pub(super) struct Schema {
    validator: Validator,
    names: HashSet<String>,
    /// What explaining a failure costs, by byte of the payload.
    ways: usize,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with file and pointer.
    pub(super) fn compile(schema: &Value, name: &StreamName) -> Result<Self, ConfigErrors> {
        let mut names = HashSet::new();
        gather_names(schema, &mut names);
        let validator = compile::validator(schema, name)?;
        Ok(Self { validator, names, ways: explain::ways(schema) })
    }

    /// Whether a payload of so many bytes keeps to the schema; if not, where and why, without its values, if there is an
    /// explanation left for it.
    pub(super) fn check(&self, payload: &Value, bytes: usize, explanations: &mut Explanations) -> Result<(), String> {
        // A failure is found again with its place: the common case, a good payload, needs no places.
        if self.validator.is_valid(payload) {
            return Ok(());
        }
        if !explanations.take(self.ways, bytes) {
            return Err("payload: expected to keep to the stream's schema; where it does not is too much to say".into());
        }
        match self.validator.validate(payload) {
            Ok(()) => Err("payload: expected to keep to the stream's schema".into()),
            Err(error) => Err(detail::detail(&error, payload, &self.names)),
        }
    }
}

/// The names of members that a schema writes down; only they are repeated to clients.
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
