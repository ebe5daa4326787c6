//! Every family of keywords once: schema, values that match, values that do not. `.ci/schema-suite` runs the full
//! suite.

use super::*;

/// A schema for the member `x`, values that match it and values that do not.
type Case = (Value, Value, Value);

fn general() -> Vec<Case> {
    vec![
        (json!(true), json!([1, null, {}]), json!([])),
        (json!(false), json!([]), json!([1, null, {}])),
        (json!({"type": "integer"}), json!([1, 1.0, -7]), json!([1.5, "1", null])),
        (json!({"type": ["string", "null"]}), json!(["", null]), json!([0, [], {}])),
        (json!({"const": {"a": [1]}}), json!([{"a": [1.0]}]), json!([{"a": [1, 1]}, {}])),
        (json!({"enum": [1, "a", null]}), json!([1.0, "a", null]), json!([2, "b", false])),
    ]
}

fn numbers_and_strings() -> Vec<Case> {
    vec![
        (json!({"minimum": 1.5}), json!([1.5, "0"]), json!([1.4])),
        (json!({"maximum": 3}), json!([3, -9]), json!([3.1])),
        (json!({"exclusiveMinimum": 0}), json!([0.1]), json!([0, -1])),
        (json!({"exclusiveMaximum": 0}), json!([-0.1]), json!([0, 1])),
        (json!({"multipleOf": 0.01}), json!([1.15, 0]), json!([0.005])),
        (json!({"minLength": 2}), json!(["ab", 7]), json!(["é"])),
        (json!({"maxLength": 1}), json!(["é", ""]), json!(["ab"])),
        (json!({"pattern": "^a+$"}), json!(["aa", 1]), json!(["ab", ""])),
        (json!({"format": "ipv6"}), json!(["::1", 1]), json!(["127.0.0.1"])),
    ]
}

fn arrays() -> Vec<Case> {
    vec![
        (json!({"items": {"type": "null"}}), json!([[], [null], "x"]), json!([[null, 0]])),
        (json!({"prefixItems": [true, {"const": 1}]}), json!([[], ["x", 1, 2]]), json!([["x", 2]])),
        (json!({"prefixItems": [true], "items": false}), json!([[1]]), json!([[1, 2]])),
        (json!({"contains": {"const": 1}}), json!([[0, 1]]), json!([[], [0]])),
        (json!({"contains": {"const": 1}, "minContains": 0, "maxContains": 1}), json!([[], [1, 0]]), json!([[1, 1]])),
        (json!({"minItems": 1, "maxItems": 2}), json!([[0], [0, 0]]), json!([[], [0, 0, 0]])),
        (json!({"uniqueItems": true}), json!([[1, true, "1"]]), json!([[1, 1.0], [{}, {}]])),
        (json!({"allOf": [{"prefixItems": [true]}], "unevaluatedItems": false}), json!([[1]]), json!([[1, 2]])),
    ]
}

fn objects() -> Vec<Case> {
    vec![
        (json!({"properties": {"a": {"type": "null"}}}), json!([{}, {"a": null}]), json!([{"a": 1}])),
        (json!({"patternProperties": {"^a": false}}), json!([{"b": 1}]), json!([{"ab": 1}])),
        (json!({"properties": {"a": true}, "additionalProperties": false}), json!([{"a": 1}]), json!([{"b": 1}])),
        (json!({"propertyNames": {"maxLength": 1}}), json!([{"a": 1}]), json!([{"ab": 1}])),
        (json!({"required": ["a", "b"]}), json!([{"a": null, "b": 1}, 7]), json!([{"a": 1}])),
        (json!({"minProperties": 1, "maxProperties": 1}), json!([{"a": 1}]), json!([{}, {"a": 1, "b": 2}])),
        (json!({"dependentRequired": {"a": ["b"]}}), json!([{"b": 1}, {"a": 1, "b": 1}]), json!([{"a": 1}])),
        (json!({"dependentSchemas": {"a": {"minProperties": 2}}}), json!([{}, {"a": 1, "b": 1}]), json!([{"a": 1}])),
        (
            json!({"anyOf": [{"properties": {"a": true}}], "unevaluatedProperties": false}),
            json!([{"a": 1}]),
            json!([{"b": 1}]),
        ),
    ]
}

fn combinations_and_references() -> Vec<Case> {
    vec![
        (json!({"allOf": [{"minimum": 1}, {"maximum": 2}]}), json!([1, 2]), json!([0, 3])),
        (json!({"anyOf": [{"type": "null"}, {"minimum": 2}]}), json!([null, 2]), json!([1])),
        (json!({"oneOf": [{"minimum": 2}, {"multipleOf": 2}]}), json!([3, 0]), json!([1, 4])),
        (json!({"not": {"type": "string"}}), json!([1]), json!(["x"])),
        (
            json!({"if": {"type": "string"}, "then": {"minLength": 1}, "else": {"minimum": 1}}),
            json!(["x", 1]),
            json!(["", 0]),
        ),
        (json!({"$ref": "#/$defs/id"}), json!([7]), json!([0, "7"])),
        (json!({"$ref": "#positive"}), json!([7]), json!([0])),
        (json!({"type": "array", "items": {"$ref": "#/properties/x"}}), json!([[], [[]]]), json!([7, [[7]]])),
    ]
}

#[test]
fn every_keyword_accepts_and_rejects() {
    let families = [general(), numbers_and_strings(), arrays(), objects(), combinations_and_references()];
    for (schema, matching, other) in families.concat() {
        let definitions = json!({"id": {"type": "integer", "minimum": 1, "$anchor": "positive"}});
        let judge = by_schema(json!({"properties": {"x": schema}, "$defs": definitions}));
        let is_accepted =
            |value: &Value| judge.judge(&NOBODY, json!({"x": value}).to_string().as_bytes()) == Verdict::Accept;
        for value in matching.as_array().unwrap() {
            assert!(is_accepted(value), "{schema} accepts {value}");
        }
        for value in other.as_array().unwrap() {
            assert!(!is_accepted(value), "{schema} rejects {value}");
        }
    }
}

#[test]
fn draft_7_keeps_its_own_keywords() {
    let draft = "http://json-schema.org/draft-07/schema#";
    let tuple = json!({"items": [{"type": "string"}], "additionalItems": {"type": "null"}});
    let dependencies = json!({"a": ["b"], "c": {"required": ["d"]}});
    let judge = by_schema(json!({"$schema": draft, "properties": {"x": tuple}, "dependencies": dependencies}));
    for payload in [r#"{"x": ["s", null]}"#, r#"{"a": 1, "b": 1}"#, r#"{"c": 1, "d": 1}"#] {
        assert_eq!(judge.judge(&NOBODY, payload.as_bytes()), Verdict::Accept, "{payload}");
    }
    for payload in [r#"{"x": [1]}"#, r#"{"x": ["s", 1]}"#, r#"{"a": 1}"#, r#"{"c": 1}"#] {
        assert_eq!(rejection(judge.judge(&NOBODY, payload.as_bytes())).reason, Reason::Schema, "{payload}");
    }
}
