//! The event source between the built-in queue and a simulated function.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{free_port, queue, queue_settings, until};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use bytes::Bytes;
use futures::future::join_all;
use serde_json::{Value, json};
use spillway_local::event_source::{EventSource, EventSourceSettings};
use spillway_local::invoke::{Invoke, InvokeError};
use spillway_local::sqs::{Queue, QueueSettings};
use tokio::sync::Semaphore;
use tokio::time::Instant;

type Output = Result<Bytes, InvokeError>;
type Behaviour = Box<dyn Fn(&Value) -> Output + Send>;

/// A function that records its events and returns outputs in order; after them it succeeds.
struct Function {
    events: Mutex<Vec<Value>>,
    behaviours: Mutex<VecDeque<Behaviour>>,
    running: AtomicUsize,
    max_running: AtomicUsize,
    gate: Semaphore,
}

impl Function {
    fn new(behaviours: Vec<Behaviour>) -> Arc<Self> {
        let (running, max_running) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let gate = Semaphore::new(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            events: Mutex::default(),
            behaviours: Mutex::new(behaviours.into()),
            running,
            max_running,
            gate,
        })
    }

    /// A function that does not return until its gate opens.
    fn blocked() -> Arc<Self> {
        let function = Self::new(vec![]);
        function.gate.forget_permits(Semaphore::MAX_PERMITS);
        function
    }

    fn sizes(&self) -> Vec<usize> {
        self.events.lock().unwrap().iter().map(|event| event["Records"].as_array().unwrap().len()).collect()
    }

    /// The SQS message ids of every event.
    fn ids(&self) -> Vec<Vec<String>> {
        let id = |record: &Value| record["messageId"].as_str().unwrap().to_owned();
        let of_event = |event: &Value| event["Records"].as_array().unwrap().iter().map(id).collect();
        self.events.lock().unwrap().iter().map(of_event).collect()
    }

    fn messages(&self) -> usize {
        self.sizes().iter().sum()
    }
}

impl Invoke for Function {
    async fn invoke(&self, event: Bytes) -> Output {
        self.max_running.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let event: Value = serde_json::from_slice(&event).unwrap();
        let behave = self.behaviours.lock().unwrap().pop_front();
        let success = || Ok(Bytes::from_static(b"{\"batchItemFailures\":[]}"));
        let output = behave.map_or_else(success, |behave| behave(&event));
        self.events.lock().unwrap().push(event);
        let _open = self.gate.acquire().await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        output
    }
}

fn behave(output: impl Fn(&Value) -> Output + Send + 'static) -> Behaviour {
    Box::new(output)
}

fn returns(output: &'static str) -> Behaviour {
    behave(move |_| Ok(Bytes::from_static(output.as_bytes())))
}

fn settings(queue: &Queue) -> EventSourceSettings {
    let settings = EventSourceSettings::new(queue.client(), &queue.url, &queue.arn);
    EventSourceSettings { window: Duration::from_millis(200), ..settings }
}

async fn send(queue: &Queue, count: usize, bytes: usize) {
    let client = queue.client();
    let at_once = if bytes > 100_000 { 4 } else { 10 };
    for first in (0..count).step_by(at_once) {
        let ids = first..count.min(first + at_once);
        let entry = |id: usize| {
            let body = format!("{id:06}{}", "x".repeat(bytes.saturating_sub(6)));
            SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body(body).build().unwrap()
        };
        let call = client.send_message_batch().queue_url(&queue.url).set_entries(Some(ids.map(entry).collect()));
        assert!(call.send().await.unwrap().failed().is_empty());
    }
}

