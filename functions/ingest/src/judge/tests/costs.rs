//! The work of judging is bounded, whatever schema and payload are. Tests compare counted steps, never times.

use super::*;

/// The bounds that docs/streams.md names.
pub(super) fn most_steps(bytes: usize) -> usize {
    8 * bytes.max(16 << 10)
}

/// The verdict on a payload, and the steps that it took.
fn cost(schema: Value, payload: &str) -> (Verdict, usize) {
    cost_of(&by_schema(schema), payload)
}

pub(super) fn cost_of(judge: &Judge, payload: &str) -> (Verdict, usize) {
    let mut budget = Budget::of(payload.len());
    let verdict = judge.judge_within(&NOBODY, payload.as_bytes(), &mut budget, true);
    (verdict, budget.taken())
}

/// The schema of the member `a`.
fn of_a(schema: &Value) -> Value {
    json!({"properties": {"a": schema}})
}

pub(super) fn is_too_costly(verdict: Verdict) -> bool {
    rejection(verdict).reason == Reason::TooCostly
}

/// Arrays of arrays that differ only in their shape: each bit of the number is an empty array or a nested one.
fn shape(number: usize) -> String {
    let bits: Vec<_> = (0..20).map(|bit| if number >> bit & 1 == 1 { "[[]]" } else { "[]" }).collect();
    format!("[{}]", bits.join(","))
}

