//! The SQS adapter of ingest against the built-in queue.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use spillway_aws::{Calls, Credentials};
use spillway_ingest::group_commit::{CallFailed, Cause, Outgoing, Receipt, SendMessages as _};
use spillway_ingest::sqs::Sqs;
use spillway_local::faults::Faults;
use spillway_local::sqs::{MAX_MESSAGE_BYTES, Queue, QueueSettings};
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
        max_message_bytes: MAX_MESSAGE_BYTES,
        accepted: None,
        faults: Faults::default(),
    };
    Queue::start(settings).await.unwrap()
}

fn sqs(endpoint: &str, queue_url: &str) -> Sqs {
    let credentials = Credentials::new("local", "local", None, None, "test");
    let config = Calls::once(TIMEOUT).fixed(endpoint, "us-east-1", credentials);
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
async fn durable_messages_are_in_the_queue_byte_for_byte() {
    let queue = queue().await;
    let bodies = ["{\"a\":\"\\\"\\\\\"}\n", "  spaces \n\n", "\u{1F680}\u{7F}\u{85}\u{FFFD}"];
    let receipts = sqs(&queue.endpoint, &queue.url).send(messages(&bodies)).await.unwrap();
    assert_eq!(receipts, vec![Receipt::Durable; 3]);
    let mut expected = bodies.map(str::to_owned);
    expected.sort();
    assert_eq!(left(&queue), expected);
}

#[tokio::test]
async fn an_invalid_message_is_refused_permanently_and_alone() {
    let queue = queue().await;
    let receipts =
        sqs(&queue.endpoint, &queue.url).send(messages(&["good", "bad \u{FFFF}", "good too"])).await.unwrap();
    assert_eq!((&receipts[0], &receipts[2]), (&Receipt::Durable, &Receipt::Durable));
    assert!(matches!(&receipts[1], Receipt::Refused { cause: Cause::Records, .. }), "{receipts:?}");
    assert_eq!(left(&queue), ["good", "good too"]);
}

#[tokio::test]
async fn a_message_over_the_queues_maximum_is_refused_permanently_and_alone() {
    let queue = queue().await;
    let large = "x".repeat(MAX_MESSAGE_BYTES + 1);
    let receipts = sqs(&queue.endpoint, &queue.url).send(messages(&["good", &large])).await.unwrap();
    assert_eq!(receipts[0], Receipt::Durable);
    assert!(matches!(&receipts[1], Receipt::Refused { cause: Cause::Records, .. }), "{receipts:?}");
    assert_eq!(left(&queue), ["good"]);
}

#[tokio::test]
async fn a_call_over_the_limits_is_refused_permanently() {
    let queue = queue().await;
    let large = "x".repeat(200_000);
    let too_long = sqs(&queue.endpoint, &queue.url).send(messages(&[large.as_str(); 6])).await.unwrap_err();
    let too_many = sqs(&queue.endpoint, &queue.url).send(messages(&["x"; 11])).await.unwrap_err();
    assert_eq!((too_long.cause, too_many.cause), (Cause::Records, Cause::Access), "{too_long} {too_many}");
}

#[tokio::test]
async fn a_missing_queue_is_a_permanent_error_and_a_missing_server_is_not() {
    let queue = queue().await;
    let missing = sqs(&queue.endpoint, &format!("{}-missing", queue.url)).send(messages(&["x"])).await.unwrap_err();
    assert!(missing.cause == Cause::Access && missing.reason.contains("NonExistentQueue"), "{missing}");
    let endpoint = queue.endpoint.clone();
    let url = queue.url.clone();
    queue.close().await;
    let CallFailed { cause, reason } = sqs(&endpoint, &url).send(messages(&["x"])).await.unwrap_err();
    assert_eq!(cause, Cause::Transient, "{reason}");
}

#[tokio::test]
async fn errors_never_contain_message_bodies() {
    for (endpoint, url) in [("http://127.0.0.1:9", "no url"), ("no endpoint", "http://127.0.0.1:9/q")] {
        let CallFailed { reason, .. } = sqs(endpoint, url).send(messages(&["zqx"])).await.unwrap_err();
        assert!(!reason.contains("zqx"), "{reason}");
    }
}
