//! A compiled JSON Schema that locates and explains a payload's first error.

use std::collections::HashSet;

use jsonschema::Validator;
use serde_json::Value;
use spillway_shared::config::ConfigErrors;
use spillway_shared::keys;
use spillway_shared::stream::StreamName;

use super::{compile, detail, explainable};

/// The detail of a rejection without an explanation.
pub(super) const UNEXPLAINED: &str = "does not match the stream's schema";
const TOO_COMPLEX: &str = "does not match the stream's schema (too complex to locate the error)";

/// One stream's schema.
#[derive(Debug)]
pub(super) struct Schema {
    validator: Validator,
    names: HashSet<String>,
    /// The most bytes of a payload whose rejection is explained.
    max_explained_bytes: usize,
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
        Ok(Self { validator, names, max_explained_bytes: explainable::max_bytes(schema), digest: digest(schema) })
    }

    /// The first 16 hex digits of the SHA-256 of the schema, written without spaces and with sorted keys.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether a payload matches the schema.
    pub(super) fn matches(&self, payload: &Value) -> bool {
        self.validator.is_valid(payload)
    }

    /// Where and why a payload of this many bytes does not match the schema, without any of its values.
    pub(super) fn explain(&self, payload: &Value, bytes: usize) -> String {
        if bytes > self.max_explained_bytes {
            return TOO_COMPLEX.to_owned();
        }
        match self.validator.validate(payload) {
            Ok(()) => UNEXPLAINED.to_owned(),
            Err(error) => detail::detail(&error, payload, &self.names),
        }
    }
}

fn digest(schema: &Value) -> String {
    keys::digest(schema.to_string().as_bytes())[..16].to_owned()
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
