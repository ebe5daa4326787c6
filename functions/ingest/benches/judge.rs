//! What judging a payload of 500 bytes by a schema of 12 properties costs, beside parsing the same bytes.
//!
//! The figure that counts is `judge_both` less `parse`: at most 1.5 µs.

use divan::{Bencher, black_box};
use serde_json::{Value, json};
use spillway_ingest::judge::{Facts, Judge, Verdict};
use spillway_shared::consent::{Absent, Consent, Rule, Test};
use spillway_shared::json;
use spillway_shared::pointer::Pointer;
use spillway_shared::stream::{Definition, StreamName};

const FACTS: Facts = Facts { opted_out: false };

const PAYLOAD: &[u8] = br#"{"event":"product_viewed","id":"0199f2d4-7c1e-7a33-9c5e-2f6f0c8c1f10","sent_at":"2026-11-21T18:39:00.123Z","user":{"id":"u-4711","anonymous_id":"2c1b9f5e-4f0f-4b6e-9f56-0d2b6c2f2e11"},"session":"s-20261121-000042","page":{"url":"https://shop.example.com/products/4711?ref=mail","title":"Espresso cup, set of 6"},"product":{"sku":"CUP-80-6","price":24.9,"currency":"EUR","quantity":1},"tags":["kitchen","gift"],"locale":"de-AT","screen":{"width":1920,"height":1080},"consent":{"analytics":true},"v":3}"#;

fn main() {
    divan::main();
}

/// Twelve properties, as a storefront's events have them, with what is nested in four of them.
fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["event", "id", "sent_at", "v"],
        "properties": {
            "event": {"enum": ["page_viewed", "product_viewed", "cart_changed", "order_placed"]},
            "id": {"type": "string", "format": "uuid"},
            "sent_at": {"type": "string", "format": "date-time"},
            "user": {"type": "object", "properties": {"id": {"type": "string"}, "anonymous_id": {"type": "string"}}},
            "session": {"type": "string", "pattern": "^s-[0-9]{8}-[0-9]{6}$"},
            "page": {"type": "object", "required": ["url"], "properties": {"url": {"type": "string", "maxLength": 2048}}},
            "product": {
                "type": "object",
                "required": ["sku"],
                "properties": {"price": {"type": "number", "minimum": 0}, "quantity": {"type": "integer", "minimum": 1}}
            },
            "tags": {"type": "array", "maxItems": 20, "items": {"type": "string"}},
            "locale": {"type": "string", "minLength": 2, "maxLength": 12},
            "screen": {"type": "object", "properties": {"width": {"type": "integer"}, "height": {"type": "integer"}}},
            "consent": {"type": "object"},
            "v": {"type": "integer", "minimum": 1}
        },
        "additionalProperties": false
    })
}

fn consent() -> Consent {
    let pointer = Pointer::parse("/consent/analytics").expect("it is a pointer");
    let rule = Rule { pointer, test: Test::Granted(vec![json!(true)]), absent: Absent::Withhold, regions: None };
    Consent { rule: Some(rule), honour_gpc: true }
}

fn run(bencher: Bencher, definition: &Definition) {
    let name = StreamName::parse("clicks").expect("it is a name");
    let judge = Judge::compile(&name, definition).expect("the definition is good");
    assert_eq!(judge.judge(&FACTS, PAYLOAD), Verdict::Accept);
    bencher
        .counter(divan::counter::BytesCount::of_slice(PAYLOAD))
        .bench_local(|| judge.judge(&FACTS, black_box(PAYLOAD)));
}

#[divan::bench]
fn parse(bencher: Bencher) {
    let bencher = bencher.counter(divan::counter::BytesCount::of_slice(PAYLOAD));
    bencher.bench_local(|| drop(serde_json::from_slice::<Value>(black_box(PAYLOAD))));
}

#[divan::bench]
fn parse_strictly(bencher: Bencher) {
    let bencher = bencher.counter(divan::counter::BytesCount::of_slice(PAYLOAD));
    bencher.bench_local(|| drop(json::strict(black_box(PAYLOAD))));
}

#[divan::bench]
fn judge_free(bencher: Bencher) {
    run(bencher, &Definition::default());
}

#[divan::bench]
fn judge_consent(bencher: Bencher) {
    run(bencher, &Definition { consent: Some(consent()), ..Definition::default() });
}

#[divan::bench]
fn judge_schema(bencher: Bencher) {
    run(bencher, &Definition { schema: Some(schema()), ..Definition::default() });
}

#[divan::bench]
fn judge_both(bencher: Bencher) {
    run(bencher, &Definition { schema: Some(schema()), consent: Some(consent()), ..Definition::default() });
}
