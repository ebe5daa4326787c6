//! Payloads that mean harm.

use proptest::prelude::*;

use super::*;

/// A matcher that goes back and tries again needs more than 2^60,000 steps here: that the test ends is the proof.
#[test]
fn patterns_that_invite_backtracking_answer_at_once() {
    for (pattern, hostile) in [
        ("(a+)+$", format!("{}!", "a".repeat(60_000))),
        ("^(a|a)*$", format!("{}!", "a".repeat(60_000))),
        ("^(\\w+\\s?)*$", format!("{}!", "a ".repeat(60_000))),
        ("(x+x+)+y", "x".repeat(60_000)),
    ] {
        let judge = by_schema(json!({"properties": {"a": {"pattern": pattern}}}));
        let found = rejection(judge.judge(&NOBODY, json!({"a": hostile}).to_string().as_bytes()));
        assert_eq!(found.detail, format!("/a: pattern: expected a match of {pattern}"));
    }
}

#[test]
fn a_list_of_many_different_elements_is_compared_without_pairs() {
    let judge = by_schema(json!({"properties": {"a": {"uniqueItems": true}}}));
    let elements: Vec<_> = (0..100_000).map(|number| json!({"n": number})).collect();
    assert_eq!(judge.judge(&NOBODY, json!({"a": elements}).to_string().as_bytes()), Verdict::Accept);
}

/// Each leads over a node's child twice. Way by way that is 2^100: that the test ends is the proof.
#[test]
fn schemas_that_branch_and_refer_to_themselves_judge_deep_payloads_at_once() {
    let child = || json!({"properties": {"c": {"$ref": "#/$defs/n"}}});
    let twice = [
        json!({"allOf": [child(), child()]}),
        json!({"anyOf": [child(), child()]}),
        json!({"oneOf": [child(), {"type": "object", "required": ["never"], "allOf": [child()]}]}),
        json!({"if": child(), "then": child(), "else": child()}),
        json!({"not": {"not": child()}, "properties": {"c": {"$ref": "#/$defs/n"}}}),
        json!({"dependentSchemas": {"c": child()}, "properties": {"c": {"$ref": "#/$defs/n"}}}),
        json!({"patternProperties": {"c": {"$ref": "#/$defs/n"}}, "properties": {"c": {"$ref": "#/$defs/n"}}}),
        json!({"$ref": "#/$defs/m", "properties": {"c": {"$ref": "#/$defs/n"}}}),
        json!({"allOf": [child()], "unevaluatedProperties": {"$ref": "#/$defs/n"}}),
        json!({"$ref": "#/$defs/m", "$dynamicRef": "#/$defs/m"}),
    ];
    let deep = |bottom: &str| format!("{}{bottom}{}", r#"{"c":"#.repeat(100), "}".repeat(100));
    for node in twice {
        let definitions = json!({"n": {"type": ["object", "integer"], "allOf": [node]}, "m": child()});
        let good = by_schema(json!({"$ref": "#/$defs/n", "$defs": definitions}));
        assert_eq!(good.judge(&NOBODY, deep("1").as_bytes()), Verdict::Accept, "{node}");
        rejection(good.judge(&NOBODY, deep("\"text\"").as_bytes()));
        let broken =
            by_schema(json!({"allOf": [{"$ref": "#/$defs/n"}, {"required": ["never"]}], "$defs": definitions}));
        rejection(broken.judge(&NOBODY, deep("1").as_bytes()));
    }
}

proptest! {
    #[test]
    fn no_payload_makes_a_judge_panic(payload in "\\PC{0,80}") {
        let judge = by_schema(json!({"properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "number"}}));
        let _ = judge.judge(&NOBODY, payload.as_bytes());
    }

    #[test]
    fn what_the_client_wrote_is_not_in_the_answer(name in "[A-Z]{8}", value in "[A-Z]{8}", number in 1_000_000_000_u64..) {
        let schema = json!({
            "properties": {"known": {"anyOf": [{"type": "null"}, {"additionalProperties": {"enum": [1]}, "type": "object"}]}},
            "additionalProperties": {"format": "date", "maximum": 3, "items": {"not": {}}, "propertyNames": {"pattern": "^x$"}}
        });
        let judge = by_schema(schema);
        let parts = [json!(value), json!(number), json!([value]), json!({ name.as_str(): value })];
        for part in &parts {
            for payload in [json!({ name.as_str(): part }), json!({"known": part}), json!({"known": { name.as_str(): part }})] {
                if let Verdict::Reject(found) = judge.judge(&NOBODY, payload.to_string().as_bytes()) {
                    for text in [&name, &value, &number.to_string()] {
                        prop_assert!(!found.detail.contains(text.as_str()), "{}", found.detail);
                    }
                }
            }
        }
    }
}
