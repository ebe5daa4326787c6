//! Accepted payloads are stored byte for byte in every form, encoding and content.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use spillway_local::client::Document;

use crate::support::harness::{KEY, Run, accepted_ids, json as body_of};

/// Payloads that a careless implementation would change.
const PAYLOADS: [&str; 12] = [
    r#"{"plain":true}"#,
    r#"{"numbers":[1.0,1e400,-0,0.1000,123456789012345678901234567890]}"#,
    r#"{"twice":1,"twice":2,"order":{"z":0,"a":0}}"#,
    r#"{"pair":"\ud83d\ude00","nul":"\u0000","slash":"\/","e":"\u00e9"}"#,
    "{\"refused by SQS\":\"\u{FFFE}\u{FFFF}\"}",
    "{\"far away\":\"\u{1F680}\u{10FFFF}\u{200D}\"}",
    "{\"delete\":\"\u{7F}\u{80}\u{85}\u{2028}\"}",
    r#"{"quotes":"\"\\\"{}[]:,"}"#,
    r#"{ "spaces" :	[ 1 , 2 ] }"#,
    "{}",
    r#"{"":{"":[[[[]]]]}}"#,
    r#"{"payloads":{"not":"a collection here"}}"#,
];

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn deflate(text: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The same payloads in every form and encoding of the contract.
fn documents() -> Vec<Document> {
    let array = format!("[{}]", PAYLOADS.join(","));
    let lines = PAYLOADS.join("\r\n") + "\n\n";
    let post = |body: Vec<u8>| Document::new("clicks", KEY, body);
    vec![
        post(array.clone().into()),
        post(array.clone().into()).header("content-type", "text/plain; charset=utf-8"),
        post(array.clone().into()).header("content-type", "application/json"),
        post(format!("\u{FEFF}{array}").into()),
        post(format!("{{\"payloads\":\n{array}}}").into()),
        post(lines.clone().into()).header("content-type", "application/x-ndjson"),
        post(gzip(&array)).header("content-encoding", "gzip").header("content-type", "application/json"),
        post(gzip(&lines)).header("content-encoding", "GZIP").header("content-type", "application/jsonl"),
        post([gzip(&array[..50]), gzip(&array[50..])].concat()).header("content-encoding", "gzip"),
        post(deflate(&array)).header("content-encoding", "deflate"),
        post(zstd::encode_all(array.as_bytes(), 3).unwrap()).header("content-encoding", "zstd"),
        post(array.into()).header("content-encoding", "identity"),
    ]
}

async fn everything_comes_back(compression: &str) {
    let run = Run::start(|settings| {
        settings.variables.insert("COMPRESSION".to_owned(), compression.to_owned());
    })
    .await;
    let mut expected = Vec::new();
    for document in documents() {
        let answer = run.post(&document).await;
        assert_eq!(answer.status, 200, "{document:?}: {answer:?}");
        assert_eq!(body_of(&answer)["accepted"], PAYLOADS.len(), "{document:?}: {answer:?}");
        expected.extend(accepted_ids(&answer).into_iter().zip(PAYLOADS));
    }
    let lines = run.end().await.lines();
    assert_eq!(lines.len(), expected.len());
    for (id, payload) in expected {
        let end = format!("\"payload\":{payload}}}");
        assert!(lines[&id].iter().all(|line| line.ends_with(&end)), "{id}: {:?} ends with {end}", lines[&id]);
        assert_eq!(lines[&id].len(), 1);
    }
}

#[tokio::test]
async fn gzip_objects_preserve_every_byte_of_a_payload() {
    everything_comes_back("gzip").await;
}

#[tokio::test]
async fn zstd_objects_preserve_every_byte_of_a_payload() {
    everything_comes_back("zstd").await;
}

#[tokio::test]
async fn uncompressed_objects_preserve_every_byte_of_a_payload() {
    everything_comes_back("none").await;
}

/// Any JSON, with difficult keys and strings.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[tokio::test]
async fn every_accepted_payload_is_stored_unchanged() {
    let run = Run::start(|_| ()).await;
    let mut client = run.client().await;
    let documents = prop::collection::vec(any_json(), 1..6);
    let mut runner = TestRunner::deterministic();
    let mut expected = Vec::new();
    for _ in 0..200 {
        let payloads = documents.new_tree(&mut runner).unwrap().current();
        let body = serde_json::to_string_pretty(&payloads).unwrap();
        let answer = client.post(&Document::new("clicks", KEY, body.clone())).await.unwrap();
        // Record ids count the accepted payloads.
        let objects: Vec<_> = payloads.iter().filter(|payload| payload.is_object()).enumerate().collect();
        assert_eq!(answer.status, if objects.is_empty() { 400 } else { 200 }, "{body}: {answer:?}");
        let id = body_of(&answer)["request_id"].clone();
        expected.extend(
            objects.into_iter().map(|(index, payload)| (format!("{}-{index}", id.as_str().unwrap()), payload.clone())),
        );
    }
    let records = run.end().await.records();
    assert_eq!(records.len(), expected.len());
    for (id, payload) in expected {
        assert_eq!(records[&id]["payload"], payload, "{id}");
    }
}

#[tokio::test]
async fn request_metadata_is_stamped_on_records() {
    let run = Run::start(|_| ()).await;
    let body = r#"{"sent_at":"2026-11-21T18:39:00Z","payloads":[{"n":1}]}"#;
    let answer = run.post(&Document::new("devices", KEY, body).header("user-agent", "probe/1 \"x\"")).await;
    let id = accepted_ids(&answer).remove(0);
    let record = run.end().await.records().remove(&id).unwrap();
    assert_eq!(record["stream"], "devices");
    assert_eq!(record["source"], json!({"client_ip": "127.0.0.1", "user_agent": "probe/1 \"x\""}));
    assert_eq!(record["context"], json!({"sent_at": "2026-11-21T18:39:00Z"}));
    assert_eq!(record["payload"], json!({"n": 1}));
}

#[tokio::test]
async fn schema_and_consent_are_judged_before_anything_is_stored() {
    let run = Run::start(|_| ()).await;
    let body =
        r#"[{"event":"a"},{"event":"b","consent":false},{"n":1},{"event":"c","n":1.5},{"event":"d","event":"e"}]"#;
    let answer = run.post(&Document::new("judged", KEY, body)).await;
    let opted_out = run.post(&Document::new("judged", KEY, body).header("sec-gpc", "1")).await;
    let outcomes = body_of(&answer);
    assert_eq!(
        (&outcomes["accepted"], &outcomes["withheld"], &outcomes["rejected"]),
        (&json!(1), &json!(1), &json!(3))
    );
    let reasons: Vec<_> = outcomes["rejections"].as_array().unwrap().iter().map(|listed| &listed["reason"]).collect();
    assert_eq!(reasons, ["schema", "schema", "duplicate_key"]);
    assert_eq!(body_of(&opted_out)["withheld"], 5);
    let records = run.end().await.records();
    assert_eq!(records.values().map(|record| &record["payload"]).collect::<Vec<_>>(), [&json!({"event": "a"})]);
}

#[tokio::test]
async fn a_retry_with_the_same_idempotency_key_has_the_same_record_ids() {
    let run = Run::start(|_| ()).await;
    let document = Document::new("clicks", KEY, r#"[{"a":1},{"a":2}]"#).header("idempotency-key", "order-7");
    let (first, second) = (run.post(&document).await, run.post(&document).await);
    assert_eq!(accepted_ids(&first), accepted_ids(&second));
    let drained = run.pipeline.drain().await.unwrap();
    assert!(drained.ledger.holds());
    assert_eq!((drained.ledger.accepted, drained.ledger.stored), (2, 2), "counted by id");
}

#[tokio::test]
async fn objects_are_partitioned_by_stream_day_and_hour() {
    let run = Run::start(|_| ()).await;
    run.post(&Document::new("clicks", KEY, "{}")).await;
    run.post(&Document::new("devices", KEY, "[{},{}]")).await;
    let ended = run.end().await;
    let keys: Vec<_> = ended.drained.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys.len(), 2);
    for key in keys {
        let parts: Vec<_> = key.split('/').collect();
        let [prefix, stream, date, hour, name] = parts[..] else { panic!("{key}") };
        assert_eq!(prefix, "records");
        assert!(["stream=clicks", "stream=devices"].contains(&stream), "{key}");
        assert!(date.len() == "dt=2026-11-21".len() && date.starts_with("dt=2"), "{key}");
        assert!(hour.len() == "hour=18".len() && hour.starts_with("hour="), "{key}");
        let digest = name.strip_suffix(".ndjson.zst").unwrap();
        assert!(digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    }
}
