//! Compiles a schema, or reports its first error with file and pointer.

use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{
    Draft, PatternOptions, ReferencingError, Retrieve, Uri, ValidationError, ValidationOptions, Validator,
};
use serde_json::Value;
use spillway_shared::config::ConfigErrors;
use spillway_shared::stream::StreamName;

use super::counted::Metered;
use super::{keywords, pattern, visits};

const DRAFT_7: &str = "http://json-schema.org/draft-07/schema";
const DRAFTS: [&str; 2] = ["https://json-schema.org/draft/2020-12/schema", DRAFT_7];

/// A validator for a schema: draft 2020-12 unless `$schema` names draft 7. Formats are asserted, keywords are judged in
/// linear time, and remote references are never fetched.
///
/// # Errors
/// The schema's first error, with file and pointer.
pub(super) fn validator(schema: &Value, name: &StreamName) -> Result<Validator<Metered>, ConfigErrors> {
    build(schema).map_err(|SchemaError { pointer, sentence }| {
        let mut errors = ConfigErrors::default();
        errors.add(format_args!("streams/{name}.json"), format_args!("/schema{pointer}: {sentence}"));
        errors
    })
}

struct SchemaError {
    pointer: String,
    sentence: String,
}

/// The most positions of a pattern for names, which is never simulated.
const MAX_POSITIONS_OF_NAME: usize = 256;

fn build(schema: &Value) -> Result<Validator<Metered>, SchemaError> {
    let draft = draft(schema)?;
    if let Some(pointer) = large_name(schema) {
        let sentence = format!("must match names by at most {MAX_POSITIONS_OF_NAME} characters, repetitions counted");
        return Err(SchemaError { pointer, sentence });
    }
    options(draft)
        .build(&visits::marked(schema))
        .map_err(|error| SchemaError { pointer: pointer(&error, schema), sentence: sentence(&error) })
}

/// Other drafts, at the root or inside, would compile with other meanings of the same keywords.
fn draft(schema: &Value) -> Result<Draft, SchemaError> {
    let is_other = |name: &str, text: &str| name == "$schema" && !DRAFTS.contains(&text.trim_end_matches('#'));
    if let Some(pointer) = find(schema, &is_other) {
        return Err(SchemaError { pointer, sentence: format!("must be `{}` or `{}#`", DRAFTS[0], DRAFTS[1]) });
    }
    let is_seven = schema.get("$schema").and_then(Value::as_str).is_some_and(|named| named.starts_with(DRAFT_7));
    Ok(if is_seven { Draft::Draft7 } else { Draft::Draft202012 })
}

fn options(draft: Draft) -> ValidationOptions<'static, Arc<dyn Retrieve>, Metered> {
    jsonschema::options_for::<Metered>()
        .with_draft(draft)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .with_pattern_options(PatternOptions::regex())
        .with_retriever(FetchNothing)
        .with_keyword("enum", keywords::one_of)
        .with_keyword("const", keywords::equal_to)
        .with_keyword("multipleOf", keywords::multiple_of)
        .with_keyword("pattern", pattern::pattern)
        .with_keyword(visits::COMMENT, visits::comment)
}

struct FetchNothing;

impl Retrieve for FetchNothing {
    fn retrieve(&self, _: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err("remote references are never fetched".into())
    }
}

/// The place of an error in the schema. The compiler does not locate a bad reference, so it is searched by its text.
fn pointer(error: &ValidationError<'_>, schema: &Value) -> String {
    if let ValidationErrorKind::Referencing(error) = error.kind() {
        let is_meant = |name: &str, text: &str| matches!(name, "$ref" | "$dynamicRef") && is_named(text, error);
        return find(schema, &is_meant).unwrap_or_default();
    }
    place(error).to_owned()
}

fn place<'a>(error: &'a ValidationError<'_>) -> &'a str {
    let place = error.instance_path().as_str();
    if place.is_empty() { error.schema_path().as_str() } else { place }
}

fn sentence(error: &ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::Format { format } if format == "regex" => pattern::NOT_LINEAR.to_owned(),
        ValidationErrorKind::Custom { .. } if place(error).ends_with("/format") => {
            format!("{} is not a format that can be asserted", error.instance())
        }
        ValidationErrorKind::Referencing(ReferencingError::Unretrievable { uri, .. }) => {
            format!("`{uri}` is outside this file and is never fetched; copy it into `$defs`")
        }
        _ => error.to_string(),
    }
}

/// The positions of all patterns for names.
pub(super) fn positions_of_names(schema: &Value) -> usize {
    let of = |name: &String| pattern::positions(name).unwrap_or_default();
    match schema {
        Value::Array(elements) => elements.iter().map(positions_of_names).sum(),
        Value::Object(members) => {
            let names = members.get("patternProperties").and_then(Value::as_object);
            let own: usize = names.iter().flat_map(|names| names.keys()).map(of).sum();
            own + members.values().map(positions_of_names).sum::<usize>()
        }
        _ => 0,
    }
}

/// The pointer to the first pattern for names with too many positions.
fn large_name(schema: &Value) -> Option<String> {
    let is_large = |name: &&String| pattern::positions(name).is_some_and(|count| count > MAX_POSITIONS_OF_NAME);
    match schema {
        Value::Array(elements) => {
            (0_usize..).zip(elements).find_map(|(index, value)| Some(format!("/{index}{}", large_name(value)?)))
        }
        Value::Object(members) => {
            let names = members.get("patternProperties").and_then(Value::as_object);
            let own = names.and_then(|names| names.keys().find(is_large));
            own.map(|name| format!("/patternProperties/{}", token(name))).or_else(|| {
                members.iter().find_map(|(name, value)| Some(format!("/{}{}", token(name), large_name(value)?)))
            })
        }
        _ => None,
    }
}

fn token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The pointer to the first member with a wanted name and text.
fn find(schema: &Value, is_wanted: &dyn Fn(&str, &str) -> bool) -> Option<String> {
    let inside = |token: &str, value: &Value| Some(format!("/{token}{}", find(value, is_wanted)?));
    match schema {
        Value::Object(members) => members.iter().find_map(|(name, value)| match value.as_str() {
            Some(text) => is_wanted(name, text).then(|| format!("/{name}")),
            None => inside(&token(name), value),
        }),
        Value::Array(elements) => {
            (0_usize..).zip(elements).find_map(|(index, value)| inside(&index.to_string(), value))
        }
        _ => None,
    }
}

/// Whether an error is about a reference: it names the reference's URI, its document or its fragment.
fn is_named(reference: &str, error: &ReferencingError) -> bool {
    let (document, fragment) = reference.split_once('#').unwrap_or((reference, reference));
    if let ReferencingError::Unretrievable { uri, .. } = error {
        // A relative reference is the end of the absolute URI.
        let path = document.trim_start_matches(['.', '/']);
        let base = uri.strip_suffix(path).filter(|_| !path.is_empty());
        return base.is_some_and(|base| base.is_empty() || base.ends_with(['/', ':']));
    }
    let sentence = error.to_string();
    [reference, document, fragment].iter().any(|part| !part.is_empty() && sentence.contains(&format!("'{part}'")))
}
