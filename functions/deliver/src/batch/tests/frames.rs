//! Compressed messages, in objects of the same compression.

use super::{deliver, records, run};
use crate::testing::{Memory, sealed, sqs_message};

/// A message with an odd id is a zstd frame, one with an even id is not compressed.
fn message(id: u128, records: &[String]) -> String {
    sealed(id, "clicks", &records.iter().map(String::as_str).collect::<Vec<_>>())
}

fn numbered(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("{{\"number\":{number},\"of\":\"many\"}}")).collect()
}

#[tokio::test]
async fn every_record_is_stored_once_whether_or_not_its_frame_is_joined() {
    let (large, small, plain) = (numbered(0..10_000), numbered(10_000..10_003), numbered(10_003..10_100));
    let batch = [message(1, &large), message(3, &small), message(2, &plain), message(5, &numbered(10_100..20_000))];
    let batch = batch.map(|body| sqs_message(&body[..50], &body));
    let mut all = numbered(0..20_000);
    all.sort_unstable();
    for compression in ["zstd", "gzip", "none"] {
        let store = Memory::new();
        assert_eq!(run(&deliver(&store, &[("COMPRESSION", compression)]), &batch).await.unwrap(), [""; 0]);
        assert_eq!(records(&store), all, "{compression}");
    }
}

#[tokio::test]
async fn a_frame_that_contradicts_its_header_is_not_joined() {
    let large = message(1, &numbered(0..10_000));
    let wrong = message(3, &numbered(10_000..20_000)).replace("\"records\":10000", "\"records\":9999");
    let batch = [sqs_message("good", &large), sqs_message("wrong", &wrong)];
    let store = Memory::new();
    assert_eq!(run(&deliver(&store, &[("COMPRESSION", "zstd")]), &batch).await.unwrap(), [""; 0]);
    let mut good = numbered(0..10_000);
    good.sort_unstable();
    assert_eq!(records(&store), good);
    assert_eq!(store.objects().keys().filter(|key| key.starts_with("quarantine/")).count(), 1);
}
