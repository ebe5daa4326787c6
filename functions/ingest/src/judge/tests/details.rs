//! Details of rejections: what they name and what they never repeat.

use super::*;

fn detail(schema: Value, payload: &str) -> String {
    let found = rejection(by_schema(schema).judge(&NOBODY, payload.as_bytes()));
    assert_eq!(found.reason, Reason::Schema);
    found.detail
}

/// The detail for a value at `/a`.
fn at_a(schema: &Value, value: &str) -> String {
    detail(json!({"properties": {"a": schema}}), &format!(r#"{{"a": {value}}}"#))
}

#[test]
fn a_detail_names_pointer_keyword_and_expectation() {
    let user = json!({"properties": {"user": {"properties": {"id": {"type": "string"}}}}});
    assert_eq!(detail(user, r#"{"user": {"id": 4711}}"#), "/user/id: type: expected string");
    assert_eq!(detail(json!({"required": ["event"]}), "{}"), r#"payload: required: expected the member "event""#);
    assert_eq!(detail(json!(false), "{}"), "payload: false: expected nothing here");
}

#[test]
fn every_keyword_says_what_it_expects() {
    for (schema, value, expected) in [
        (json!({"type": ["string", "null"]}), "1", "/a: type: expected null or string"),
        (json!({"const": "x"}), "1", r#"/a: const: expected "x""#),
        (json!({"enum": ["x", 1, null]}), "2", r#"/a: enum: expected one of ["x",1,null]"#),
        (json!({"minimum": 3}), "2", "/a: minimum: expected at least 3"),
        (json!({"maximum": 3}), "4", "/a: maximum: expected at most 3"),
        (json!({"exclusiveMinimum": 3}), "3", "/a: exclusiveMinimum: expected more than 3"),
        (json!({"exclusiveMaximum": 3}), "3", "/a: exclusiveMaximum: expected less than 3"),
        (json!({"multipleOf": 0.01}), "1.005", "/a: multipleOf: expected a multiple of 0.01"),
        (json!({"minLength": 2}), r#""é""#, "/a: minLength: expected at least 2 characters"),
        (json!({"maxLength": 2}), r#""xyz""#, "/a: maxLength: expected at most 2 characters"),
        (json!({"pattern": "^a"}), r#""xyz""#, "/a: pattern: expected a match of ^a"),
        (json!({"format": "date-time"}), r#""xyz""#, "/a: format: expected the format date-time"),
        (json!({"minItems": 2}), "[1]", "/a: minItems: expected at least 2 elements"),
        (json!({"maxItems": 2}), "[1, 2, 3]", "/a: maxItems: expected at most 2 elements"),
        (json!({"uniqueItems": true}), "[1, 1.0]", "/a: uniqueItems: expected no two equal elements"),
        (json!({"items": {"type": "integer"}}), "[1, 2, 0.5]", "/a/2: type: expected integer"),
        (json!({"prefixItems": [true], "items": false}), "[1, 2]", "/a/1: items: expected nothing here"),
        (
            json!({"unevaluatedItems": false}),
            "[1]",
            "/a: unevaluatedItems: expected no elements that the schema does not name",
        ),
        (json!({"minProperties": 1}), "{}", "/a: minProperties: expected at least 1 members"),
        (json!({"maxProperties": 0}), r#"{"x": 1}"#, "/a: maxProperties: expected at most 0 members"),
        (json!({"dependentRequired": {"x": ["y"]}}), r#"{"x": 1}"#, r#"/a: required: expected the member "y""#),
        (json!({"not": {"required": ["b"]}}), r#"{"b": 1}"#, r#"/a: not: expected not to match {"required":["b"]}"#),
    ] {
        assert_eq!(at_a(&schema, value), expected);
    }
    let contains = at_a(&json!({"contains": {"const": 1}, "minContains": 2}), "[1]");
    assert_eq!(contains, "/a: contains: expected the required number of matching elements");
}

#[test]
fn a_detail_lists_the_first_error_of_each_alternative() {
    let schema = json!({"anyOf": [
        {"type": "string"}, {"minimum": 3, "type": "number"}, {"properties": {"b": {"const": 1}}, "type": "object"}
    ]});
    assert_eq!(
        at_a(&schema, r#"{"b": 2}"#),
        "/a: anyOf: expected at least one of 3 alternatives to match; /a: type: expected string; \
         /a: type: expected number; /a/b: const: expected 1"
    );
    let one_of = json!({"oneOf": [{"type": "string"}, {"minLength": 1}]});
    assert_eq!(at_a(&one_of, r#""x""#), "/a: oneOf: expected exactly one alternative to match, not several");
}

#[test]
fn names_that_the_schema_does_not_contain_are_not_repeated() {
    for (schema, payload, expected) in [
        (json!({"additionalProperties": {"type": "integer"}}), r#"{"secret/~": "x"}"#, "/*: type: expected integer"),
        (json!({"additionalProperties": {"type": "integer"}}), r#"{"4711": "x"}"#, "/*: type: expected integer"),
        (
            json!({"patternProperties": {"^s": {"items": {"type": "null"}}}}),
            r#"{"secret": [1]}"#,
            "/*/0: type: expected null",
        ),
        (
            json!({"properties": {"a": true}, "additionalProperties": false}),
            r#"{"a": 1, "secret": 1}"#,
            "payload: additionalProperties: expected no members that the schema does not name",
        ),
        (
            json!({"unevaluatedProperties": false}),
            r#"{"secret": 1}"#,
            "payload: unevaluatedProperties: expected no members that the schema does not name",
        ),
        (
            json!({"propertyNames": {"maxLength": 3}}),
            r#"{"secret": 1}"#,
            "payload: propertyNames: expected every member's name to match maxLength: expected at most 3 characters",
        ),
    ] {
        assert_eq!(detail(schema, payload), expected);
    }
}

#[test]
fn a_detail_has_at_most_300_characters_and_keeps_the_rule() {
    let words: Vec<_> = (0..500).map(|number| format!("wört{number}")).collect();
    let long = at_a(&json!({"enum": words}), "1");
    assert_eq!(long.chars().count(), 300);
    assert!(long.starts_with("/a: enum: expected one of [") && long.ends_with('…'));

    let mut schema = json!({"type": "string"});
    let mut payload = "1".to_owned();
    for _ in 0..100 {
        schema = json!({"properties": {"nested": schema}});
        payload = format!(r#"{{"nested": {payload}}}"#);
    }
    assert!(detail(schema, &payload).ends_with("…: type: expected string"));
}

const TOO_COMPLEX: &str = "does not match the stream's schema (too complex to locate the error)";

/// An explanation would gather 2^127 errors: the test passes only if it ends.
#[test]
fn alternatives_in_a_recursive_schema_are_not_explained() {
    let node = |op: &str| json!({"required": ["op"], "properties": {"op": {"const": op}, "n": {"$ref": "#/$defs/n"}}});
    let schema = json!({"$ref": "#/$defs/n", "$defs": {"n": {"oneOf": [node("and"), node("or")]}}});
    let payload = format!(r#"{}{{"op":"no"}}{}"#, r#"{"op":"and","n":"#.repeat(126), "}".repeat(126));
    assert_eq!(detail(schema, &payload), TOO_COMPLEX);
}

/// The same without recursion: each level refers to the next.
#[test]
fn alternatives_in_a_chain_of_references_are_not_explained() {
    let level = |at: usize| {
        let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
        let node = |op: &str| json!({"required": ["op"], "properties": {"op": {"const": op}, "z": next}});
        (format!("d{at}"), json!({"oneOf": [node("and"), node("or")]}))
    };
    let mut definitions: serde_json::Map<_, _> = (0..40).map(level).collect();
    definitions.insert("d40".to_owned(), json!({}));
    let payload = format!(r#"{}{{"op":"no"}}{}"#, r#"{"op":"and","z":"#.repeat(30), "}".repeat(30));
    assert_eq!(detail(json!({"$ref": "#/$defs/d0", "$defs": definitions}), &payload), TOO_COMPLEX);
}

#[test]
fn without_an_explanation_the_verdict_is_the_same() {
    let judge = by_schema(json!({"required": ["a"]}));
    let found = rejection(judge.judge_within(&NOBODY, b"{}", &mut Budget::of(2), false));
    assert_eq!((found.reason, found.detail.as_str()), (Reason::Schema, "does not match the stream's schema"));
    assert_eq!(judge.judge_within(&NOBODY, br#"{"a": 1}"#, &mut Budget::of(8), false), Verdict::Accept);
}

#[test]
fn a_large_payload_that_matches_no_alternative_is_not_explained() {
    let list = json!({"properties": {"a": {"anyOf": [{"items": {"type": "string"}}, {"type": "null"}]}}});
    let payload = format!(r#"{{"a": [{}0]}}"#, "0,".repeat(500_000));
    let found = detail(list, &payload);
    assert_eq!(found, TOO_COMPLEX);
}
