//! Faults as the SDKs see them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sqs::types::{MessageSystemAttributeName, SendMessageBatchRequestEntry};
use spillway_local::faults::{Faults, Kind, Plan, parse};
use spillway_local::s3::{Bucket, BucketSettings};
use spillway_local::sqs::{Queue, QueueSettings};
use tokio::time::Instant;

use common::{anywhere, bucket_settings, queue_settings, s3, sqs, until};

fn faults(texts: &[&str]) -> Faults {
    Faults::new(Plan::new(1, texts.iter().map(|text| parse(text).unwrap())))
}

async fn bucket_with(data: &std::path::Path, faults: &Faults) -> Bucket {
    Bucket::start(BucketSettings { faults: faults.clone(), ..bucket_settings(data) }).await.unwrap()
}

async fn queue_with(faults: &Faults) -> Queue {
    Queue::start(QueueSettings { faults: faults.clone(), ..queue_settings(anywhere(), 100, None) }).await.unwrap()
}

/// What a PUT of one object comes to: the code of its error, if S3 answers one, else the word `broken`.
async fn put(bucket: &Bucket) -> Result<(), String> {
    let config = s3(&bucket.endpoint).config().to_builder();
    let client =
        aws_sdk_s3::Client::from_conf(config.retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled()).build());
    let body = ByteStream::from_static(b"{}\n");
    let put = client.put_object().bucket("spillway").key("records/a.ndjson").body(body).send().await;
    put.map(drop).map_err(|error| error.code().unwrap_or("broken").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_answers_what_is_set_and_stores_only_when_its_answer_is_lost() {
    for (fault, code, stored) in [
        ("s3.error=1", "InternalError", 0),
        ("s3.slow_down=1", "SlowDown", 0),
        ("s3.forbidden=1", "AccessDenied", 0),
        ("s3.reset=1", "broken", 0),
        ("s3.lost_answer=1", "InternalError", 1),
    ] {
        let data = tempfile::tempdir().unwrap();
        let faults = faults(&[fault]);
        let bucket = bucket_with(data.path(), &faults).await;
        assert_eq!(put(&bucket).await, Err(code.to_owned()), "{fault}");
        assert_eq!(bucket.stored().objects, stored, "{fault}");
        assert_eq!(faults.injected().into_values().collect::<Vec<_>>(), [1], "{fault}");
        faults.set(Plan::default());
        assert_eq!(put(&bucket).await, Ok(()), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_takes_as_long_as_is_set() {
    let data = tempfile::tempdir().unwrap();
    let bucket = bucket_with(data.path(), &faults(&["s3.latency=1:100ms", "s3.stall=1:200ms"])).await;
    let started = Instant::now();
    assert_eq!(put(&bucket).await, Ok(()));
    assert!(started.elapsed() >= Duration::from_millis(300));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqs_answers_what_is_set_and_enqueues_only_when_its_answer_is_lost() {
    for (fault, code, queued) in [
        ("sqs.error=1", Some("InternalError"), 0),
        ("sqs.throttle=1", Some("RequestThrottled"), 0),
        ("sqs.reset=1", None, 0),
        ("sqs.lost_answer=1", None, 1),
    ] {
        let queue = queue_with(&faults(&[fault])).await;
        let error = queue.client().send_message().queue_url(&queue.url).message_body("a").send().await.unwrap_err();
        assert_eq!(error.code(), code, "{fault}");
        assert_eq!(queue.counts().await.unwrap().queued, queued, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqs_fails_single_entries_and_enqueues_the_others() {
    let faults = faults(&["sqs.partial=0.5"]);
    let queue = queue_with(&faults).await;
    let (mut sent, mut failed) = (0, 0);
    while faults.injected().is_empty() || sent == 0 {
        let entry =
            |id: u32| SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body("a").build().unwrap();
        let entries = (0..10).map(entry).collect();
        let call = queue.client().send_message_batch().queue_url(&queue.url).set_entries(Some(entries));
        let output = call.send().await.unwrap();
        assert!(output.failed().iter().all(|entry| !entry.sender_fault()));
        (sent, failed) = (sent + output.successful().len() as u64, failed + output.failed().len() as u64);
    }
    assert_eq!(queue.counts().await.unwrap().queued, sent);
    assert_eq!(faults.injected()[&Kind::SqsPartial], failed);
}

/// Receives until as many deliveries have come: their receive counts.
async fn deliveries(queue: &Queue, wanted: usize, delete: bool) -> Vec<String> {
    let (client, mut counts) = (sqs(&queue.endpoint), Vec::new());
    until("all deliveries", async || {
        let call = client.receive_message().queue_url(&queue.url).visibility_timeout(60);
        let call = call.message_system_attribute_names(MessageSystemAttributeName::All).max_number_of_messages(10);
        for message in call.send().await.unwrap().messages.unwrap_or_default() {
            counts.push(message.attributes.unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount].clone());
            if delete {
                let handle = message.receipt_handle.unwrap();
                client.delete_message().queue_url(&queue.url).receipt_handle(handle).send().await.unwrap();
            }
        }
        counts.len() >= wanted
    })
    .await;
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn sqs_delivers_twice_even_what_was_deleted() {
    let faults = faults(&["sqs.twice=1:100ms"]);
    let queue = queue_with(&faults).await;
    queue.client().send_message().queue_url(&queue.url).message_body("a").send().await.unwrap();
    assert_eq!(deliveries(&queue, 2, true).await, ["1", "2"]);
    assert_eq!(faults.injected()[&Kind::SqsTwice], 1);
    assert_eq!(queue.counts().await.unwrap(), spillway_local::sqs::Counts::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn sqs_delivers_before_the_visibility_timeout_unless_it_is_deleted() {
    let faults = faults(&["sqs.early=1:100ms"]);
    let queue = queue_with(&faults).await;
    queue.client().send_message().queue_url(&queue.url).message_body("a").send().await.unwrap();
    assert_eq!(deliveries(&queue, 3, false).await, ["1", "2", "3"]);
    assert!(faults.injected()[&Kind::SqsEarly] >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqs_lets_later_messages_overtake() {
    let faults = faults(&["sqs.out_of_order=1:1s"]);
    let queue = queue_with(&faults).await;
    let client = queue.client();
    client.send_message().queue_url(&queue.url).message_body("first").send().await.unwrap();
    faults.set(Plan::default());
    client.send_message().queue_url(&queue.url).message_body("second").send().await.unwrap();
    let mut bodies = Vec::new();
    until("both messages", async || {
        let received = client.receive_message().queue_url(&queue.url).visibility_timeout(60).send().await.unwrap();
        bodies.extend(received.messages.unwrap_or_default().into_iter().filter_map(|message| message.body));
        bodies.len() == 2
    })
    .await;
    assert_eq!(bodies, ["second", "first"]);
}
