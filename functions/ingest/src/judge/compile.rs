//! Compiles a schema and names everything that is wrong with it, not only the first.
//!
//! The compiler stops at the first fault. So each fault is cut out of a copy and the copy is compiled again,
//! until there is nothing left to find.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ReferencingError, Retrieve, Uri, ValidationError, Validator};
use serde_json::Value;
use spillway_shared::config::ConfigErrors;
use spillway_shared::stream::StreamName;

use super::references::{is_named, leads_to, references};

/// After so many errors of one schema the rest is left for the next start.
const MAX_FAULTS: usize = 100;

const DRAFTS: [&str; 2] = ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema"];

const PATTERN: &str = "must be a regular expression that is matched in linear time and bounded memory: \
                       no look-around, no back-references, no huge repetitions";

/// Keywords whose value is a list of schemas.
const SCHEMA_LISTS: [&str; 5] = ["/allOf", "/anyOf", "/oneOf", "/prefixItems", "/items"];

/// A validator for a schema: draft 2020-12 unless `$schema` says 7, formats asserted, patterns in linear time,
/// nothing fetched.
///
/// # Errors
/// Every fault, with file and pointer.
pub(super) fn validator(schema: &Value, name: &StreamName) -> Result<Validator, ConfigErrors> {
    let mut search = Search { schema: schema.clone(), place: format!("streams/{name}.json"), ..Search::default() };
    search.check_draft();
    for _ in 0..MAX_FAULTS {
        match search.build() {
            Some(validator) if search.errors.sentences().is_empty() => return Ok(validator),
            Some(_) => break,
            None if search.is_stuck => break,
            None => {}
        }
    }
    Err(search.errors)
}

/// The search for errors: what is left of the schema, and what was found.
#[derive(Default)]
struct Search {
    schema: Value,
    place: String,
    errors: ConfigErrors,
    cut: HashSet<String>,
    is_stuck: bool,
}

impl Search {
    /// Other drafts would compile, with other meanings of the same words.
    fn check_draft(&mut self) {
        let Some(draft) = self.schema.get("$schema") else { return };
        if !draft.as_str().is_some_and(|draft| DRAFTS.contains(&draft.trim_end_matches('#'))) {
            self.found("/$schema", &format!("must be `{}` or `{}#`", DRAFTS[0], DRAFTS[1]));
        }
    }

    /// Compiles what is left; what is wrong with it is noted and cut out.
    fn build(&mut self) -> Option<Validator> {
        let remote = Remote::default();
        let built = options(&self.schema).with_retriever(remote.clone()).build(&self.schema);
        let asked = remote.asked();
        if !asked.is_empty() {
            self.refuse_remote(&asked);
            return None;
        }
        built.map_err(|error| self.refuse(&error)).ok()
    }

    fn refuse_remote(&mut self, asked: &[String]) {
        let is_remote = |reference: &str| asked.iter().any(|uri| leads_to(reference, uri));
        let found = references(&self.schema, &is_remote);
        if found.is_empty() {
            self.found("", &outside(&asked.join("`, `")));
        }
        for (pointer, reference) in found {
            self.found(&pointer, &outside(&reference));
        }
    }

    /// Notes a fault that the compiler found.
    fn refuse(&mut self, error: &ValidationError<'_>) {
        let what = sentence(error);
        if !matches!(error.kind(), ValidationErrorKind::Referencing(_)) {
            return self.found(place_of(error), &what);
        }
        let found = references(&self.schema, &|reference| is_named(reference, &error.to_string()));
        if found.is_empty() {
            self.found("", &what);
        }
        for (pointer, _) in found {
            self.found(&pointer, &what);
        }
    }

    fn found(&mut self, pointer: &str, what: &str) {
        self.errors.add(&self.place, format_args!("/schema{pointer}: {what}"));
        self.cut_out(pointer);
    }

    /// Cuts a place out of the copy, or what holds it when it was cut already.
    fn cut_out(&mut self, pointer: &str) {
        let Some((parent, token)) = pointer.rsplit_once('/') else {
            self.is_stuck = true;
            return;
        };
        let is_schema_in_list = SCHEMA_LISTS.iter().any(|keyword| parent.ends_with(keyword));
        match self.schema.pointer_mut(parent) {
            Some(Value::Object(members)) if self.cut.insert(pointer.to_owned()) => {
                members.remove(&token.replace("~1", "/").replace("~0", "~"));
            }
            // The others in the list keep their index.
            Some(Value::Array(_)) if is_schema_in_list && self.cut.insert(pointer.to_owned()) => {
                self.schema.pointer_mut(pointer).into_iter().for_each(|schema| *schema = Value::Bool(true));
            }
            _ => self.cut_out(parent),
        }
    }
}

fn options(schema: &Value) -> jsonschema::ValidationOptions<'static> {
    let is_seven = schema.get("$schema").and_then(Value::as_str).is_some_and(|draft| draft.starts_with(DRAFTS[1]));
    jsonschema::options()
        .with_draft(if is_seven { Draft::Draft7 } else { Draft::Draft202012 })
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .with_pattern_options(PatternOptions::regex())
}

/// Notes what a schema asks for and gives a schema that allows everything, so that the search can go on.
#[derive(Clone, Default)]
struct Remote(Arc<Mutex<Vec<String>>>);

impl Remote {
    fn asked(&self) -> Vec<String> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        asked.sort();
        asked
    }
}

impl Retrieve for Remote {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(uri.as_str().to_owned());
        Ok(Value::Bool(true))
    }
}

/// Where a fault lies in the schema.
fn place_of<'a>(error: &'a ValidationError<'_>) -> &'a str {
    let place = error.instance_path().as_str();
    if place.is_empty() { error.schema_path().as_str() } else { place }
}

fn sentence(error: &ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::Format { format } if format == "regex" => PATTERN.into(),
        ValidationErrorKind::Custom { .. } if place_of(error).ends_with("/format") => {
            format!("{} is not a format that can be asserted", error.instance())
        }
        ValidationErrorKind::Referencing(ReferencingError::Unretrievable { uri, .. }) => outside(uri),
        _ => error.to_string(),
    }
}

fn outside(uri: &str) -> String {
    format!("`{uri}` lies outside of this file; nothing is fetched, so copy it into `$defs`")
}
