//! Clients that behave like real ones: each posts one document after the other and retries it with the same
//! `Idempotency-Key`, until it is acknowledged with 200 or the client gives up.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use serde::Deserialize;
use spillway_local::client::{Client, Document, Response};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::documents::{Documents, Fate};

/// The timeout of a request, slightly longer than API Gateway's.
const PATIENCE: Duration = Duration::from_secs(32);
/// Attempts after which a client gives up; the document may be stored or not.
const ATTEMPTS: u32 = 30;
const LONGEST_PAUSE_MS: u64 = 1_000;
/// The longest time that a load continues beyond its duration.
const LONGEST_LOAD: Duration = Duration::from_secs(20);

/// What the client knows about a document.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sent {
    /// The request id, if it was acknowledged with 200.
    pub(crate) answered: Option<u128>,
    /// The number of times it was posted.
    pub(crate) tries: u32,
}

/// All clients of a run.
#[derive(Debug)]
pub(crate) struct Clients {
    address: SocketAddr,
    documents: Documents,
    next: AtomicU32,
    documents_sent: Mutex<Vec<Sent>>,
    answered: AtomicU64,
}

/// The load of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Concurrent clients.
    pub(crate) clients: usize,
    /// The shortest time for which clients begin documents.
    pub(crate) lasts: Duration,
    /// Documents per second over all clients.
    pub(crate) rate: f64,
}

#[derive(Deserialize)]
struct Answer {
    request_id: String,
    accepted: u32,
    /// Only streams that keep rejections name it.
    #[serde(default)]
    kept: u32,
    withheld: u32,
}

impl Clients {
    pub(crate) fn new(address: SocketAddr, documents: Documents) -> Arc<Self> {
        let (next, documents_sent, answered) = (AtomicU32::new(0), Mutex::default(), AtomicU64::new(0));
        Arc::new(Self { address, documents, next, documents_sent, answered })
    }

    /// Posts for the duration of the load, then until `enough` or for [`LONGEST_LOAD`], and finishes every document.
    pub(crate) async fn post(self: &Arc<Self>, load: Load, enough: impl Fn() -> bool + Clone + Send + 'static) {
        let is_over = move |_, time| time >= load.lasts && (enough() || time >= load.lasts + LONGEST_LOAD);
        self.post_until(load.clients, load.rate, is_over).await;
    }

    /// Posts the first documents, and finishes every one.
    pub(crate) async fn post_first(self: &Arc<Self>, documents: u32, clients: usize, rate: f64) {
        self.post_until(clients, rate, move |number, _| number >= documents).await;
    }

    /// Posts until `is_over` for the number and the time of a document.
    async fn post_until(
        self: &Arc<Self>,
        clients: usize,
        rate: f64,
        is_over: impl Fn(u32, Duration) -> bool + Clone + Send + 'static,
    ) {
        let started = Instant::now();
        let clients = (0..clients).map(|_| tokio::spawn(Arc::clone(self).post_some(rate, started, is_over.clone())));
        for client in join_all(clients).await {
            client.expect("a client must not panic");
        }
    }

    /// Payloads acknowledged with 200 so far.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Documents begun so far.
    pub(crate) fn begun(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    /// What the clients know about each document, by its number.
    pub(crate) fn documents_sent(&self) -> Vec<Sent> {
        self.documents_sent.lock().unwrap().clone()
    }

    async fn post_some(self: Arc<Self>, rate: f64, started: Instant, is_over: impl Fn(u32, Duration) -> bool) {
        let mut connection = None;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let due = started + Duration::from_secs_f64(f64::from(number) / rate);
            if is_over(number, (due - started).max(started.elapsed())) {
                return;
            }
            sleep_until(due).await;
            self.post_one(number, &mut connection).await;
        }
    }

    async fn post_one(&self, number: u32, connection: &mut Option<Client>) {
        let document = self.documents.document(number);
        for tries in 1..=ATTEMPTS {
            // Noted before it is sent, because it may be stored from then on.
            self.note(number, Sent { answered: None, tries });
            if let Some(answer) = self.try_once(&document, connection).await
                && let Some(request) = self.accepted(&answer, number)
            {
                self.answered.fetch_add(u64::from(self.documents.len(number)), Ordering::Relaxed);
                return self.note(number, Sent { answered: Some(request), tries });
            }
            let longest = (20 << tries.min(10)).min(LONGEST_PAUSE_MS);
            sleep(Duration::from_millis(fastrand::u64(..longest))).await;
        }
    }

    /// One attempt; `None` if the connection broke, and then the next attempt connects again.
    async fn try_once(&self, document: &Document, connection: &mut Option<Client>) -> Option<Response> {
        let mut client = match connection.take() {
            Some(client) => client,
            None => Client::connect(self.address).await.ok()?,
        };
        let answer = timeout(PATIENCE, client.post(document)).await.ok()?.ok()?;
        *connection = Some(client);
        Some(answer)
    }

    /// The request id of a 200, or `None` for a status that clients retry. Faults explain no other status.
    fn accepted(&self, answer: &Response, number: u32) -> Option<u128> {
        match answer.status.as_u16() {
            200 => {
                let Answer { request_id, accepted, kept, withheld } =
                    serde_json::from_slice(&answer.body).expect("an answer in JSON");
                let expected =
                    [Fate::Accepted, Fate::Kept, Fate::Withheld].map(|fate| self.documents.count(number, fate));
                assert_eq!([accepted, kept, withheld], expected, "of accepted, kept and withheld payloads");
                Some(request_number(&request_id).expect("a request id"))
            }
            429 | 500 | 503 => None,
            status => panic!("answered with {status}: {}", String::from_utf8_lossy(&answer.body)),
        }
    }

    fn note(&self, number: u32, sent: Sent) {
        let mut documents_sent = self.documents_sent.lock().unwrap();
        let len = documents_sent.len().max(number as usize + 1);
        documents_sent.resize(len, Sent::default());
        documents_sent[number as usize] = sent;
    }
}

/// A request id as a number.
pub(crate) fn request_number(uuid: &str) -> Option<u128> {
    u128::from_str_radix(&uuid.replace('-', ""), 16).ok()
}
