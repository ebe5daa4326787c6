//! The effect of every kind of fault, as the SDKs and the runtime see it.

use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_sqs::types::{MessageSystemAttributeName, SendMessageBatchRequestEntry};
use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, join_all};
use spillway_local::faults::{Faults, Kind, Plan, ProcessFaults, parse};
use spillway_local::runtime::{Function, FunctionSettings};
use spillway_local::s3::{Bucket, BucketSettings};
use spillway_local::sqs::{Queue, QueueSettings};
use tokio::time::Instant;

use crate::common::{bucket_settings, free_port, queue_settings, s3, sqs, until};
use crate::lambda::support::{is_stopped, order, settings};

/// A plan with one fault at a rate, such as `1` or `1:100ms`.
fn faults(kind: Kind, rate: &str) -> Faults {
    Faults::new(Plan::new(1, [parse(&format!("{kind}={rate}")).unwrap()]))
}

/// The check of a kind's effect. The match is exhaustive, so that every new kind needs a test.
fn check(kind: Kind) -> LocalBoxFuture<'static, ()> {
    match kind {
        Kind::S3Latency | Kind::S3Stall => put_takes_longer(kind).boxed_local(),
        Kind::S3Reset => put_fails(kind, "broken", 0).boxed_local(),
        Kind::S3Error => put_fails(kind, "InternalError", 0).boxed_local(),
        Kind::S3SlowDown => put_fails(kind, "SlowDown", 0).boxed_local(),
        Kind::S3Conflict => put_fails(kind, "ConditionalRequestConflict", 0).boxed_local(),
        Kind::S3Forbidden => put_fails(kind, "AccessDenied", 0).boxed_local(),
        Kind::S3LostAnswer => put_fails(kind, "InternalError", 1).boxed_local(),
        Kind::SqsLatency | Kind::SqsStall => send_takes_longer(kind).boxed_local(),
        Kind::SqsReset => send_fails(kind, None, 0).boxed_local(),
        Kind::SqsError => send_fails(kind, Some("InternalError"), 0).boxed_local(),
        Kind::SqsThrottle => send_fails(kind, Some("RequestThrottled"), 0).boxed_local(),
        Kind::SqsLostAnswer => send_fails(kind, None, 1).boxed_local(),
        Kind::SqsPartial => single_entries_fail().boxed_local(),
        Kind::SqsTwice => a_deleted_message_is_delivered_again().boxed_local(),
        Kind::SqsOutOfOrder => a_later_message_overtakes().boxed_local(),
        Kind::SqsEarly => a_message_is_visible_before_its_timeout().boxed_local(),
        Kind::IngestKill => a_process_is_killed_and_replaced(kind, ProcessFaults::of_ingest).boxed_local(),
        Kind::DeliverKill => a_process_is_killed_and_replaced(kind, ProcessFaults::of_deliver).boxed_local(),
        Kind::CompactKill => a_process_is_killed_and_replaced(kind, ProcessFaults::of_compact).boxed_local(),
        Kind::CompactFreeze => a_process_is_stopped_and_continues(kind, ProcessFaults::of_compact).boxed_local(),
        Kind::ForwardKill => a_process_is_killed_and_replaced(kind, ProcessFaults::of_forward).boxed_local(),
        Kind::ForwardFreeze => a_process_is_stopped_and_continues(kind, ProcessFaults::of_forward).boxed_local(),
        Kind::IngestFreeze => a_process_is_stopped_and_continues(kind, ProcessFaults::of_ingest).boxed_local(),
        Kind::DeliverFreeze => a_process_is_stopped_and_continues(kind, ProcessFaults::of_deliver).boxed_local(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_fault_has_its_effect() {
    join_all(Kind::ALL.map(check)).await;
}

async fn bucket_with(data: &std::path::Path, faults: &Faults) -> Bucket {
    Bucket::start(BucketSettings { faults: faults.clone(), ..bucket_settings(data) }).await.unwrap()
}

async fn queue_with(faults: &Faults) -> Queue {
    Queue::start(QueueSettings { faults: faults.clone(), ..queue_settings(free_port(), 100, None) }).await.unwrap()
}

/// Puts an object without retries; an error is the code of S3, or `broken` without a response.
async fn put(bucket: &Bucket) -> Result<(), String> {
    let config = s3(&bucket.endpoint).config().to_builder();
    let client =
        aws_sdk_s3::Client::from_conf(config.retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled()).build());
    let body = ByteStream::from_static(b"{}\n");
    let put = client.put_object().bucket("spillway").key("records/a.ndjson").body(body).send().await;
    put.map(drop).map_err(|error| error.code().unwrap_or("broken").to_owned())
}

async fn put_fails(kind: Kind, code: &str, stored: u64) {
    let data = tempfile::tempdir().unwrap();
    let faults = faults(kind, "1");
    let bucket = bucket_with(data.path(), &faults).await;
    assert_eq!(put(&bucket).await, Err(code.to_owned()), "{kind}");
    assert_eq!(bucket.stored().objects, stored, "{kind}");
    assert_eq!(faults.injected().into_iter().collect::<Vec<_>>(), [(kind, 1)]);
    faults.set(Plan::default());
    assert_eq!(put(&bucket).await, Ok(()), "{kind}");
}

async fn put_takes_longer(kind: Kind) {
    let data = tempfile::tempdir().unwrap();
    let bucket = bucket_with(data.path(), &faults(kind, "1:200ms")).await;
    let started = Instant::now();
    assert_eq!(put(&bucket).await, Ok(()), "{kind}");
    assert!(started.elapsed() >= Duration::from_millis(200), "{kind}: {:?}", started.elapsed());
}

async fn send_fails(kind: Kind, code: Option<&str>, queued: u64) {
    let queue = queue_with(&faults(kind, "1")).await;
    let error = queue.client().send_message().queue_url(&queue.url).message_body("a").send().await.unwrap_err();
    assert_eq!(error.code(), code, "{kind}");
    assert_eq!(queue.counts().await.unwrap().queued, queued, "{kind}");
}

async fn send_takes_longer(kind: Kind) {
    let queue = queue_with(&faults(kind, "1:200ms")).await;
    let started = Instant::now();
    queue.client().send_message().queue_url(&queue.url).message_body("a").send().await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(200), "{kind}: {:?}", started.elapsed());
}

