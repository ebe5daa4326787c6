//! A partner on loopback that can be down, slow or strict.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use spillway_shared::hour::parse_timestamp;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

/// A partner that accepts records.
#[derive(Clone)]
pub(crate) struct Partner {
    address: SocketAddr,
    state: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_down: AtomicBool,
    delay_ms: AtomicU64,
    refused: Mutex<Option<String>>,
    /// The keys of the requests in which each record arrived.
    keys: Mutex<BTreeMap<String, Vec<String>>>,
    text: Mutex<String>,
    /// Of each record since the last look.
    lags: Mutex<Vec<Duration>>,
}

impl Partner {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let partner = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = Arc::clone(&partner.state);
        let routes = Router::new().fallback(receive).with_state(Arc::clone(&state));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                if state.is_down.load(Ordering::Relaxed) {
                    continue;
                }
                let service = TowerToHyperService::new(routes.clone());
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service),
                );
            }
        });
        partner
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/in", self.address)
    }

    /// While it is down, it closes every new connection and fails every request.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.state.is_down.store(is_down, Ordering::Relaxed);
    }

    pub(crate) fn set_delay(&self, delay: Duration) {
        self.state.delay_ms.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Bodies with this text get 422.
    pub(crate) fn refuse(&self, text: &str) {
        *self.state.refused.lock().unwrap() = Some(text.to_owned());
    }

    pub(crate) fn ids(&self) -> BTreeSet<String> {
        self.state.keys.lock().unwrap().keys().cloned().collect()
    }

    /// All accepted bodies.
    pub(crate) fn text(&self) -> String {
        self.state.text.lock().unwrap().clone()
    }

    /// The time from receipt to arrival that 99 % of the records since the last call did not exceed.
    pub(crate) fn take_lag(&self) -> Duration {
        let mut lags = std::mem::take(&mut *self.state.lags.lock().unwrap());
        lags.sort();
        lags.get(lags.len() * 99 / 100).copied().unwrap_or_default()
    }

    /// Records that arrived more than once.
    pub(crate) fn duplicates(&self) -> usize {
        self.state.keys.lock().unwrap().values().filter(|keys| keys.len() > 1).count()
    }

    /// Records that arrived again with another idempotency key.
    pub(crate) fn repeats_with_another_key(&self) -> usize {
        let keys = self.state.keys.lock().unwrap();
        keys.values().filter(|keys| keys.iter().collect::<BTreeSet<_>>().len() > 1).count()
    }

    /// Waits until all these records have arrived.
    pub(crate) async fn until(&self, ids: &BTreeSet<String>, limit: Duration) {
        let arrived = async {
            while !self.ids().is_superset(ids) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let missing = || ids.difference(&self.ids()).count();
        assert!(timeout(limit, arrived).await.is_ok(), "{} of {} records are missing", missing(), ids.len());
    }

    /// Waits until as many records have arrived as `ids` has.
    pub(crate) async fn until_any(&self, ids: &BTreeSet<String>, limit: Duration) {
        let arrived = async {
            while self.ids().len() < ids.len() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(timeout(limit, arrived).await.is_ok(), "{} of {} records arrived", self.ids().len(), ids.len());
    }
}

async fn receive(State(state): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    sleep(Duration::from_millis(state.delay_ms.load(Ordering::Relaxed))).await;
    let text = String::from_utf8(body.to_vec()).unwrap();
    if state.is_down.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    if state.refused.lock().unwrap().as_ref().is_some_and(|refused| text.contains(refused)) {
        return StatusCode::UNPROCESSABLE_ENTITY;
    }
    let key = headers["idempotency-key"].to_str().unwrap();
    let mut keys = state.keys.lock().unwrap();
    for line in text.lines() {
        let id = line.strip_prefix("{\"id\":\"").unwrap().split('"').next().unwrap();
        let received_at = line.split("\"received_at\":\"").nth(1).unwrap().split('"').next().unwrap();
        let lag = SystemTime::now().duration_since(parse_timestamp(received_at).unwrap()).unwrap_or_default();
        state.lags.lock().unwrap().push(lag);
        keys.entry(id.to_owned()).or_default().push(key.to_owned());
    }
    state.text.lock().unwrap().push_str(&text);
    StatusCode::OK
}
