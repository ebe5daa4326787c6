use serde_json::{Value, json};
use spillway_shared::destination::Destination;

use super::*;
use crate::select::{Select, Selected};
use crate::testing::{destination, record};

fn batches(members: &Value, lines: &[String]) -> Vec<Batch> {
    let destination: Destination = destination("https://partner.example/", members);
    let (select, mut batcher) = (Select::new(&destination), Batcher::new(&destination));
    let mut made = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if let Selected::Send(item) = select.judge(line.as_bytes()) {
            made.extend(batcher.push(number as u64, &item));
        }
    }
    made.extend(batcher.take());
    made
}

fn lines(count: usize) -> Vec<String> {
    (0..count).map(|number| record(&format!("r{number}"), &json!({"n": number}))).collect()
}

fn bodies(format: &str) -> Vec<String> {
    let batches = batches(&json!({"format": format, "batch": {"records": 2}}), &lines(3));
    batches.iter().map(|batch| String::from_utf8(batch.body.to_vec()).unwrap()).collect()
}

#[test]
fn every_format_has_its_form() {
    let [a, b, c] = &lines(3)[..] else { panic!("three") };
    assert_eq!(bodies("records"), [format!("{a}\n{b}\n"), format!("{c}\n")]);
    assert_eq!(bodies("payloads"), ["[{\"n\":0},{\"n\":1}]", "[{\"n\":2}]"]);
    let segment = r#"{"batch":[{"messageId":"r0","n":0},{"messageId":"r1","n":1}]}"#;
    assert_eq!(bodies("segment")[0], segment);
    let events: Vec<Value> = serde_json::from_str(&bodies("cloudevents")[1]).unwrap();
    let event = json!({"specversion": "1.0", "id": "r2", "source": "/v1/streams/clicks", "type": "spillway.clicks",
                       "time": "2026-11-21T18:39:00.123Z", "datacontenttype": "application/json", "data": {"n": 2}});
    assert_eq!(events, [event]);
}

#[test]
fn a_message_id_of_the_client_stays_and_an_empty_payload_gets_one() {
    let payloads = [json!({"messageId": "mine"}), json!({})];
    let lines: Vec<_> = payloads.iter().map(|payload| record("r", payload)).collect();
    let batches = batches(&json!({"format": "segment"}), &lines);
    assert_eq!(batches[0].body, r#"{"batch":[{"messageId":"mine"},{"messageId":"r"}]}"#);
}

#[test]
fn batches_close_at_their_limits_and_a_larger_record_is_sent_alone() {
    let mut lines = lines(30);
    lines[20] = record("large", &json!({"text": "x".repeat(5_000)}));
    let batches = batches(&json!({"batch": {"bytes": 1_024}}), &lines);
    assert!(batches.iter().all(|batch| batch.body.len() <= 1_024 || batch.records == 1));
    let large = batches.iter().find(|batch| batch.lines == (20..21)).unwrap();
    assert!(large.body.len() > 5_000);
    assert_eq!(batches.iter().map(|batch| batch.records).sum::<u64>(), 30);
}

#[test]
fn a_batch_from_any_boundary_is_the_same() {
    let members = json!({"batch": {"records": 7}, "where": {"/n": [1, 2, 3, 5, 8, 13, 21, 22, 23, 24, 25, 26]}});
    let all = batches(&members, &lines(30));
    assert_eq!(all.iter().map(|batch| batch.lines.clone()).collect::<Vec<_>>(), [1..22, 22..27]);
    let id = |lines| id("acme", "records/stream=clicks/a.ndjson", lines);
    assert_eq!(id(&all[0].lines), id(&(1..22)));
    assert_ne!(id(&all[0].lines), id(&all[1].lines));
}
