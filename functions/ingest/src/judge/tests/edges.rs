//! The edges of consent and schema, a case a line: rule, payload, fate.

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Withheld,
    Refused,
}
use Fate::{Kept, Refused, Withheld};

fn fate(judge: &Judge, payload: &str) -> Fate {
    match judge.judge(&NOBODY, payload.as_bytes()) {
        Verdict::Accept => Kept,
        Verdict::Withhold => Withheld,
        Verdict::Reject(_) => Refused,
    }
}

fn consent(rule: &Value, cases: &[(&str, Fate)]) {
    let judge = judge(&json!({"consent": rule}));
    for (payload, expected) in cases {
        assert_eq!(fate(&judge, payload), *expected, "{rule} {payload}");
    }
}

fn schema(schema: &Value, cases: &[(&str, Fate)]) {
    let judge = by_schema(schema.clone());
    for (payload, expected) in cases {
        assert_eq!(fate(&judge, payload), *expected, "{schema} {payload}");
    }
}

#[test]
fn absent_is_not_null() {
    consent(
        &json!({"pointer": "/c", "granted": [true], "absent": "allow"}),
        &[("{}", Kept), (r#"{"c": null}"#, Withheld), (r#"{"c": false}"#, Withheld), (r#"{"C": false}"#, Kept)],
    );
    consent(&json!({"pointer": "/c", "granted": [null]}), &[(r#"{"c": null}"#, Kept), ("{}", Withheld)]);
    consent(
        &json!({"pointer": "/c/d", "granted": [1], "absent": "allow"}),
        &[(r#"{"c": null}"#, Kept), (r#"{"c": {}}"#, Kept)],
    );
    schema(&json!({"required": ["a"]}), &[(r#"{"a": null}"#, Kept), ("{}", Refused)]);
    schema(&json!({"properties": {"a": {"type": "string"}}}), &[("{}", Kept), (r#"{"a": null}"#, Refused)]);
}

#[test]
fn pointers_lead_through_arrays() {
    consent(
        &json!({"pointer": "/list/1/ok", "granted": [true]}),
        &[
            (r#"{"list": [{"ok": false}, {"ok": true}]}"#, Kept),
            (r#"{"list": [{"ok": true}]}"#, Withheld),
            (r#"{"list": {"1": {"ok": true}}}"#, Kept),
        ],
    );
    for pointer in ["/list/-", "/list/01", "/list/+1", "/list/ 1"] {
        consent(&json!({"pointer": pointer, "granted": [true]}), &[(r#"{"list": [true, true]}"#, Withheld)]);
    }
}

#[test]
fn escaped_pointers_lead_to_names_with_slash_and_tilde() {
    consent(&json!({"pointer": "/a~1b", "granted": [1]}), &[(r#"{"a/b": 1}"#, Kept), (r#"{"a": {"b": 1}}"#, Withheld)]);
    consent(&json!({"pointer": "/a~0b", "granted": [1]}), &[(r#"{"a~b": 1}"#, Kept), (r#"{"a~0b": 1}"#, Withheld)]);
    consent(&json!({"pointer": "/~01", "granted": [1]}), &[(r#"{"~1": 1}"#, Kept), (r#"{"/": 1}"#, Withheld)]);
    consent(&json!({"pointer": "/", "granted": [1]}), &[(r#"{"": 1}"#, Kept), ("{}", Withheld)]);
    consent(&json!({"pointer": "/é", "granted": [1]}), &[(r#"{"\u00e9": 1}"#, Kept)]);
}

#[test]
fn numbers_are_equal_however_they_are_written() {
    consent(
        &json!({"pointer": "/c", "granted": [1, 0.5, 9_007_199_254_740_993_u64]}),
        &[
            (r#"{"c": 1.0}"#, Kept),
            (r#"{"c": 10e-1}"#, Kept),
            (r#"{"c": 5E-1}"#, Kept),
            (r#"{"c": 9007199254740993}"#, Kept),
            (r#"{"c": 9007199254740992}"#, Withheld),
            (r#"{"c": "1"}"#, Withheld),
            (r#"{"c": true}"#, Withheld),
        ],
    );
    consent(&json!({"pointer": "/c", "any_of": [1]}), &[(r#"{"c": [2, 1.0]}"#, Kept), (r#"{"c": [1.5]}"#, Withheld)]);
    schema(&json!({"properties": {"a": {"const": 1.0}}}), &[(r#"{"a": 1}"#, Kept), (r#"{"a": 1e0}"#, Kept)]);
    schema(
        &json!({"properties": {"a": {"enum": [100, "x"]}}}),
        &[(r#"{"a": 1e2}"#, Kept), (r#"{"a": 100.5}"#, Refused)],
    );
    schema(&json!({"properties": {"a": {"type": "integer"}}}), &[(r#"{"a": 1.0}"#, Kept), (r#"{"a": 1.5}"#, Refused)]);
    schema(
        &json!({"properties": {"a": {"uniqueItems": true}}}),
        &[(r#"{"a": [1, 1.0]}"#, Refused), (r#"{"a": [1, true]}"#, Kept)],
    );
    schema(&json!({"properties": {"a": {"const": 0}}}), &[(r#"{"a": -0.0}"#, Kept), (r#"{"a": false}"#, Refused)]);
}

#[test]
fn granted_takes_whole_values() {
    consent(
        &json!({"pointer": "/c", "granted": ["granted", {"a": [1]}]}),
        &[
            (r#"{"c": "granted"}"#, Kept),
            (r#"{"c": "\u0067ranted"}"#, Kept),
            (r#"{"c": "Granted"}"#, Withheld),
            (r#"{"c": ["granted"]}"#, Withheld),
            (r#"{"c": {"a": [1.0]}}"#, Kept),
            (r#"{"c": {"a": [1], "b": 2}}"#, Withheld),
        ],
    );
    consent(&json!({"pointer": "", "granted": [{}]}), &[("{}", Kept), (r#"{"a": 1}"#, Withheld)]);
}

#[test]
fn any_of_wants_one_id() {
    consent(
        &json!({"pointer": "/c", "any_of": ["a", "b"]}),
        &[
            (r#"{"c": ["x", "b"]}"#, Kept),
            (r#"{"c": []}"#, Withheld),
            (r#"{"c": ["x"]}"#, Withheld),
            (r#"{"c": "a"}"#, Withheld),
            (r#"{"c": [["a"]]}"#, Withheld),
            (r#"{"c": {"a": true}}"#, Kept),
            (r#"{"c": {"a": false, "x": true}}"#, Withheld),
            (r#"{"c": {"a": "true"}}"#, Withheld),
            (r#"{"c": null}"#, Withheld),
            ("{}", Withheld),
        ],
    );
}

#[test]
fn none_of_wants_to_understand_everything() {
    consent(
        &json!({"pointer": "/c", "none_of": ["a", "b"]}),
        &[
            (r#"{"c": ["x", 1]}"#, Kept),
            (r#"{"c": []}"#, Kept),
            (r#"{"c": ["x", "b"]}"#, Withheld),
            (r#"{"c": ["x", null]}"#, Withheld),
            (r#"{"c": "x"}"#, Withheld),
            (r#"{"c": {"a": false, "x": true}}"#, Kept),
            (r#"{"c": {"a": true}}"#, Withheld),
            (r#"{"c": {"a": "false"}}"#, Withheld),
            (r#"{"c": {}}"#, Kept),
            (r#"{"c": null}"#, Withheld),
            ("{}", Withheld),
        ],
    );
}

#[test]
fn numbers_are_ids_in_lists_and_as_keys() {
    for (test, chosen, other) in [("any_of", Kept, Withheld), ("none_of", Withheld, Kept)] {
        consent(
            &json!({"pointer": "/c", test: [1, 2]}),
            &[
                (r#"{"c": [2]}"#, chosen),
                (r#"{"c": {"1": true}}"#, chosen),
                (r#"{"c": {"2.0": true}}"#, chosen),
                (r#"{"c": [3]}"#, other),
                (r#"{"c": {"3": true, "x": true}}"#, other),
                (r#"{"c": {"1": false}}"#, other),
            ],
        );
    }
}

#[test]
fn a_rule_binds_its_regions_and_who_names_none() {
    consent(
        &json!({"pointer": "/c", "granted": [true], "regions": {"pointer": "/r", "in": ["EU", "US-CA"]}}),
        &[
            (r#"{"r": "US"}"#, Kept),
            (r#"{"r": "US", "c": false}"#, Kept),
            (r#"{"r": "EU"}"#, Withheld),
            (r#"{"r": "eu"}"#, Withheld),
            (r#"{"r": "EU", "c": true}"#, Kept),
            (r#"{"r": "US-CA"}"#, Withheld),
            ("{}", Withheld),
            (r#"{"r": null}"#, Withheld),
            (r#"{"r": ""}"#, Withheld),
            (r#"{"r": ["US"]}"#, Withheld),
        ],
    );
}

#[test]
fn names_and_lengths_count_characters_not_bytes() {
    schema(
        &json!({"properties": {"a": {"maxLength": 1}}}),
        &[(r#"{"a": "😀"}"#, Kept), (r#"{"a": "\ud83d\ude00"}"#, Kept)],
    );
    schema(&json!({"propertyNames": {"maxLength": 1}}), &[(r#"{"é": 1}"#, Kept), (r#"{"ab": 1}"#, Refused)]);
    schema(
        &json!({"properties": {"a": {"pattern": "^\\d+$"}}}),
        &[(r#"{"a": "12"}"#, Kept), (r#"{"a": "١٢"}"#, Refused)],
    );
}

#[test]
fn formats_are_asserted_in_both_drafts() {
    for draft in ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"] {
        for (format, good, bad) in [
            ("date-time", "2026-11-21T18:39:00Z", "2026-11-21"),
            ("uuid", "0199f2d4-7c1e-7a33-9c5e-2f6f0c8c1f10", "0199f2d4"),
            ("email", "a@example.com", "a"),
            ("ipv4", "192.0.2.1", "192.0.2.256"),
            ("uri", "https://example.com/", "example"),
        ] {
            if format == "uuid" && draft.contains("draft-07") {
                continue; // Draft 7 does not know it.
            }
            let rule = json!({"$schema": draft, "properties": {"a": {"format": format}}});
            let (good, bad) = (format!(r#"{{"a": "{good}"}}"#), format!(r#"{{"a": "{bad}"}}"#));
            schema(&rule, &[(&good, Kept), (&bad, Refused), (r#"{"a": 1}"#, Kept)]);
        }
    }
}
