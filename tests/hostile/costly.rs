//! Payloads that would take minutes to judge, if every pair of elements was compared.

use serde_json::json;
use spillway_local::client::Document;

use crate::support::harness::{self, KEY, Run};

const STREAM: &str = r#"{"schema": {"properties": {"tags": {"type": "array", "uniqueItems": true}}}}"#;

/// Arrays that contain no value, and differ only in their shape.
fn shapes(count: usize) -> String {
    let bit = |number: usize, bit: usize| if number >> bit & 1 == 1 { "[[]]" } else { "[]" };
    let shape = |number: usize| (0..13).map(|at| bit(number, at)).collect::<Vec<_>>().join(",");
    (0..count).map(|number| format!("[{}]", shape(number))).collect::<Vec<_>>().join(",")
}

/// The last elements are equal, so the payload is rejected only if all of them were compared.
#[tokio::test(flavor = "multi_thread")]
async fn shapes_of_empty_arrays_are_compared_in_time_and_others_are_served() {
    let run = Run::start(|settings| {
        std::fs::write(settings.config.join("streams/tags.json"), STREAM).unwrap();
    })
    .await;
    let costly = Document::new("tags", KEY, format!(r#"{{"tags":[{},[7],[7.0]]}}"#, shapes(1 << 13)));
    let good = Document::new("tags", KEY, r#"{"tags":[1,2]}"#);
    let posts = [&costly, &costly, &good, &costly, &good].map(|document| run.post(document));
    let answers = futures::future::join_all(posts).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [400, 400, 200, 400, 200]);
    let told = harness::json(&answers[0]);
    assert_eq!(told["rejections"][0]["reason"], json!("schema"));
    assert_eq!(told["rejections"][0]["detail"], json!("/tags: uniqueItems: expected no two equal elements"));
    assert_eq!(run.end().await.records().len(), 2);
}
