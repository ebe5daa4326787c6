//! Typed columns and `rest` together reproduce every payload by value.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use arrow_array::RecordBatch;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use spillway_compact::instant;
use spillway_compact::json::Tape;
use spillway_compact::rebuild::{exact, payload, rows_as_json};
use spillway_compact::rows::{Rows, record};
use spillway_compact::table::{Field, Table, Type, evolve, of_schema};
use spillway_shared::stream::StreamName;

fn schema() -> Value {
    json!({"type": "object", "properties": {
        "a": {"type": "integer"}, "b": {"type": "number"}, "c": {"type": "string"}, "d": {"type": "boolean"},
        "at": {"type": "string", "format": "date-time"}, "j": {}, "list": {"type": "array", "items": {"type": "integer"}},
        "deep": {"type": "array", "items": {"type": "array", "items": {"$ref": "#/$defs/o"}}},
        "map": {"additionalProperties": {"type": "number"}}, "maps": {"additionalProperties": {"$ref": "#/$defs/o"}},
        "o": {"$ref": "#/$defs/o"}, "times": {"type": "array", "items": {"type": "string", "format": "date-time"}},
        "A": {"type": "string"}, "x-y": {"type": "string"}},
        "$defs": {"o": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "number"}, "c": {"type": "string"},
            "o": {"type": "object", "properties": {"at": {"type": "string", "format": "date-time"}, "c": {"type": "string"}}}}}}})
}

/// The table of the schema, of one before it, and of a stream that had none.
fn tables() -> [Table; 3] {
    let kind = of_schema(Some(&schema()));
    let earlier =
        json!({"properties": {"a": {"type": "string"}, "gone": {"type": "integer"}, "o": {"properties": {"c": {}}}}});
    let evolved = evolve(&Table::new(of_schema(Some(&earlier))), kind.clone());
    [Table::new(kind), evolved, evolve(&Table::new(Type::Json), Type::Struct(vec![Field::new("a", Type::Int64)]))]
}

fn rows(table: &Table, payloads: &[String]) -> RecordBatch {
    let (mut rows, mut tape) = (Rows::new(table), Tape::default());
    for payload in payloads {
        let line =
            format!(r#"{{"id":"x-0","stream":"s","received_at":"2026-11-21T18:39:00.123Z","payload":{payload}}}"#);
        rows.push(&record(&line, &mut tape, &StreamName::parse("s").unwrap()).unwrap());
    }
    rows.finish().unwrap()
}

/// The value with date-times as instants, as equal ones may be written differently; numbers compare as floats here, and
/// exactly in the tests of `number`.
fn instants(value: &Value) -> Value {
    match value {
        Value::String(text) => instant::micros(text).map_or(value.clone(), |micros| json!({"micros": micros})),
        Value::Number(number) => number.as_f64().map_or(value.clone(), |number| (number + 0.0).into()),
        Value::Array(values) => values.iter().map(instants).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), instants(value))).collect(),
        other => other.clone(),
    }
}

fn assert_reproduced(payloads: &[String]) {
    for table in tables() {
        let batch = rows(&table, payloads);
        for (row, text) in rows_as_json(&batch).iter().zip(payloads) {
            let found = payload(row, &table).unwrap_or_default();
            let expected = exact(text).unwrap();
            assert_eq!(instants(&found), instants(&expected), "{text}\nrow: {row}");
        }
    }
}

