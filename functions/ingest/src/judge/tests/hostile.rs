//! Hostile payloads: none may cost exponential time or memory.

use proptest::prelude::*;

use super::*;

/// A backtracking matcher would need more than 2^60,000 steps: the test passes only if it ends.
#[test]
fn patterns_match_in_linear_time() {
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
fn unique_items_does_not_compare_every_pair() {
    let judge = by_schema(json!({"properties": {"a": {"uniqueItems": true}}}));
    let elements: Vec<_> = (0..100_000).map(|number| json!({"n": number})).collect();
    assert_eq!(judge.judge(&NOBODY, json!({"a": elements}).to_string().as_bytes()), Verdict::Accept);
}

/// Each schema visits a node's child twice, 2^100 visits in a deep payload without memory: the test passes only if it
/// ends.
#[test]
fn recursive_schemas_with_branches_judge_deep_payloads_in_bounded_time() {
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
    fn details_never_repeat_names_or_values_of_the_client(name in "[A-Z]{8}", value in "[A-Z]{8}", number in 1_000_000_000_u64..) {
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
