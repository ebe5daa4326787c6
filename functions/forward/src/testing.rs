//! Test doubles and fixtures: a bucket and a queue in memory, and a partner on loopback.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsMessage;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use spillway_shared::destination::{self, Destination};
use spillway_shared::retry::{Attempts, Outcome};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::config::Config;
use crate::credentials::Current;
use crate::invocation::Forward;
use crate::partner::Partner;
use crate::post::Poster;
use crate::s3::{Chunk, Objects, ReadError};
use crate::secrets::{SecretError, Secrets};
use crate::sqs::{CallError, Queue, To};

pub(crate) const ATTEMPTS: Attempts = Attempts { timeout: Duration::from_secs(2), count: 2 };
pub(crate) const KEY: &str = "records/stream=clicks/dt=2026-11-21/hour=18/0123.ndjson";

/// A destination at this URL with these members.
pub(crate) fn destination(url: &str, members: &Value) -> Destination {
    let mut file = json!({"url": url, "streams": ["clicks"], "allow_private": true});
    for (name, value) in members.as_object().unwrap() {
        file[name] = value.clone();
    }
    destination::parse("acme", file.to_string().as_bytes()).unwrap()
}

/// The line of a record with this payload.
pub(crate) fn record(id: &str, payload: &Value) -> String {
    format!(
        "{{\"id\":\"{id}\",\"stream\":\"clicks\",\"received_at\":\"2026-11-21T18:39:00.123Z\",\"payload\":{payload}}}"
    )
}

/// An object of `count` records.
pub(crate) fn records(count: usize) -> String {
    (0..count).map(|number| record(&format!("r{number}"), &json!({"n": number})) + "\n").collect()
}

/// A bucket in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bucket(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl Bucket {
    pub(crate) fn with(key: &str, body: impl Into<Bytes>) -> Self {
        let bucket = Self::default();
        bucket.0.lock().unwrap().insert(key.to_owned(), body.into());
        bucket
    }
}

impl Objects for Bucket {
    async fn get(&self, key: &str, range: Range<u64>) -> Outcome<Chunk, ReadError> {
        let objects = self.0.lock().unwrap();
        let Some(object) = objects.get(key) else { return Outcome::Never(ReadError::Missing) };
        let at = |offset: u64| usize::try_from(offset).unwrap().min(object.len());
        Outcome::Done(Chunk { bytes: object.slice(at(range.start)..at(range.end)), total: object.len() as u64 })
    }
}

/// A queue in memory that records its calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryQueue(Arc<Mutex<Calls>>);

/// The calls of a [`MemoryQueue`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    /// Handle and seconds.
    pub(crate) hidden: Vec<(String, u32)>,
    /// Body and delay.
    pub(crate) sent: Vec<(String, u32)>,
    pub(crate) dead: Vec<String>,
}

impl MemoryQueue {
    pub(crate) fn calls(&self) -> Calls {
        self.0.lock().unwrap().clone()
    }
}

impl Queue for MemoryQueue {
    async fn hide(&self, handle: &str, seconds: u32) -> Outcome<(), CallError> {
        self.0.lock().unwrap().hidden.push((handle.to_owned(), seconds));
        Outcome::Done(())
    }

    async fn send(&self, to: To, bodies: &[String], delay: u32) -> Outcome<(), CallError> {
        let mut calls = self.0.lock().unwrap();
        match to {
            To::Queue => calls.sent.extend(bodies.iter().map(|body| (body.clone(), delay))),
            To::DeadLetters => calls.dead.extend(bodies.iter().cloned()),
        }
        Outcome::Done(())
    }
}

/// One secret, whose value can change.
#[derive(Debug, Clone)]
pub(crate) struct Secret(pub(crate) Arc<Mutex<String>>);

impl Secret {
    pub(crate) fn new(value: &str) -> Self {
        Self(Arc::new(Mutex::new(value.to_owned())))
    }
}