#[test]
fn odd_payloads_are_reproduced() {
    let values = [
        "null",
        "true",
        "0",
        "-0",
        "1.0",
        "1.5",
        "1e3",
        "9223372036854775807",
        "9223372036854775808",
        "0.1",
        "1e308",
        "123456789012345678901234567890",
        "\"\"",
        "\"7\"",
        "\"\\u0000\"",
        "\"ä\\ud83d\\ude00\"",
        "[]",
        "{}",
        "[null]",
        "[[]]",
        "[[null,{}]]",
        "[1,\"x\",null,[2]]",
        "{\"a\":null}",
        "{\"a\":1,\"b\":\"x\"}",
        "{\"0\":1}",
        "[{\"0\":{}}]",
        "\"2026-11-21T12:00:00Z\"",
        "\"2026-11-21T12:00:00.1234567Z\"",
        "\"2026-11-21T13:00:00+01:00\"",
        "\"2016-12-31T23:59:60Z\"",
        "[\"2026-11-21T12:00:00Z\",\"no time\",null]",
        "{\"c\":\"x\",\"o\":{\"at\":\"2026-11-21T12:00:00Z\",\"more\":[1]}}",
        "[[{\"a\":1,\"zz\":{\"y\":1}},{\"a\":\"x\"}],null,7,[]]",
        "{\"k\":{\"a\":1,\"zz\":2},\"l\":null,\"m\":\"x\"}",
    ];
    let names = [
        "a", "b", "c", "d", "at", "j", "list", "deep", "map", "maps", "o", "times", "A", "x-y", "new", "", "\\u0061b",
        "gone",
    ];
    let one = |name: &str| values.map(|value| format!(r#"{{"{name}":{value}}}"#));
    let mut payloads: Vec<_> = names.iter().flat_map(|name| one(name)).collect();
    payloads
        .extend(values.windows(2).map(|pair| format!(r#"{{"o":{},"list":{},"zz":{}}}"#, pair[0], pair[1], pair[0])));
    payloads.extend(values.map(str::to_owned));
    assert_reproduced(&payloads);
}

#[test]
fn a_payload_without_an_agreed_value_is_kept_as_text() {
    for text in [r#"{"a":1,"a":2}"#, r#"{"o":{"c":"x","\u0063":"y"}}"#, r#"{"j":[{"k":1,"k":2}]}"#] {
        let row = &rows_as_json(&rows(&tables()[0], &[text.to_owned()]))[0];
        assert_eq!((row.get("payload"), row["rest"].as_str()), (None, Some(text)));
    }
}

#[test]
fn digits_that_a_column_cannot_hold_are_kept() {
    let text = r#"{"a":123456789012345678901234567890,"b":0.10000000000000000001,"j":1.00}"#;
    let row = &rows_as_json(&rows(&tables()[0], &[text.to_owned()]))[0];
    assert_eq!(row["rest"], r#"{"a":123456789012345678901234567890,"b":0.10000000000000000001}"#);
    assert_eq!(row["payload"], json!({"j": "1.00"}));
}

#[test]
fn a_half_surrogate_is_kept_as_text() {
    let text = r#"{"c":"\ud800","map":{"\udc00":1},"\ud801":1,"j":"\ud802"}"#;
    let row = &rows_as_json(&rows(&tables()[0], &[text.to_owned()]))[0];
    assert_eq!(row["rest"], r#"{"c":"\ud800","map":{"\udc00":1},"\ud801":1}"#);
    assert_eq!(row["payload"], json!({"j": r#""\ud802""#}));
}

/// Any value, often one that a column expects.
fn any_value() -> impl Strategy<Value = Value> {
    let time = prop_oneof![
        (0..4_000_000_000_i64, 0..10_u32).prop_map(|(seconds, digits)| {
            let time = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            let text = time.format(&time::format_description::well_known::Rfc3339).unwrap();
            let fraction =
                if digits == 0 { String::new() } else { format!(".{}", "123456789".get(..digits as usize).unwrap()) };
            text.replace('Z', &(fraction + "Z"))
        }),
        "2026-11-21T12:00:[0-6][0-9](\\.[0-9]{1,11})?(Z|z|[+-]0[0-9]:30)",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-100..100_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        time.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((any_name(), inner), 0..7).prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    let known =
        ["a", "b", "c", "d", "at", "j", "list", "deep", "map", "maps", "o", "times", "A", "x-y", "gone", "0", "1"];
    prop_oneof![9 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn any_payload() -> impl Strategy<Value = String> {
    prop::collection::vec((any_name(), any_value()), 0..9)
        .prop_map(|payload| Value::Object(Map::from_iter(payload)).to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn random_payloads_are_reproduced(payload in any_payload()) {
        assert_reproduced(&[payload]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    #[ignore = "takes minutes; run by `just long`"]
    fn a_million_random_payloads_are_reproduced(payloads in prop::collection::vec(any_payload(), 500)) {
        assert_reproduced(&payloads);
    }
}