/// Starts the test function with a process fault.
async fn function_with(faults: &Faults, process_faults: fn(Faults) -> ProcessFaults) -> Function {
    let settings = FunctionSettings { faults: process_faults(faults.clone()), ..settings() };
    Function::start(settings).await.unwrap()
}

async fn a_process_is_killed_and_replaced(kind: Kind, process_faults: fn(Faults) -> ProcessFaults) {
    let faults = faults(kind, "20");
    let function = function_with(&faults, process_faults).await;
    until("a process is replaced", async || function.counts().restarts > 0).await;
    assert!(faults.injected()[&kind] > 0);
    faults.set(Plan::default());
    assert!(order(&function, "echo").await.is_ok(), "{kind}");
}

async fn a_process_is_stopped_and_continues(kind: Kind, process_faults: fn(Faults) -> ProcessFaults) {
    let faults = faults(kind, "50:1s");
    let function = function_with(&faults, process_faults).await;
    let pids = function.pids();
    until("the process is stopped", async || is_stopped(pids[0])).await;
    assert_eq!(faults.injected()[&kind], 1);
    faults.set(Plan::default());
    assert!(order(&function, "echo").await.is_ok(), "{kind}");
    assert!(!is_stopped(pids[0]), "{kind}");
    assert_eq!(function.pids(), pids, "{kind}");
}

async fn single_entries_fail() {
    let faults = faults(Kind::SqsPartial, "0.5");
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

/// Receives until there are `wanted` deliveries, and returns their receive counts.
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

async fn a_deleted_message_is_delivered_again() {
    let faults = faults(Kind::SqsTwice, "1:100ms");
    let queue = queue_with(&faults).await;
    queue.client().send_message().queue_url(&queue.url).message_body("a").send().await.unwrap();
    assert_eq!(deliveries(&queue, 2, true).await, ["1", "2"]);
    assert_eq!(faults.injected()[&Kind::SqsTwice], 1);
    assert_eq!(queue.counts().await.unwrap(), spillway_local::sqs::Counts::default());
}

async fn a_message_is_visible_before_its_timeout() {
    let faults = faults(Kind::SqsEarly, "1:100ms");
    let queue = queue_with(&faults).await;
    queue.client().send_message().queue_url(&queue.url).message_body("a").send().await.unwrap();
    assert_eq!(deliveries(&queue, 3, false).await, ["1", "2", "3"]);
    assert!(faults.injected()[&Kind::SqsEarly] >= 2);
}

async fn a_later_message_overtakes() {
    let faults = faults(Kind::SqsOutOfOrder, "1:1s");
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
