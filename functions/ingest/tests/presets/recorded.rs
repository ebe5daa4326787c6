//! Every recorded request becomes one record per event, with the same ids in a retry, and no record contains the key.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::http::recorded;
use crate::server::{Exchange, KEY, Server};

/// In place of a number of records: the client did not send its key.
const WITHOUT_KEY: usize = usize::MAX;

/// What the requests of one client become.
struct Client {
    folder: &'static str,
    /// The records of each request, from the first.
    records: &'static [usize],
    answer: Value,
    /// Whether ids are the same when the client repeats a request.
    is_stable: bool,
    /// Whether each record has the time of its event.
    is_dated: bool,
}

impl Client {
    fn new(folder: &'static str, records: &'static [usize], answer: Value) -> Self {
        Self { folder, records, answer, is_stable: true, is_dated: true }
    }
}

fn clients() -> Vec<Client> {
    let success = || json!({"success": true});
    vec![
        Client::new("segment-py", &[3], success()),
        Client::new("segment-py-gzip", &[3], success()),
        Client::new("segment-node", &[2], success()),
        Client::new("browser-segment-single", &[0, 1, 0, 0, 1, 1], success()),
        Client::new("browser-segment-batched", &[0, 3], success()),
        Client::new("browser-segment-retry", &[0], success()),
        Client::new("rudder-py", &[2], success()),
        Client::new("rudder-node", &[1, 1], success()),
        Client::new("otlp-node", &[2, 1, 1], json!({})),
        Client::new("otlp-node-gzip", &[2, 1, 1], json!({})),
        Client::new("otlp-py", &[2, 1, 2], Value::Null),
        Client::new("posthog-py", &[2], json!({"status": 1})),
        Client::new("cloudevents-node", &[1, 1, WITHOUT_KEY, 2], json!({})),
        Client::new("cloudevents-py", &[1, 1, 3, 1], json!({})),
        Client::new("splunk-py", &[3], json!({"text": "Success", "code": 0})),
        Client {
            is_dated: false,
            ..Client::new("firehose", &[3], json!({"requestId": "ed4acda5-034f-9f42-bba1-f29aea6d7d8f"}))
        },
        Client::new("amplitude-py", &[2], json!({"code": 200, "events_ingested": 2})),
    ]
}

fn file(folder: &str, number: usize) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/captures/{folder}/{number:03}.http"))
}

/// An answer without the members that are the time of day.
fn without_time(mut answer: Value) -> Value {
    for member in ["timestamp", "server_upload_time"] {
        answer.as_object_mut().map(|members| members.remove(member));
    }
    answer
}

fn check(client: &Client, number: usize, expected: usize, exchange: &Exchange, again: &Exchange) {
    let place = format!("{} {number}: {} {}", client.folder, exchange.lines, String::from_utf8_lossy(&exchange.body));
    let records = exchange.records();
    if expected == WITHOUT_KEY {
        assert_eq!((exchange.status, records.len()), (401, 0), "{place}");
        return;
    }
    assert_eq!(exchange.status, if expected == 0 { 204 } else { 200 }, "{place}");
    assert_eq!(records.len(), expected, "{place}");
    assert!(expected == 0 || without_time(exchange.json()) == client.answer, "{place}");
    assert!(!exchange.lines.contains(KEY), "{place}");
    assert!(records.iter().all(|record| record.get("event_time").is_some() == client.is_dated), "{place}");
    let ids = |exchange: &Exchange| exchange.records().iter().map(|record| record["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(exchange) == ids(again), client.is_stable || expected == 0, "{place}");
}

#[tokio::test]
async fn every_recorded_request_becomes_one_record_per_event() {
    let server = Server::accepting_all();
    for client in clients() {
        for (number, expected) in (1..).zip(client.records) {
            let send = || server.send(recorded(&file(client.folder, number), "telemetry"));
            let (exchange, again) = (send().await, send().await);
            check(&client, number, *expected, &exchange, &again);
        }
        assert!(!file(client.folder, client.records.len() + 1).exists(), "{} has more requests", client.folder);
    }
}

#[tokio::test]
async fn a_record_has_the_id_time_and_context_of_its_event() {
    let server = Server::accepting_all();
    let exchange = server.send(recorded(&file("segment-py", 1), "telemetry")).await;
    let line = exchange.lines.lines().next().unwrap();
    let record = &exchange.records()[0];
    assert_eq!(record["event_time"], "2026-11-26T11:29:42.359Z");
    assert_eq!(record["payload"]["messageId"], "eeb204b9-7ada-41ad-a41a-6730d432eadd");
    assert_eq!(record["context"]["writeKey"].as_str().unwrap_or("***"), "***");
    assert!(record["context"]["sentAt"].is_string(), "{line}");
    let id = record["id"].as_str().unwrap();
    assert_eq!((id.len(), &id[14..15], &id[36..]), (38, "8", "-0"), "a UUID of version 8 and a 0");
    let members: Vec<_> = ["id", "stream", "received_at", "event_time", "context", "payload"].into();
    let places: Vec<_> = members.iter().map(|member| line.find(&format!("\"{member}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{line}");
}

#[tokio::test]
async fn pages_post_natively() {
    let server = Server::accepting_all();
    let statuses = [200, 415, 200, 204, 415, 200, 204, 200, 200, 405];
    for (number, status) in (1..).zip(statuses) {
        let exchange = server.send(recorded(&file("browser-plain", number), "telemetry")).await;
        assert_eq!(exchange.status, status, "{number}");
        assert_eq!(exchange.records().len(), usize::from(status == 200), "{number}");
    }
}