impl Secrets for Secret {
    async fn value(&self, _name: &str) -> Outcome<String, SecretError> {
        Outcome::Done(self.0.lock().unwrap().clone())
    }
}

/// A request that the partner received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The ids of the records, if the format is `records`.
    pub(crate) fn ids(&self) -> Vec<String> {
        let text = std::str::from_utf8(&self.body).unwrap();
        let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
        text.lines().map(id).collect()
    }
}

/// The requests of a partner so far.
#[derive(Debug, Clone)]
pub(crate) struct Loopback {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Loopback {
    /// A partner that answers its requests, numbered from 0, by `answer`.
    pub(crate) async fn start(answer: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let partner = Self { url: url(listener.local_addr().unwrap()), received: Arc::default() };
        let (received, answer) = (Arc::clone(&partner.received), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (received, answer) = (Arc::clone(&received), Arc::clone(&answer));
                let service = service_fn(move |request| {
                    let (received, answer) = (Arc::clone(&received), Arc::clone(&answer));
                    async move { Ok::<_, Infallible>(respond(request, &received, &*answer).await) }
                });
                tokio::spawn(async move {
                    let http = auto::Builder::new(TokioExecutor::new());
                    let _ = http.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        partner
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The ids of all records, in order.
    pub(crate) fn ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.received().iter().flat_map(Received::ids).collect();
        ids.sort();
        ids
    }
}

/// What a partner answers: status, headers, and the time that it takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) after: Duration,
    pub(crate) body: &'static str,
}

pub(crate) fn status(status: u16) -> Reply {
    Reply { status, ..Reply::default() }
}

async fn respond(
    request: Request<Incoming>,
    received: &Mutex<Vec<Received>>,
    answer: &(dyn Fn(usize, &Received) -> Reply + Sync),
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let request = Received { headers: head.headers, body: body.collect().await.unwrap().to_bytes() };
    let reply = {
        let mut received = received.lock().unwrap();
        received.push(request.clone());
        answer(received.len() - 1, &request)
    };
    tokio::time::sleep(reply.after).await;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(reply.body.into()).unwrap()
}

pub(crate) fn url(address: SocketAddr) -> String {
    format!("http://{address}/events")
}

/// Forward with doubles; only HTTP is real.
pub(crate) async fn forward(
    destination: Destination,
    bucket: Bucket,
    queue: MemoryQueue,
    secret: Secret,
) -> Forward<Secret, Bucket, MemoryQueue> {
    let credentials = Current::read(secret, &destination, ATTEMPTS, in_seconds(5)).await.unwrap();
    let partner = Partner::new(&destination).unwrap();
    let config = config(destination.clone());
    Forward::new(&config, Poster::new(destination, partner, credentials), bucket, queue)
}

fn config(destination: Destination) -> Config {
    Config {
        max_workers: destination.workers,
        destination,
        bucket: "b".to_owned(),
        object_prefix: "records/".to_owned(),
        queue_url: String::new(),
        dead_letter_url: String::new(),
        region: String::new(),
        max_inflight_bytes: 32 << 20,
        attempts: ATTEMPTS,
        has_local_secrets: true,
        metrics: spillway_shared::metrics::emf::Settings::default(),
    }
}

pub(crate) fn in_seconds(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

/// A message with this body that was received `receives` times.
pub(crate) fn message(id: &str, body: &str, receives: u32) -> SqsMessage {
    let mut message = SqsMessage::default();
    message.message_id = Some(id.to_owned());
    message.receipt_handle = Some(format!("handle of {id}"));
    message.body = Some(body.to_owned());
    message.attributes = [("ApproximateReceiveCount".to_owned(), receives.to_string())].into();
    message
}

/// The event of an object's creation.
pub(crate) fn created(key: &str) -> String {
    json!({"detail-type": "Object Created", "detail": {"bucket": {"name": "b"}, "object": {"key": key}}}).to_string()
}
