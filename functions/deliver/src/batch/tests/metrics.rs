//! The metrics of a batch.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use spillway_shared::hour::timestamp;

use super::*;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The metrics of these batches, one line each.
async fn lines(store: &Memory, batches: &[&[SqsMessage]]) -> Vec<Value> {
    let written = Written::default();
    let deliver = deliver(store, &[]).measured_by(Sink::to("f", written.clone()));
    for batch in batches {
        // Other tests check the response.
        let _ = run(&deliver, batch).await;
    }
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn counts<const N: usize>(line: &Value, names: [&str; N]) -> Value {
    names.iter().map(|name| line[name].clone()).collect()
}

fn lag(line: &Value) -> f64 {
    line["LagSeconds"].as_f64().unwrap()
}

fn received_ago(stream: &str, seconds: u64) -> String {
    let received_at = timestamp(SystemTime::now() - Duration::from_secs(seconds));
    format!(r#"{{"id":"x-0","stream":"{stream}","received_at":"{received_at}","payload":{{}}}}"#)
}

/// A message of `clicks` with two records, one of `views`, and an unreadable one.
fn batch() -> [SqsMessage; 3] {
    [
        sqs_message("a", &sealed_lines(1, "clicks", &[&received_ago("clicks", 10), &received_ago("clicks", 200)])),
        sqs_message("b", &sealed_lines(2, "views", &[&received_ago("views", 100)])),
        sqs_message("c", "nonsense"),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_one_line_with_its_outcomes() {
    let store = Memory::new();
    let batch = batch();
    let lines = lines(&store, &[&batch, &batch]).await;
    assert_eq!(lines.len(), 2);
    let names = ["Messages", "Records", "Objects", "Duplicates", "Failed", "Quarantined", "PutRetries"];
    assert_eq!(counts(&lines[0], names), json!([3.0, 3.0, 2.0, 0.0, 0.0, 1.0, 0.0]));
    let records = store.objects().into_iter().filter(|(key, _)| key.starts_with("records/"));
    let bytes: usize = records.map(|(_, object)| object.body.len()).sum();
    assert_eq!(counts(&lines[0], ["ObjectBytes"]), json!([f64::from(u32::try_from(bytes).unwrap())]));
    let lag = lag(&lines[0]);
    assert!((200.0..260.0).contains(&lag), "{lag}");
    // The second time all keys exist. Deliver stores no object, so it reports no lag.
    assert_eq!(counts(&lines[1], names), json!([3.0, 0.0, 0.0, 2.0, 0.0, 1.0, 0.0]));
    assert_eq!(lines[1]["LagSeconds"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn failed_messages_and_retried_puts_are_counted() {
    let store = Memory::acting(|object, _| if object.key.contains("clicks") { Act::Fail } else { Act::Take });
    let lines = lines(&store, &[&batch()]).await;
    assert_eq!(counts(&lines[0], ["Failed", "PutRetries", "Objects", "Records"]), json!([1.0, 2.0, 1.0, 1.0]));
    let lag = lag(&lines[0]);
    assert!((100.0..160.0).contains(&lag), "only stored records have a lag: {lag}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_as_a_whole_is_counted() {
    let lines = lines(&Memory::acting(|_, _| Act::Refuse), &[&batch()]).await;
    assert_eq!(counts(&lines[0], ["Messages", "Failed", "Objects", "Quarantined"]), json!([3.0, 3.0, 0.0, 0.0]));
}
