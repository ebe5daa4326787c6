//! Random schemas and payloads: the verdicts are those of the plain validator, and the work is bounded.

use proptest::prelude::*;

use super::costs::{cost_of, is_too_costly, most_steps};
use super::*;

/// Values of every kind, some of them equal however they are written.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        prop::sample::select(vec![json!(0.5), json!(1.0), json!(-0.0), json!(1e300), json!(1e-300)]),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

/// Schemas of every family of keywords, with references to themselves.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec!["integer", "number", "string", "array", "object"])
            .prop_map(|kind| json!({"type": kind})),
        prop::collection::vec(value(), 1..4).prop_map(|options| json!({"enum": options})),
        value().prop_map(|value| json!({"const": value})),
        prop::sample::select(vec![0.5, 1.0, 0.01, 3.0]).prop_map(|divisor| json!({"multipleOf": divisor})),
        (-3..3_i64).prop_map(|limit| json!({"minimum": limit, "maxLength": limit.unsigned_abs()})),
        Just(json!({"uniqueItems": true, "pattern": "^a*$"})),
        Just(json!({"required": ["a"], "minProperties": 1})),
        Just(json!({"$ref": "#"})),
        Just(json!({"$ref": "#/$defs/d"})),
    ];
    leaf.prop_recursive(4, 30, 3, |inner| {
        let list = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            list().prop_map(|list| json!({"allOf": list})),
            list().prop_map(|list| json!({"anyOf": list})),
            list().prop_map(|list| json!({"oneOf": list})),
            inner.clone().prop_map(|one| json!({"not": one})),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| json!({"if": one, "then": two, "else": one})),
            (inner.clone(), inner.clone())
                .prop_map(|(one, two)| json!({"properties": {"a": one}, "additionalProperties": two})),
            (inner.clone(), inner.clone())
                .prop_map(|(one, two)| json!({"patternProperties": {"^a": one}, "propertyNames": two})),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| json!({"prefixItems": [one], "items": two})),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| json!({"contains": one, "unevaluatedItems": two})),
            (inner.clone(), inner.clone())
                .prop_map(|(one, two)| json!({"dependentSchemas": {"a": one}, "unevaluatedProperties": two})),
        ]
    })
}

/// A whole schema, whose definition `d` may refer to itself.
fn root() -> impl Strategy<Value = Value> {
    (schema(), schema()).prop_map(|(one, definition)| json!({"allOf": [one], "$defs": {"d": definition}}))
}

/// The plain validator, as a reference for small payloads.
fn plain(schema: &Value) -> Option<jsonschema::Validator> {
    jsonschema::options().should_validate_formats(true).build(schema).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn verdicts_are_those_of_the_plain_validator(schema in root(), member in value()) {
        let definition = Definition { schema: Some(schema.clone()), ..Definition::default() };
        let (Ok(judge), Some(plain)) = (Judge::compile(&name(), &definition), plain(&schema)) else { return Ok(()) };
        let payload = json!({"a": member});
        match cost_of(&judge, &payload.to_string()) {
            (Verdict::Accept, _) => prop_assert!(plain.is_valid(&payload)),
            (Verdict::Reject(found), _) if found.reason == Reason::Schema => prop_assert!(!plain.is_valid(&payload)),
            (verdict, _) => prop_assert!(is_too_costly(verdict)),
        }
    }

    #[test]
    fn no_schema_and_no_payload_exceeds_the_bound(schema in root(), member in value(), copies in 1_usize..2_000, deep in 0_usize..60) {
        let definition = Definition { schema: Some(schema), ..Definition::default() };
        let Ok(judge) = Judge::compile(&name(), &definition) else { return Ok(()) };
        let list = format!("[{}{member}]", format!("{member},").repeat(copies));
        let payload = format!("{}{list}{}", r#"{"a":"#.repeat(deep + 1), "}".repeat(deep + 1));
        let (verdict, steps) = cost_of(&judge, &payload);
        prop_assert!(steps <= most_steps(payload.len()));
        prop_assert_eq!(cost_of(&judge, &payload), (verdict, steps));
    }
}

proptest! {
    // Few cases, because each payload has the size of the largest record.
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_bound_holds_for_the_largest_payloads(schema in root(), member in value()) {
        let definition = Definition { schema: Some(schema), ..Definition::default() };
        let Ok(judge) = Judge::compile(&name(), &definition) else { return Ok(()) };
        let element = format!("{member},");
        let payload = format!(r#"{{"a":[{}{member}]}}"#, element.repeat((1 << 20) / element.len()));
        let (_, steps) = cost_of(&judge, &payload);
        prop_assert!(steps <= most_steps(payload.len()));
    }
}
