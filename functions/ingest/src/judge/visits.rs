//! Makes each visit of a schema take a step, also if the schema does not look at the payload.
//!
//! `{"oneOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}`, and the same again in `a` and in the definitions that
//! follow, leads to 2^n visits of a schema that may be empty. The validator calls a keyword of ours in each schema
//! that applies others to the same value. That keyword is `$comment`, which means nothing and which every draft knows.

use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Value};

use super::counted::{Counted, Metered};
use super::keywords::Compiled;

pub(super) const COMMENT: &str = "$comment";
/// The added member as it is written before others; the members that need it have greater names.
const ADDED: &str = r#""$comment":"","#;

/// Keywords that apply schemas to the same value.
const IN_PLACE: [&str; 10] = [
    "$dynamicRef",
    "$ref",
    "allOf",
    "anyOf",
    "dependencies",
    "dependentSchemas",
    "if",
    "not",
    "oneOf",
    "propertyNames",
];
/// Keywords whose members have names that the author of the schema chose.
const NAMED: [&str; 6] =
    ["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"];
/// Keywords whose values are no schemas.
const VALUES: [&str; 4] = ["const", "default", "enum", "examples"];

/// A schema with a comment in each schema that applies others to the same value.
pub(super) fn marked(schema: &Value) -> Value {
    match schema {
        Value::Array(elements) => elements.iter().map(marked).collect(),
        Value::Object(members) => Value::Object(marked_members(members)),
        other => other.clone(),
    }
}

fn marked_members(members: &Map<String, Value>) -> Map<String, Value> {
    let inner = |(name, value): (&String, &Value)| (name.clone(), marked_member(name, value));
    let mut marked: Map<_, _> = members.iter().map(inner).collect();
    if IN_PLACE.iter().any(|keyword| members.contains_key(*keyword)) {
        marked.entry(COMMENT).or_insert_with(|| "".into());
    }
    marked
}

fn marked_member(keyword: &str, value: &Value) -> Value {
    match value {
        Value::Object(schemas) if NAMED.contains(&keyword) => {
            schemas.iter().map(|(name, schema)| (name.clone(), marked(schema))).collect()
        }
        _ if VALUES.contains(&keyword) => value.clone(),
        _ => marked(value),
    }
}

/// The text of a schema as its author wrote it.
pub(super) fn unmarked(schema: &Value) -> String {
    schema.to_string().replace(ADDED, "")
}

/// The keyword `$comment`.
#[expect(clippy::unnecessary_wraps, reason = "the validator expects a factory that may fail")]
pub(super) fn comment<'a>(_: &'a Map<String, Value>, _: &'a Value, _: Location) -> Compiled<'a> {
    Ok(Box::new(Visit))
}

struct Visit;

impl<'i> Keyword<'i, Metered> for Visit {
    fn validate(&self, instance: Counted<'i>) -> Result<(), ValidationError<'i>> {
        instance.take(1);
        Ok(())
    }

    fn is_valid(&self, instance: Counted<'i>) -> bool {
        instance.take(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_schemas_that_apply_others_get_a_comment_and_only_an_added_one_is_removed() {
        let schema = json!({
            "properties": {"not": {"type": "string"}, "a": {"not": {"enum": [{"not": 1}]}}},
            "items": {"$comment": "own", "anyOf": [{}, {"$ref": "#"}]}
        });
        let expected = json!({
            "properties": {"not": {"type": "string"}, "a": {"$comment": "", "not": {"enum": [{"not": 1}]}}},
            "items": {"$comment": "own", "anyOf": [{}, {"$comment": "", "$ref": "#"}]}
        });
        assert_eq!(marked(&schema), expected);
        assert_eq!(unmarked(&expected), schema.to_string());
    }
}
