//! Large documents and small limits: every record is stored, in as many messages and objects as needed.

use spillway_local::client::Document;

use crate::support::harness::{KEY, Run, accepted_ids, json};

pub(super) fn noise(bytes: usize) -> String {
    (0..bytes).map(|_| fastrand::alphanumeric()).collect()
}

#[tokio::test]
async fn a_document_of_megabytes_becomes_many_messages() {
    let run = Run::start(|_| ()).await;
    let payloads: Vec<_> = (0..400).map(|_| format!(r#"{{"a":"{}"}}"#, noise(10_000))).collect();
    let answer = run.post(&Document::new("clicks", KEY, format!("[{}]", payloads.join(",")))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let ids = accepted_ids(&answer);
    let lines = run.end().await.lines();
    for (id, payload) in ids.iter().zip(&payloads) {
        assert!(lines[id][0].ends_with(&format!("\"payload\":{payload}}}")), "{id}");
    }
    assert_eq!(lines.len(), payloads.len());
}

#[tokio::test]
async fn a_large_record_is_accepted_only_if_it_compresses() {
    let run = Run::start(|_| ()).await;
    let body = format!(r#"[{{"a":"{}"}},{{"a":"{}"}}]"#, "x".repeat(1_000_000), noise(400_000));
    let answer = json(&run.post(&Document::new("clicks", KEY, body)).await);
    assert_eq!((&answer["accepted"], &answer["rejections"][0]["reason"]), (&1.into(), &"too_large".into()));
    assert_eq!(run.end().await.records().len(), 1);
}

#[tokio::test]
async fn a_larger_maximum_of_messages_also_applies_to_the_built_in_queue() {
    let run = Run::start(|settings| {
        settings.variables.insert("INGEST_MAX_MESSAGE_BYTES".to_owned(), "1048576".to_owned());
    })
    .await;
    let answer = run.post(&Document::new("clicks", KEY, format!(r#"{{"a":"{}"}}"#, noise(600_000)))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(run.end().await.records().len(), 1);
}

#[tokio::test]
async fn max_object_records_of_1_stores_one_object_per_payload() {
    let run = Run::start(|settings| {
        settings.variables.insert("MAX_OBJECT_RECORDS".to_owned(), "1".to_owned());
    })
    .await;
    let answer = run.post(&Document::new("clicks", KEY, "[{},{},{},{},{}]")).await;
    assert_eq!(answer.status, 200);
    let ended = run.end().await;
    assert_eq!((ended.drained.objects.len(), ended.records().len()), (5, 5));
}

#[tokio::test]
async fn many_documents_become_few_objects() {
    let run = Run::start(|settings| settings.window = std::time::Duration::from_secs(1)).await;
    let document = Document::new("clicks", KEY, "[{},{}]");
    let mut client = run.client().await;
    for _ in 0..100 {
        assert_eq!(client.post(&document).await.unwrap().status, 200);
    }
    let ended = run.end().await;
    assert_eq!(ended.records().len(), 200);
    assert!(ended.drained.objects.len() < 50, "{} objects", ended.drained.objects.len());
}
