//! A partner that answers every POST after a delay and counts records.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use memchr::memmem;
use spillway_local::loopback::Server;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::lag::{self, Lag};

/// The bytes in front of the id of each record.
const ID: &[u8] = b"{\"id\":\"";

/// A running partner.
pub(super) struct Partner {
    pub(super) url: String,
    shared: Arc<Shared>,
    _server: Server,
}

struct Shared {
    delay: Duration,
    /// Whether ids and lags are read.
    reads: bool,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    records: AtomicUsize,
    seen: Mutex<Seen>,
}

/// The records of a partner that reads them.
#[derive(Default)]
pub(super) struct Seen {
    /// The ids, without their repetitions.
    ids: HashSet<Box<[u8]>>,
    /// In milliseconds.
    lags: Vec<u64>,
}

impl Partner {
    /// Listens on a free port. Only a partner that `reads` knows ids and lags.
    pub(super) async fn start(delay: Duration, reads: bool) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let shared = Arc::new(Shared {
            delay,
            reads,
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            records: AtomicUsize::new(0),
            seen: Mutex::default(),
        });
        let state = Arc::clone(&shared);
        let server = Server::start(listener, service_fn(move |request| answer(Arc::clone(&state), request)))?;
        Ok(Self { url: format!("http://{}/in", server.address()), shared, _server: server })
    }

    /// The records so far, repetitions included.
    pub(super) fn records(&self) -> usize {
        self.shared.records.load(Ordering::Relaxed)
    }

    /// The most POSTs at the same time.
    pub(super) fn most_at_once(&self) -> usize {
        self.shared.most_at_once.load(Ordering::Relaxed)
    }

    /// The number of different records so far.
    pub(super) fn distinct(&self) -> usize {
        self.seen().ids.len()
    }

    /// The lag of all records so far.
    pub(super) fn lag(&self) -> Lag {
        Lag::of(&mut self.seen().lags)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    shared.most_at_once.fetch_max(1 + shared.at_once.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    let mut body = request.into_body();
    let (mut whole, mut records) = (Vec::new(), 0);
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            records += memchr::memchr_iter(b'\n', data).count();
            if shared.reads {
                whole.extend_from_slice(data);
            }
        }
    }
    sleep(shared.delay).await;
    shared.records.fetch_add(records, Ordering::Relaxed);
    shared.read(&whole);
    shared.at_once.fetch_sub(1, Ordering::Relaxed);
    Ok(Response::new(Full::default()))
}

impl Shared {
    fn read(&self, body: &[u8]) {
        let now = SystemTime::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for record in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            seen.lags.extend(lag::lag(record, now));
            seen.ids.extend(id(record).map(Box::from));
        }
    }
}

fn id(record: &[u8]) -> Option<&[u8]> {
    let id = record.strip_prefix(ID)?;
    Some(&id[..memmem::find(id, b"\"")?])
}