#[test]
fn unique_items_tell_shapes_apart_without_comparing_pairs() {
    let unique = of_a(&json!({"uniqueItems": true}));
    let shapes: Vec<_> = (0..8_000).map(shape).collect();
    let (verdict, steps) = cost(unique.clone(), &format!(r#"{{"a": [{}]}}"#, shapes.join(",")));
    assert_eq!(verdict, Verdict::Accept);
    // Each element has 21 arrays and at most 20 nested ones.
    assert!(steps < 8_000 * 42, "{steps}");
    let (verdict, _) = cost(unique, &format!(r#"{{"a": [{},{}]}}"#, shapes.join(","), shape(77)));
    assert_eq!(rejection(verdict).detail, "/a: uniqueItems: expected no two equal elements");
}

#[test]
fn a_multiple_of_a_fraction_costs_the_same_for_every_exponent() {
    let schema = of_a(&json!({"items": {"multipleOf": 0.01}}));
    let steps = |number: &str| {
        let (verdict, steps) = cost(schema.clone(), &format!(r#"{{"a": [{}0]}}"#, format!("{number},").repeat(10_000)));
        assert_eq!(verdict, Verdict::Accept);
        steps
    };
    assert_eq!(steps("1e300"), steps("10.25"));
    // Each character takes a step. The validator's own keyword would take one step for work of any size.
    assert!(steps("1e300") > 5 * 10_000);
}

#[test]
fn a_large_enum_costs_as_much_as_a_small_one() {
    let steps = |options: u32| {
        let options: Vec<_> = (0..options).map(|option| f64::from(option) + 0.5).chain([-0.5]).collect();
        let schema = of_a(&json!({"items": {"enum": options}}));
        let (verdict, steps) = cost(schema, &format!(r#"{{"a": [{}0.5]}}"#, "-0.5,".repeat(20_000)));
        assert_eq!(verdict, Verdict::Accept);
        steps
    };
    assert_eq!(steps(3_000), steps(2));
}

/// Definitions that each refer twice to the next one.
fn doubling(levels: usize, keywords: &[&str], last: &Value) -> Value {
    let level = |at: usize| {
        let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
        let schemas = keywords.iter().map(|keyword| match *keyword {
            "allOf" | "anyOf" | "oneOf" => ((*keyword).to_owned(), json!([next, next])),
            "dependentSchemas" => ((*keyword).to_owned(), json!({"x": next, "y": next})),
            _ => ((*keyword).to_owned(), next.clone()),
        });
        (format!("d{at}"), json!(schemas.collect::<serde_json::Map<_, _>>()))
    };
    let mut definitions: serde_json::Map<_, _> = (0..levels).map(level).collect();
    definitions.insert(format!("d{levels}"), last.clone());
    json!({"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": definitions})
}

/// 2^60 visits of one value. The test passes only if it ends.
#[test]
fn references_that_double_at_every_level_are_too_costly() {
    let keywords: [&[&str]; 4] = [&["allOf"], &["oneOf"], &["if", "then", "else"], &["dependentSchemas", "not"]];
    for keywords in keywords {
        // Most of these schemas do not look at the value.
        for last in [json!({"type": "number"}), json!({}), json!(true), json!({"title": "x"}), json!({"not": false})] {
            let schema = doubling(60, keywords, &last);
            for payload in [r#"{"a": 1}"#, r#"{"a": {"x": 1, "y": 2}}"#] {
                let (verdict, steps) = cost(schema.clone(), payload);
                assert!(steps <= most_steps(payload.len()), "{steps}");
                let Verdict::Reject(found) = verdict else { continue };
                let is_expected = found.reason == Reason::Schema
                    || found.detail.starts_with("takes more work to judge than the limit");
                assert!(is_expected, "{}", found.detail);
            }
        }
    }
    let (verdict, steps) = cost(doubling(60, &["oneOf"], &json!({})), r#"{"a": 1}"#);
    assert!(is_too_costly(verdict));
    assert_eq!(steps, most_steps(8));
}

/// The elements are visited once for each alternative.
#[test]
fn a_schema_with_too_many_alternatives_is_too_costly_only_for_large_payloads() {
    let alternatives: Vec<_> = (0..200).map(|at| json!({"items": {"minimum": -at}})).collect();
    let judge = by_schema(of_a(&json!({"allOf": alternatives})));
    assert_eq!(cost_of(&judge, r#"{"a": [1, 2]}"#).0, Verdict::Accept);
    assert!(is_too_costly(cost_of(&judge, &format!(r#"{{"a": [{}1]}}"#, "1,".repeat(100_000))).0));
}

#[test]
fn judging_and_explaining_take_no_more_than_judging_may() {
    let alternatives = json!({"anyOf": [{"items": {"type": "string"}}, {"items": {"type": "null"}}]});
    let payload = format!(r#"{{"a": [{}1]}}"#, "1,".repeat(100_000));
    let (verdict, steps) = cost(of_a(&alternatives), &payload);
    assert_eq!(rejection(verdict).reason, Reason::Schema);
    assert!(steps <= most_steps(payload.len()), "{steps}");
}

/// Every error copies the names on its way: 13,000 errors with 25,000 bytes each.
#[test]
fn long_names_are_not_copied_into_every_error() {
    let alternatives = json!({"anyOf": [{"additionalProperties": {"items": {"type": "string"}}}, {"type": "null"}]});
    let payload = format!(r#"{{"{}": [{}1]}}"#, "k".repeat(25_000), "1,".repeat(13_000));
    let (verdict, steps) = cost(alternatives, &payload);
    assert!(rejection(verdict).detail.contains("too complex to locate the error"));
    assert!(steps <= most_steps(payload.len()), "{steps}");
}

/// A large schema below `not` would be copied into every error.
#[test]
fn large_parts_of_a_schema_are_not_copied_into_every_error() {
    let options: Vec<_> = (0..3_000).collect();
    let alternatives = json!({"anyOf": [{"items": {"not": {"enum": options}}}, {"type": "null"}]});
    let payload = format!(r#"{{"a": [{}1]}}"#, "1,".repeat(10_000));
    assert!(rejection(cost(of_a(&alternatives), &payload).0).detail.contains("too complex to locate the error"));
}

#[test]
fn a_document_of_costly_payloads_is_rejected_from_its_limit_on() {
    let alternatives: Vec<_> = (0..2_000).map(|name| json!({"required": [format!("m{name}")]})).collect();
    let judge = by_schema(json!({"anyOf": alternatives}));
    let mut budget = Budget::of(4_000 * 7);
    let mut judge = || rejection(judge.judge_within(&NOBODY, br#"{"x":1}"#, &mut budget, false)).reason;
    let reasons: Vec<_> = (0..4_000).map(|_| judge()).collect();
    let judged = reasons.iter().take_while(|reason| **reason == Reason::Schema).count();
    assert!((1_000..3_000).contains(&judged), "{judged}");
    assert!(reasons[judged..].iter().all(|reason| *reason == Reason::TooCostly));
    assert!(budget.taken() <= 16 << 20, "{}", budget.taken());
}

/// An automaton visits 500 states for each byte of these texts, and a cache of its states is of no use.
#[test]
fn patterns_with_many_states_for_each_byte_are_too_costly() {
    let bits =
        |length: usize| (0..length).map(|at: usize| if at * at / 7 % 3 == 1 { '0' } else { '1' }).collect::<String>();
    let judge = by_schema(of_a(&json!({"items": {"not": {"pattern": "1.{500}[23]"}}})));
    let texts = format!("\"{}\",", bits(600)).repeat(100);
    assert!(is_too_costly(cost_of(&judge, &format!(r#"{{"a": [{texts}"1"]}}"#)).0));
    assert_eq!(cost_of(&judge, &format!(r#"{{"a": ["1{}4"]}}"#, bits(500))).0, Verdict::Accept);
    let (verdict, _) = cost_of(&judge, &format!(r#"{{"a": ["1{}2"]}}"#, bits(500)));
    assert_eq!(rejection(verdict).reason, Reason::Schema);
    let long = by_schema(of_a(&json!({"pattern": "^.{1,2000}$"})));
    assert_eq!(cost_of(&long, &json!({"a": "é".repeat(2_000)}).to_string()).0, Verdict::Accept);
    assert_eq!(rejection(cost_of(&long, &json!({"a": "é".repeat(2_001)}).to_string()).0).reason, Reason::Schema);
}

#[test]
fn integers_beyond_64_bits_compare_exactly() {
    let unique = of_a(&json!({"uniqueItems": true}));
    let rounded = r#"{"a": [18446744073709551616, 18446744073709551617, 1e30, 1000000000000000000000000000001]}"#;
    assert_eq!(cost(unique.clone(), rounded).0, Verdict::Accept);
    let equal = r#"{"a": [18446744073709551617, 18446744073709551617.0]}"#;
    assert_eq!(rejection(cost(unique, equal).0).reason, Reason::Schema);
    for (constant, value, is_equal) in [
        (json!(u64::MAX), "18446744073709551615.0", true),
        (json!(u64::MAX), "18446744073709551616", false),
        (json!(u64::MAX), "18446744073709551615.1", false),
        (json!(9_007_199_254_740_993_u64), "9007199254740993.0", true),
        (json!(9_007_199_254_740_993_u64), "9007199254740992", false),
        (json!(9_007_199_254_740_992_u64), "9007199254740992.25", false),
        (json!([{"x": 100}]), r#"[{"x": 1e2}]"#, true),
    ] {
        for schema in [json!({"const": constant}), json!({"enum": [null, constant]})] {
            let (verdict, _) = cost(of_a(&schema), &format!(r#"{{"a": {value}}}"#));
            assert_eq!(verdict == Verdict::Accept, is_equal, "{schema} {value}");
        }
    }
}

#[test]
fn ranges_and_types_read_whole_numbers_exactly() {
    for (schema, value, is_valid) in [
        (json!({"maximum": u64::MAX}), "18446744073709551615.0", true),
        (json!({"type": "integer"}), "9007199254740993.5", false),
        (json!({"type": "integer"}), "1e30", true),
        (json!({"multipleOf": 10}), "10000000000000000000001", false),
        (json!({"multipleOf": 10}), "10000000000000000000010", true),
    ] {
        let (verdict, _) = cost(of_a(&schema), &format!(r#"{{"a": {value}}}"#));
        assert_eq!(verdict == Verdict::Accept, is_valid, "{schema} {value}");
    }
}
