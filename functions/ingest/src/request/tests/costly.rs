//! Payloads that are costly to judge: they are rejected by themselves, and other requests do not wait for all of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;

use super::*;

/// A payload that needs more work than the limit: 500 states for each byte of a text.
fn too_costly() -> String {
    format!(r#"{{"tags":["{}"]}}"#, "1".repeat(40_000))
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_is_too_costly_is_rejected_alone() {
    let body = format!(r#"[{{"tags":[1]}},{},{{"tags":[2,2]}}]"#, too_costly());
    let (status, answer, _, records) = post("tags", body).run().await;
    assert_eq!((status, &answer["accepted"], records.len()), (200, &json!(1), 1));
    let reasons: Vec<_> = answer["rejections"].as_array().unwrap().iter().map(|listed| &listed["reason"]).collect();
    assert_eq!(reasons, ["too_costly", "schema"]);
    assert!(!answer["rejections"][0]["detail"].as_str().unwrap().contains("11"), "{answer}");
}

/// Without the pause, every judgement that waits would run before a request that is ready.
#[tokio::test(start_paused = true)]
async fn a_request_waits_for_at_most_one_costly_payload() {
    let (queue, finished) = (Memory::default(), AtomicUsize::new(0));
    let ingest = ingest(&queue, &[]);
    let handle = |exchange: Exchange| async {
        ingest.handle(exchange.request).await;
        finished.fetch_add(1, Ordering::Relaxed)
    };
    let costly = (0..8).map(|_| handle(post("tags", too_costly())));
    let neighbour = std::iter::once_with(|| handle(post("tags", r#"{"tags":[1]}"#)));
    let places = join_all(costly.chain(neighbour)).await;
    assert!(places[8] <= 1, "{places:?}");
}
