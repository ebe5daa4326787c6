//! Errors of a schema: the first one, with file and pointer.

use super::*;

const LINEAR: &str = "must be a regular expression that matches in linear time and bounded memory: \
                      no look-around, no back-references, no huge repetitions";
const OUTSIDE: &str = "is outside this file and is never fetched; copy it into `$defs`";
const SEVEN: &str = "http://json-schema.org/draft-07/schema#";

/// The error of a schema: its pointer and the rest of the sentence.
fn error(schema: Value) -> (String, String) {
    let definition = Definition { schema: Some(schema), ..Definition::default() };
    let errors = Judge::compile(&name(), &definition).unwrap_err();
    let [sentence] = errors.sentences() else { panic!("one error is reported: {errors}") };
    let (pointer, rest) = sentence.strip_prefix("streams/clicks.json: /schema").unwrap().split_once(": ").unwrap();
    (pointer.to_owned(), rest.to_owned())
}

fn pointer(schema: Value) -> String {
    error(schema).0
}

#[test]
fn remote_references_are_refused_with_the_pointer_of_the_reference() {
    for (reference, uri) in [
        ("https://example.org/a.json#/definitions/x", "https://example.org/a.json"),
        ("other.json", "https://example.com/other.json"),
        ("/x/other.json#foo", "https://example.com/x/other.json"),
        ("file:///etc/passwd", "file:///etc/passwd"),
    ] {
        let schema = json!({
            "$id": "https://example.com/root.json",
            "properties": {"a": {"$ref": "inside.json"}, "c/d": {"$ref": reference}},
            "$defs": {"inside": {"$id": "inside.json"}}
        });
        assert_eq!(error(schema), ("/properties/c~1d/$ref".to_owned(), format!("`{uri}` {OUTSIDE}")));
    }
    let dynamic = json!({"items": {"$dynamicRef": "https://x.y/z#m"}});
    assert_eq!(error(dynamic), ("/items/$dynamicRef".to_owned(), format!("`https://x.y/z` {OUTSIDE}")));
}

#[test]
fn another_dialect_inside_a_schema_is_refused() {
    let schema = json!({"$defs": {"a": {"$schema": "https://x.y/z", "$id": "https://a.b/c"}}});
    assert_eq!(pointer(schema), "/$defs/a/$schema");
}

#[test]
fn references_to_the_dialect_itself_are_not_remote() {
    by_schema(json!({"properties": {"a": {"$ref": "https://json-schema.org/draft/2020-12/schema"}}}));
    by_schema(json!({"$schema": SEVEN, "properties": {"a": {"$ref": SEVEN}}}));
}

#[test]
fn references_without_a_target_are_refused_with_their_pointer() {
    for reference in ["#/$defs/x", "#anchor", ":::"] {
        let schema = json!({"allOf": [{"$ref": "#/$defs/y"}, {"$ref": reference}], "$defs": {"y": {}}});
        assert_eq!(pointer(schema), "/allOf/1/$ref", "{reference}");
    }
}

#[test]
fn patterns_that_need_backtracking_or_too_much_memory_are_refused() {
    for pattern in ["(?=a)", "(a)\\1", "(?<!x)", "[", "((a{1000}){1000}){1000}"] {
        let found = error(json!({"properties": {"a": {"pattern": pattern}}}));
        assert_eq!(found, ("/properties/a/pattern".to_owned(), LINEAR.to_owned()), "{pattern}");
    }
    let in_a_name = json!({"patternProperties": {"(?<!x)": true}});
    assert_eq!(error(in_a_name), ("/patternProperties/(?<!x)".to_owned(), LINEAR.to_owned()));
}

#[test]
fn patterns_for_names_with_many_positions_are_refused() {
    let found = error(json!({"items": [], "allOf": [{"patternProperties": {"^a{1,255}$": true, "x/.{300}": true}}]}));
    let sentence = "must match names by at most 256 characters, repetitions counted";
    assert_eq!(found, ("/allOf/0/patternProperties/x~1.{300}".to_owned(), sentence.to_owned()));
}

#[test]
fn an_invalid_schema_is_refused_with_the_pointer_of_its_error() {
    for (schema, expected) in [
        (json!({"type": "strnig"}), "/type"),
        (json!({"minLength": -1}), "/minLength"),
        (json!({"required": ["a", 2]}), "/required/1"),
        (json!({"properties": {"a": 5}}), "/properties/a"),
        (json!({"properties": {"b": {"required": "x"}}}), "/properties/b/required"),
        (json!({"anyOf": [true, {"maximum": "3"}]}), "/anyOf/1/maximum"),
    ] {
        assert_eq!(pointer(schema), expected);
    }
    let format = json!({"properties": {"c": {"format": "emial"}}});
    let sentence = "\"emial\" is not a format that can be asserted";
    assert_eq!(error(format), ("/properties/c/format".to_owned(), sentence.to_owned()));
}

#[test]
fn several_errors_of_one_schema_are_reported_one_at_a_time() {
    let mut schema = json!({"properties": {"a": {"type": "strnig"}, "b": {"pattern": "("}, "c": {"$ref": "x.json"}}});
    for _ in 0..3 {
        let pointer = pointer(schema.clone());
        let (parent, keyword) = pointer.rsplit_once('/').unwrap();
        schema.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(keyword).unwrap();
    }
    by_schema(schema);
}

#[test]
fn other_drafts_are_refused() {
    let drafts = "must be `https://json-schema.org/draft/2020-12/schema` or `http://json-schema.org/draft-07/schema#`";
    for draft in ["http://json-schema.org/draft-04/schema#", "https://example.com/my"] {
        assert_eq!(error(json!({"$schema": draft})), ("/$schema".to_owned(), drafts.to_owned()));
    }
    assert_eq!(pointer(json!({"$schema": 7})), "/$schema");
    for draft in
        ["https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2020-12/schema#", SEVEN]
    {
        by_schema(json!({"$schema": draft}));
    }
}

#[test]
fn the_draft_decides_the_meaning_of_keywords() {
    let tuple = json!({"properties": {"a": {"items": [{"type": "string"}], "additionalItems": false}}});
    let mut seven = tuple.clone();
    seven["$schema"] = json!(SEVEN);
    assert_eq!(rejection(by_schema(seven).judge(&NOBODY, br#"{"a": ["x", 1]}"#)).reason, Reason::Schema);
    assert_eq!(pointer(tuple), "/properties/a/items", "2020-12 has no lists of items");
}

#[test]
fn numbers_that_cannot_be_compared_exactly_are_refused() {
    for (schema, expected) in [
        (r#"{"const": 18446744073709551616}"#, "/const"),
        (r#"{"properties": {"a": {"enum": [1, {"b": [-9223372036854775809]}]}}}"#, "/properties/a/enum"),
        (r#"{"enum": [1e300]}"#, "/enum"),
    ] {
        let (pointer, sentence) = error(serde_json::from_str(schema).unwrap());
        assert_eq!(pointer, expected);
        assert!(sentence.starts_with("has an integer that does not fit into 64 bits"), "{sentence}");
    }
    by_schema(json!({"enum": [u64::MAX, i64::MIN, 0.5, 1e15], "maximum": 1e300, "multipleOf": 1e-300}));
    let consent = json!({"consent": {"pointer": "/c", "granted": [1e30]}}).to_string();
    let errors = spillway_shared::stream::parse("clicks", consent.as_bytes()).unwrap_err();
    assert!(errors.sentences()[0].starts_with("streams/clicks.json: /consent/granted: has an integer"), "{errors}");
}
