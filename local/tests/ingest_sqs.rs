//! Ingest's way to SQS, by the real SDK, against the queue on loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use spillway_ingest::group_commit::{CallFailed, Outgoing, Receipt, SendMessages as _};
use spillway_ingest::sqs::Sqs;
use spillway_local::faults::Faults;
use spillway_local::sqs::{Queue, QueueSettings};
use spillway_shared::message::MessageId;

const TIMEOUT: Duration = Duration::from_secs(2);

async fn queue() -> Queue {
    let settings = QueueSettings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        data: None,
        name: "spillway".to_owned(),
        region: "us-east-1".to_owned(),
        visibility_timeout: Duration::from_secs(30),
        max_receive_count: 3,
        accepted: None,
        faults: Faults::default(),
    };
    Queue::start(settings).await.unwrap()
}

fn sqs(endpoint: &str, queue_url: &str) -> Sqs {
    let credentials = Credentials::new("local", "local", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(TIMEOUT).build())
        .build();
    Sqs::with_config(&config, queue_url.to_owned())
}

fn messages(bodies: &[&str]) -> Vec<Outgoing> {
    let outgoing =
        |(number, body): (usize, &&str)| Outgoing { id: MessageId::new(number as u128), body: (*body).to_owned() };
    bodies.iter().enumerate().map(outgoing).collect()
}

fn left(queue: &Queue) -> Vec<String> {
    let mut bodies = Vec::new();
    queue.each_queued(|body| bodies.push(body.to_owned()));
    bodies.sort();
    bodies
}

#[tokio::test]
async fn what_is_durable_is_in_the_queue_byte_for_byte() {
    let queue = queue().await;
    let bodies = ["{\"a\":\"\\\"\\\\\"}\n", "  spaces \n\n", "\u{1F680}\u{7F}\u{85}\u{FFFD}"];
    let receipts = sqs(&queue.endpoint, &queue.url).send(messages(&bodies)).await.unwrap();
    assert_eq!(receipts, vec![Receipt::Durable; 3]);
    let mut expected = bodies.map(str::to_owned);
    expected.sort();
    assert_eq!(left(&queue), expected);
}

#[tokio::test]
async fn a_message_that_sqs_never_takes_is_refused_alone_and_for_good() {
    let queue = queue().await;
    let receipts =
        sqs(&queue.endpoint, &queue.url).send(messages(&["good", "bad \u{FFFF}", "good too"])).await.unwrap();
    assert_eq!((&receipts[0], &receipts[2]), (&Receipt::Durable, &Receipt::Durable));
    assert!(matches!(&receipts[1], Receipt::Refused { for_good: true, .. }), "{receipts:?}");
    assert_eq!(left(&queue), ["good", "good too"]);
}

#[tokio::test]
async fn a_call_beyond_the_limits_is_refused_for_good() {
    let queue = queue().await;
    let large = "x".repeat(200_000);
    let too_long = sqs(&queue.endpoint, &queue.url).send(messages(&[large.as_str(); 6])).await.unwrap_err();
    let too_many = sqs(&queue.endpoint, &queue.url).send(messages(&["x"; 11])).await.unwrap_err();
    assert!(too_long.for_good && too_many.for_good, "{too_long} {too_many}");
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_refused_for_good_and_a_server_that_is_not_there_is_not() {
    let queue = queue().await;
    let missing = sqs(&queue.endpoint, &format!("{}-missing", queue.url)).send(messages(&["x"])).await.unwrap_err();
    assert!(missing.for_good && missing.reason.contains("NonExistentQueue"), "{missing}");
    let endpoint = queue.endpoint.clone();
    let url = queue.url.clone();
    queue.close().await;
    let CallFailed { for_good, reason } = sqs(&endpoint, &url).send(messages(&["x"])).await.unwrap_err();
    assert!(!for_good, "{reason}");
}

#[tokio::test]
async fn no_reason_repeats_what_was_to_be_sent() {
    for (endpoint, url) in [("http://127.0.0.1:9", "no url"), ("no endpoint", "http://127.0.0.1:9/q")] {
        let CallFailed { reason, .. } = sqs(endpoint, url).send(messages(&["zqx"])).await.unwrap_err();
        assert!(!reason.contains("zqx"), "{reason}");
    }
}
