//! The event source between the queue and a function that is played.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use bytes::Bytes;
use common::{queue, until};
use serde_json::{Value, json};
use spillway_local::event_source::{EventSource, EventSourceSettings};
use spillway_local::invoke::{Invoke, InvokeError};
use spillway_local::sqs::Queue;
use tokio::sync::Semaphore;
use tokio::time::Instant;

type Answer = Result<Bytes, InvokeError>;
type Play = Box<dyn Fn(&Value) -> Answer + Send>;

/// A function that remembers its events and plays answers in their order; after them it succeeds.
struct Function {
    events: Mutex<Vec<Value>>,
    plays: Mutex<VecDeque<Play>>,
    running: AtomicUsize,
    most: AtomicUsize,
    gate: Semaphore,
}

impl Function {
    fn new(plays: Vec<Play>) -> Arc<Self> {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let gate = Semaphore::new(Semaphore::MAX_PERMITS);
        Arc::new(Self { events: Mutex::default(), plays: Mutex::new(plays.into()), running, most, gate })
    }

    /// One that answers nothing until it is let go.
    fn closed() -> Arc<Self> {
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
    async fn invoke(&self, event: Bytes) -> Answer {
        self.most.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let event: Value = serde_json::from_slice(&event).unwrap();
        let play = self.plays.lock().unwrap().pop_front();
        let success = || Ok(Bytes::from_static(b"{\"batchItemFailures\":[]}"));
        let answer = play.map_or_else(success, |play| play(&event));
        self.events.lock().unwrap().push(event);
        let _open = self.gate.acquire().await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        answer
    }
}

fn play(answer: impl Fn(&Value) -> Answer + Send + 'static) -> Play {
    Box::new(answer)
}

fn says(answer: &'static str) -> Play {
    play(move |_| Ok(Bytes::from_static(answer.as_bytes())))
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
async fn an_event_reads_as_lambda_writes_it() {
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
async fn a_window_gathers_what_comes_and_ends() {
    let queue = queue(5, None).await;
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
async fn an_event_is_full_at_six_megabytes() {
    let queue = queue(5, None).await;
    let function = Function::new(vec![]);
    send(&queue, 30, 260_000).await;
    let settings = EventSourceSettings { window: Duration::from_secs(2), ..settings(&queue) };
    let source = EventSource::start(settings, Arc::clone(&function));
    assert!(source.drain(Instant::now() + Duration::from_secs(10)).await);
    let sizes = function.sizes();
    assert!(sizes.iter().all(|size| *size <= 24), "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_failed_come_back_and_only_they() {
    let queue = queue(5, None).await;
    let fail_third = play(|event| {
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

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_trusted_and_a_failure_bring_the_whole_batch_back() {
    let queue = queue(50, None).await;
    let plays = vec![
        says("oops"),
        says(r#"{"batchItemFailures":[{"itemIdentifier":"unknown"}]}"#),
        says(r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#),
        play(|_| Err(InvokeError::Failed("panicked".to_owned()))),
        play(|_| Err(InvokeError::TimedOut)),
        says("null"),
    ];
    let function = Function::new(plays);
    let settings = EventSourceSettings { batch_size: 5, ..settings(&queue) };
    send(&queue, 5, 6).await;
    let _source = EventSource::start(settings, Arc::clone(&function));
    until("the queue is empty", async || function.sizes().len() >= 6 && is_empty(&queue).await).await;
    // On a busy machine a batch may come back in two.
    let events = function.ids();
    for (failed, later) in (0..5).map(|event| (&events[event], &events[event + 1..])) {
        for id in failed {
            assert!(later.iter().flatten().any(|other| other == id), "{id} came back");
        }
    }
    assert_eq!(queue.counts().await.unwrap().dead_lettered, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_fails_too_often_is_dead_lettered() {
    let queue = queue(2, None).await;
    let fails = || play(|_| Err(InvokeError::Failed("no".to_owned())));
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
        Function::new(vec![play(|_| Err(InvokeError::NoEnvironment)), play(|_| Err(InvokeError::NoEnvironment))]);
    let _source = EventSource::start(settings(&queue), Arc::clone(&function));
    send(&queue, 3, 6).await;
    until("the queue is empty", async || function.sizes().len() == 3 && is_empty(&queue).await).await;
    assert_eq!(function.sizes(), [3, 3, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_all_are_busy_only_a_bounded_amount_is_held() {
    let queue = queue(50, None).await;
    let function = Function::closed();
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
    assert_eq!(function.most.load(Ordering::SeqCst), 2);
    assert_eq!(source.held(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_cuts_the_window_short() {
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
async fn draining_ends_at_its_deadline() {
    let queue = queue(5, None).await;
    let function = Function::closed();
    send(&queue, 1, 6).await;
    let source = EventSource::start(settings(&queue), Arc::clone(&function));
    assert!(!source.drain(Instant::now() + Duration::from_millis(500)).await);
    source.stop();
    let mut left = 0;
    queue.each_queued(|_| left += 1);
    assert_eq!(left, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sqs_that_does_not_answer_is_asked_again() {
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
    let queue = common::queue_at(listen, 5, None).await;
    send(&queue, 1, 6).await;
    until("it is delivered", async || function.messages() == 1 && is_empty(&queue).await).await;
}
