//! Clients as real ones are: each posts one document after the other, and posts it again, with the same
//! `Idempotency-Key`, until it is answered with 200 or the client has had enough.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use serde::Deserialize;
use spillway_local::client::{Client, Document, Response};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::documents::Documents;

/// A client waits as long as API Gateway does, and a little.
const PATIENCE: Duration = Duration::from_secs(32);
/// After so many tries a client has had enough: what it sent may be stored or not.
const TRIES: u32 = 30;
const LONGEST_PAUSE_MS: u64 = 1_000;

/// What a client knows of a document.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fate {
    /// The request id, if it was answered with 200.
    pub(crate) answered: Option<u128>,
    /// How often it was posted.
    pub(crate) tries: u32,
}

/// All clients, and what they know.
#[derive(Debug)]
pub(crate) struct Clients {
    address: SocketAddr,
    documents: Documents,
    next: AtomicU32,
    fates: Mutex<Vec<Fate>>,
    answered: AtomicU64,
}

/// How much is posted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Clients that post at once.
    pub(crate) clients: usize,
    /// Until when a next document is begun.
    pub(crate) lasts: Duration,
    /// Documents a second, of all clients together.
    pub(crate) rate: f64,
}

#[derive(Deserialize)]
struct Accepted {
    request_id: String,
    accepted: u32,
}

impl Clients {
    pub(crate) fn new(address: SocketAddr, documents: Documents) -> Arc<Self> {
        let (next, fates, answered) = (AtomicU32::new(0), Mutex::default(), AtomicU64::new(0));
        Arc::new(Self { address, documents, next, fates, answered })
    }

    /// Posts until the load is over and every document that was begun has its end.
    pub(crate) async fn post(self: &Arc<Self>, load: Load) {
        let started = Instant::now();
        let clients = (0..load.clients).map(|_| tokio::spawn(Arc::clone(self).post_some(load, started)));
        for client in join_all(clients).await {
            client.expect("a client does not fail");
        }
    }

    /// Payloads that were answered with 200 so far.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Documents that were begun so far.
    pub(crate) fn begun(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    /// What the clients know of each document, by its number.
    pub(crate) fn fates(&self) -> Vec<Fate> {
        self.fates.lock().unwrap().clone()
    }

    async fn post_some(self: Arc<Self>, load: Load, started: Instant) {
        let mut connection = None;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let due = started + Duration::from_secs_f64(f64::from(number) / load.rate);
            if due >= started + load.lasts || started.elapsed() >= load.lasts {
                return;
            }
            sleep_until(due).await;
            self.post_one(number, &mut connection).await;
        }
    }

    async fn post_one(&self, number: u32, connection: &mut Option<Client>) {
        let document = self.documents.document(number);
        for tries in 1..=TRIES {
            // Known before it is sent: from then on it may be stored.
            self.note(number, Fate { answered: None, tries });
            if let Some(answer) = self.try_once(&document, connection).await
                && let Some(request) = accepted(&answer, self.documents.len(number))
            {
                self.answered.fetch_add(u64::from(self.documents.len(number)), Ordering::Relaxed);
                return self.note(number, Fate { answered: Some(request), tries });
            }
            let longest = (20 << tries.min(10)).min(LONGEST_PAUSE_MS);
            sleep(Duration::from_millis(fastrand::u64(..longest))).await;
        }
    }

    /// One try; nothing if the connection broke, and then there is a new one the next time.
    async fn try_once(&self, document: &Document, connection: &mut Option<Client>) -> Option<Response> {
        let mut client = match connection.take() {
            Some(client) => client,
            None => Client::connect(self.address).await.ok()?,
        };
        let answer = timeout(PATIENCE, client.post(document)).await.ok()?.ok()?;
        *connection = Some(client);
        Some(answer)
    }

    fn note(&self, number: u32, fate: Fate) {
        let mut fates = self.fates.lock().unwrap();
        let len = fates.len().max(number as usize + 1);
        fates.resize(len, Fate::default());
        fates[number as usize] = fate;
    }
}

/// The request id of a 200; nothing if it is worth another try. Anything else no fault explains.
fn accepted(answer: &Response, payloads: u32) -> Option<u128> {
    match answer.status.as_u16() {
        200 => {
            let Accepted { request_id, accepted } = serde_json::from_slice(&answer.body).expect("an answer in JSON");
            assert_eq!(accepted, payloads, "all payloads are good");
            Some(request_number(&request_id).expect("a request id"))
        }
        429 | 500 | 503 => None,
        status => panic!("answered with {status}: {}", String::from_utf8_lossy(&answer.body)),
    }
}

/// A request id as a number.
pub(crate) fn request_number(uuid: &str) -> Option<u128> {
    u128::from_str_radix(&uuid.replace('-', ""), 16).ok()
}