async fn is_empty(queue: &Queue) -> bool {
    let counts = queue.counts().await.unwrap();
    (counts.queued, counts.in_flight) == (0, 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_has_the_members_that_lambda_writes() {
    let queue = queue(5, None).await;
    let function = Function::new(vec![]);
    let _source = EventSource::start(settings(&queue), Arc::clone(&function));
    send(&queue, 1, 6).await;
    until("the message is deleted", async || function.messages() == 1 && is_empty(&queue).await).await;
    let record = function.events.lock().unwrap()[0]["Records"][0].clone();
    assert_eq!(record["body"], "000000");
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(record["eventSourceARN"], "arn:aws:sqs:eu-west-1:000000000000:spillway");
    assert_eq!(record["awsRegion"], "eu-west-1");
    assert_eq!(record["md5OfBody"], "670b14728ad9902aecba32e22fa4f6bd");
    assert_eq!(record["messageAttributes"], json!({}));
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    for attribute in ["SentTimestamp", "ApproximateFirstReceiveTimestamp", "SenderId"] {
        assert!(record["attributes"][attribute].is_string(), "{attribute}");
    }
    assert!(record["messageId"].is_string() && record["receiptHandle"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_contains_the_messages_of_its_window() {
    // No message may become visible again within the window.
    let visibility_timeout = Duration::from_mins(1);
    let settings_of_queue = QueueSettings { visibility_timeout, ..queue_settings(free_port(), 5, None) };
    let queue = Queue::start(settings_of_queue).await.unwrap();
    let function = Function::new(vec![]);
    let settings = EventSourceSettings { window: Duration::from_secs(1), ..settings(&queue) };
    let _source = EventSource::start(settings, Arc::clone(&function));
    let sent = Instant::now();
    send(&queue, 57, 100).await;
    until("all were delivered", async || function.messages() == 57).await;
    assert!(sent.elapsed() >= Duration::from_millis(950), "{:?}", sent.elapsed());
    assert_eq!(function.sizes(), [57]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_batch_does_not_wait_for_its_window() {
    let queue = queue(5, None).await;
    let function = Function::new(vec![]);
    let settings = EventSourceSettings { window: Duration::from_mins(5), batch_size: 20, ..settings(&queue) };
    send(&queue, 60, 100).await;
    let _source = EventSource::start(settings, Arc::clone(&function));
    until("all were deleted", async || function.messages() == 60 && is_empty(&queue).await).await;
    assert_eq!(function.sizes(), [20, 20, 20]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_has_at_most_six_megabytes() {
    // On a busy machine the batches take longer than a second, and no message may be received twice.
    let visibility_timeout = Duration::from_mins(1);
    let settings_of_queue = QueueSettings { visibility_timeout, ..queue_settings(free_port(), 5, None) };
    let queue = Queue::start(settings_of_queue).await.unwrap();
    let function = Function::new(vec![]);
    send(&queue, 30, 260_000).await;
    let settings = EventSourceSettings { window: Duration::from_secs(2), ..settings(&queue) };
    let source = EventSource::start(settings, Arc::clone(&function));
    assert!(source.drain(Instant::now() + Duration::from_mins(1)).await);
    let sizes = function.sizes();
    assert!(sizes.iter().all(|size| *size <= 24), "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_failed_messages_are_retried() {
    let queue = queue(5, None).await;
    let fail_third = behave(|event| {
        let records = event["Records"].as_array().unwrap();
        let third = records.iter().find(|record| record["body"] == "000002").unwrap();
        Ok(json!({"batchItemFailures": [{"itemIdentifier": third["messageId"]}]}).to_string().into())
    });
    let function = Function::new(vec![fail_third]);
    send(&queue, 9, 6).await;
    let settings = EventSourceSettings { window: Duration::from_millis(500), ..settings(&queue) };
    let _source = EventSource::start(settings, Arc::clone(&function));
    until("the queue is empty", async || function.sizes().len() == 2 && is_empty(&queue).await).await;
    assert_eq!(function.sizes(), [9, 1]);
    let again = function.events.lock().unwrap()[1]["Records"][0].clone();
    assert_eq!((&again["body"], &again["attributes"]["ApproximateReceiveCount"]), (&json!("000002"), &json!("2")));
}

/// A batch that gets this output is delivered again as a whole.
async fn assert_retried(output: Output) {
    let queue = queue(50, None).await;
    let function = Function::new(vec![behave(move |_| output.clone()), returns("null")]);
    let settings = EventSourceSettings { batch_size: 5, ..settings(&queue) };
    send(&queue, 5, 6).await;
    let _source = EventSource::start(settings, Arc::clone(&function));
    until("the queue is empty", async || function.sizes().len() >= 2 && is_empty(&queue).await).await;
    // On a busy machine the batch may be delivered again in two.
    let events = function.ids();
    for id in &events[0] {
        assert!(events[1..].iter().flatten().any(|other| other == id), "{id} was not retried");
    }
    assert_eq!(queue.counts().await.unwrap().dead_lettered, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_response_or_a_failure_retries_the_whole_batch() {
    let invalid = [
        "oops",
        r#"{"batchItemFailures":[{"itemIdentifier":"unknown"}]}"#,
        r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
    ];
    let failures = [InvokeError::Failed("panicked".to_owned()), InvokeError::TimedOut];
    let outputs = invalid.map(|json| Ok(Bytes::from_static(json.as_bytes()))).into_iter().chain(failures.map(Err));
    join_all(outputs.map(assert_retried)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_fails_repeatedly_is_dead_lettered() {
    let queue = queue(2, None).await;
    let fails = || behave(|_| Err(InvokeError::Failed("no".to_owned())));
    let function = Function::new(vec![fails(), fails(), fails()]);
    let source = EventSource::start(settings(&queue), Arc::clone(&function));
    send(&queue, 1, 6).await;
    until("it is dead-lettered", async || queue.counts().await.unwrap().dead_lettered == 1).await;
    assert_eq!(function.sizes(), [1, 1]);
    assert!(source.drain(Instant::now() + Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_waits_for_a_free_environment() {
    let queue = queue(1, None).await;
    let function =
        Function::new(vec![behave(|_| Err(InvokeError::NoEnvironment)), behave(|_| Err(InvokeError::NoEnvironment))]);
    let _source = EventSource::start(settings(&queue), Arc::clone(&function));
    send(&queue, 3, 6).await;
    until("the queue is empty", async || function.sizes().len() == 3 && is_empty(&queue).await).await;
    assert_eq!(function.sizes(), [3, 3, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_all_invocations_are_busy_the_number_of_held_messages_is_bounded() {
    let queue = queue(50, None).await;
    let function = Function::blocked();
    let settings = EventSourceSettings {
        window: Duration::ZERO,
        batch_size: 10,
        max_concurrency: 2,
        pollers: 2,
        ..settings(&queue)
    };
    send(&queue, 500, 6).await;
    let source = EventSource::start(settings, Arc::clone(&function));
    // Two batches in invocations, one gathered, one and a rest before it, and ten messages a poller in the channel.
    let bound = 2 * 10 + 10 + 10 + 2 * 10 + 2 * 10;
    until("both are busy", async || function.sizes().len() == 2).await;
    let mut steady = Instant::now();
    let mut held = source.held();
    while steady.elapsed() < Duration::from_millis(300) {
        assert!(source.held() <= bound, "{}", source.held());
        if source.held() != held {
            (steady, held) = (Instant::now(), source.held());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(queue.counts().await.unwrap().queued >= (500 - bound) as u64);
    function.gate.add_permits(Semaphore::MAX_PERMITS);
    assert!(source.drain(Instant::now() + Duration::from_secs(20)).await);
    assert!(function.messages() >= 500);
    assert_eq!(function.max_running.load(Ordering::SeqCst), 2);
    assert_eq!(source.held(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_shortens_the_window() {
    let queue = queue(5, None).await;
    let function = Function::new(vec![]);
    let settings = EventSourceSettings { window: Duration::from_mins(5), ..settings(&queue) };
    send(&queue, 25, 6).await;
    let source = EventSource::start(settings, Arc::clone(&function));
    until("they are held", async || source.held() == 25).await;
    assert_eq!(function.messages(), 0);
    assert!(source.drain(Instant::now() + Duration::from_secs(5)).await);
    assert_eq!((function.messages(), source.held()), (25, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_stops_at_its_deadline() {
    let queue = queue(5, None).await;
    let function = Function::blocked();
    send(&queue, 1, 6).await;
    let source = EventSource::start(settings(&queue), Arc::clone(&function));
    assert!(!source.drain(Instant::now() + Duration::from_millis(500)).await);
    source.stop();
    let mut left = 0;
    queue.each_queued(|_| left += 1);
    assert_eq!(left, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn receives_are_retried_while_sqs_is_unreachable() {
    let queue = queue(5, None).await;
    let (endpoint, url, arn) = (queue.endpoint.clone(), queue.url.clone(), queue.arn.clone());
    let client = queue.client();
    queue.close().await;
    let function = Function::new(vec![]);
    let settings = EventSourceSettings::new(client, &url, &arn);
    let settings = EventSourceSettings { window: Duration::ZERO, ..settings };
    let source = EventSource::start(settings, Arc::clone(&function));
    assert!(!source.drain(Instant::now() + Duration::from_millis(300)).await);
    let listen = endpoint.strip_prefix("http://").unwrap().parse().unwrap();
    let queue = crate::common::queue_at(listen, 5, None).await;
    send(&queue, 1, 6).await;
    until("it is delivered", async || function.messages() == 1 && is_empty(&queue).await).await;
}
