//! Edge cases of consent and schema, one per line: payload and outcome.

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Withheld,
    Rejected,
}
use Outcome::{Accepted, Rejected, Withheld};

fn outcome(judge: &Judge, payload: &str) -> Outcome {
    match judge.judge(&NOBODY, payload.as_bytes()) {
        Verdict::Accept | Verdict::Warn(_) => Accepted,
        Verdict::Withhold => Withheld,
        Verdict::Reject(_) => Rejected,
    }
}

fn consent(rule: &Value, cases: &[(&str, Outcome)]) {
    let judge = judge(&json!({"consent": rule}));
    for (payload, expected) in cases {
        assert_eq!(outcome(&judge, payload), *expected, "{rule} {payload}");
    }
}

fn schema(schema: &Value, cases: &[(&str, Outcome)]) {
    let judge = by_schema(schema.clone());
    for (payload, expected) in cases {
        assert_eq!(outcome(&judge, payload), *expected, "{schema} {payload}");
    }
}

#[test]
fn absent_is_not_null() {
    consent(
        &json!({"pointer": "/c", "granted": [true], "absent": "allow"}),
        &[("{}", Accepted), (r#"{"c": null}"#, Withheld), (r#"{"c": false}"#, Withheld), (r#"{"C": false}"#, Accepted)],
    );
    consent(&json!({"pointer": "/c", "granted": [null]}), &[(r#"{"c": null}"#, Accepted), ("{}", Withheld)]);
    consent(
        &json!({"pointer": "/c/d", "granted": [1], "absent": "allow"}),
        &[(r#"{"c": null}"#, Withheld), (r#"{"c": {}}"#, Accepted)],
    );
    schema(&json!({"required": ["a"]}), &[(r#"{"a": null}"#, Accepted), ("{}", Rejected)]);
    schema(&json!({"properties": {"a": {"type": "string"}}}), &[("{}", Accepted), (r#"{"a": null}"#, Rejected)]);
}

#[test]
fn pointers_select_elements_of_arrays() {
    consent(
        &json!({"pointer": "/list/1/ok", "granted": [true]}),
        &[
            (r#"{"list": [{"ok": false}, {"ok": true}]}"#, Accepted),
            (r#"{"list": [{"ok": true}]}"#, Withheld),
            (r#"{"list": {"1": {"ok": true}}}"#, Accepted),
        ],
    );
    for pointer in ["/list/-", "/list/01", "/list/+1", "/list/ 1"] {
        consent(&json!({"pointer": pointer, "granted": [true]}), &[(r#"{"list": [true, true]}"#, Withheld)]);
    }
}

#[test]
fn escaped_pointers_select_names_with_slash_and_tilde() {
    consent(
        &json!({"pointer": "/a~1b", "granted": [1]}),
        &[(r#"{"a/b": 1}"#, Accepted), (r#"{"a": {"b": 1}}"#, Withheld)],
    );
    consent(&json!({"pointer": "/a~0b", "granted": [1]}), &[(r#"{"a~b": 1}"#, Accepted), (r#"{"a~0b": 1}"#, Withheld)]);
    consent(&json!({"pointer": "/~01", "granted": [1]}), &[(r#"{"~1": 1}"#, Accepted), (r#"{"/": 1}"#, Withheld)]);
    consent(&json!({"pointer": "/", "granted": [1]}), &[(r#"{"": 1}"#, Accepted), ("{}", Withheld)]);
    consent(&json!({"pointer": "/é", "granted": [1]}), &[(r#"{"\u00e9": 1}"#, Accepted)]);
}

#[test]
fn numbers_are_equal_in_every_notation() {
    consent(
        &json!({"pointer": "/c", "granted": [1, 0.5, 9_007_199_254_740_993_u64]}),
        &[
            (r#"{"c": 1.0}"#, Accepted),
            (r#"{"c": 10e-1}"#, Accepted),
            (r#"{"c": 5E-1}"#, Accepted),
            (r#"{"c": 9007199254740993}"#, Accepted),
            (r#"{"c": 9007199254740992}"#, Withheld),
            (r#"{"c": "1"}"#, Withheld),
            (r#"{"c": true}"#, Withheld),
        ],
    );
    consent(
        &json!({"pointer": "/c", "any_of": [1]}),
        &[(r#"{"c": [2, 1.0]}"#, Accepted), (r#"{"c": [1.5]}"#, Withheld)],
    );
    schema(&json!({"properties": {"a": {"const": 1.0}}}), &[(r#"{"a": 1}"#, Accepted), (r#"{"a": 1e0}"#, Accepted)]);
    schema(
        &json!({"properties": {"a": {"enum": [100, "x"]}}}),
        &[(r#"{"a": 1e2}"#, Accepted), (r#"{"a": 100.5}"#, Rejected)],
    );
    schema(
        &json!({"properties": {"a": {"type": "integer"}}}),
        &[(r#"{"a": 1.0}"#, Accepted), (r#"{"a": 1.5}"#, Rejected)],
    );
    schema(
        &json!({"properties": {"a": {"uniqueItems": true}}}),
        &[(r#"{"a": [1, 1.0]}"#, Rejected), (r#"{"a": [1, true]}"#, Accepted)],
    );
    schema(&json!({"properties": {"a": {"const": 0}}}), &[(r#"{"a": -0.0}"#, Accepted), (r#"{"a": false}"#, Rejected)]);
}

#[test]
fn granted_compares_whole_values() {
    consent(
        &json!({"pointer": "/c", "granted": ["granted", {"a": [1]}]}),
        &[
            (r#"{"c": "granted"}"#, Accepted),
            (r#"{"c": "\u0067ranted"}"#, Accepted),
            (r#"{"c": "Granted"}"#, Withheld),
            (r#"{"c": ["granted"]}"#, Withheld),
            (r#"{"c": {"a": [1.0]}}"#, Accepted),
            (r#"{"c": {"a": [1], "b": 2}}"#, Withheld),
        ],
    );
    consent(&json!({"pointer": "", "granted": [{}]}), &[("{}", Accepted), (r#"{"a": 1}"#, Withheld)]);
}

#[test]
fn any_of_needs_one_of_its_ids() {
    consent(
        &json!({"pointer": "/c", "any_of": ["a", "b"]}),
        &[
            (r#"{"c": ["x", "b"]}"#, Accepted),
            (r#"{"c": []}"#, Withheld),
            (r#"{"c": ["x"]}"#, Withheld),
            (r#"{"c": "a"}"#, Withheld),
            (r#"{"c": [["a"]]}"#, Withheld),
            (r#"{"c": {"a": true}}"#, Accepted),
            (r#"{"c": {"a": false, "x": true}}"#, Withheld),
            (r#"{"c": {"a": "true"}}"#, Withheld),
            (r#"{"c": null}"#, Withheld),
            ("{}", Withheld),
        ],
    );
}

#[test]
fn none_of_withholds_values_that_it_does_not_understand() {
    consent(
        &json!({"pointer": "/c", "none_of": ["a", "b"]}),
        &[
            (r#"{"c": ["x", 1]}"#, Accepted),
            (r#"{"c": []}"#, Accepted),
            (r#"{"c": ["x", "b"]}"#, Withheld),
            (r#"{"c": ["x", null]}"#, Withheld),
            (r#"{"c": "x"}"#, Withheld),
            (r#"{"c": {"a": false, "x": true}}"#, Accepted),
            (r#"{"c": {"a": true}}"#, Withheld),
            (r#"{"c": {"a": "false"}}"#, Withheld),
            (r#"{"c": {}}"#, Accepted),
            (r#"{"c": null}"#, Withheld),
            ("{}", Withheld),
        ],
    );
}

#[test]
fn numbers_are_ids_in_lists_and_as_keys() {
    for (test, chosen, other) in [("any_of", Accepted, Withheld), ("none_of", Withheld, Accepted)] {
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
fn a_rule_binds_its_regions_and_payloads_without_a_region() {
    consent(
        &json!({"pointer": "/c", "granted": [true], "regions": {"pointer": "/r", "in": ["EU", "US-CA"]}}),
        &[
            (r#"{"r": "US"}"#, Accepted),
            (r#"{"r": "US", "c": false}"#, Accepted),
            (r#"{"r": "EU"}"#, Withheld),
            (r#"{"r": "eu"}"#, Withheld),
            (r#"{"r": "EU", "c": true}"#, Accepted),
            (r#"{"r": "US-CA"}"#, Withheld),
            ("{}", Withheld),
            (r#"{"r": null}"#, Withheld),
            (r#"{"r": ""}"#, Withheld),
            (r#"{"r": ["US"]}"#, Withheld),
        ],
    );
}

#[test]
fn regions_are_trimmed_and_malformed_ones_are_bound() {
    consent(
        &json!({"pointer": "/c", "granted": [true], "regions": {"pointer": "/r", "in": [" EU ", "US-CA"]}}),
        &[
            (r#"{"r": " eu\t"}"#, Withheld),
            (r#"{"r": "\u00a0EU\n"}"#, Withheld),
            (r#"{"r": " US "}"#, Accepted),
            (r#"{"r": "US-NY"}"#, Accepted),
            (r#"{"r": " "}"#, Withheld),
            (r#"{"r": "US,EU"}"#, Withheld),
            (r#"{"r": "US_CA"}"#, Withheld),
            (r#"{"r": "US-"}"#, Withheld),
            (r#"{"r": "U S"}"#, Withheld),
            (r#"{"r": "?"}"#, Withheld),
            (r#"{"r": "\u0415U"}"#, Withheld),
        ],
    );
}

#[test]
fn a_parent_that_is_not_an_object_is_a_refusal_and_not_an_absence() {
    consent(
        &json!({"pointer": "/consent/analytics", "granted": [true], "absent": "allow"}),
        &[
            ("{}", Accepted),
            (r#"{"consent": {}}"#, Accepted),
            (r#"{"consent": {"analytics": true}}"#, Accepted),
            (r#"{"consent": false}"#, Withheld),
            (r#"{"consent": null}"#, Withheld),
            (r#"{"consent": "denied"}"#, Withheld),
            (r#"{"consent": []}"#, Withheld),
            (r#"{"consent": ["analytics"]}"#, Withheld),
            (r#"{"consent": 0}"#, Withheld),
        ],
    );
}

#[test]
fn names_and_lengths_count_characters_not_bytes() {
    schema(
        &json!({"properties": {"a": {"maxLength": 1}}}),
        &[(r#"{"a": "😀"}"#, Accepted), (r#"{"a": "\ud83d\ude00"}"#, Accepted)],
    );
    schema(&json!({"propertyNames": {"maxLength": 1}}), &[(r#"{"é": 1}"#, Accepted), (r#"{"ab": 1}"#, Rejected)]);
    schema(
        &json!({"properties": {"a": {"pattern": "^\\d+$"}}}),
        &[(r#"{"a": "12"}"#, Accepted), (r#"{"a": "١٢"}"#, Rejected)],
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
                continue; // Draft 7 does not define it.
            }
            let rule = json!({"$schema": draft, "properties": {"a": {"format": format}}});
            let (good, bad) = (format!(r#"{{"a": "{good}"}}"#), format!(r#"{{"a": "{bad}"}}"#));
            schema(&rule, &[(&good, Accepted), (&bad, Rejected), (r#"{"a": 1}"#, Accepted)]);
        }
    }
}
