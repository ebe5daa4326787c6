//! An S3 that stores nothing: it answers each PUT after a while, and beyond a rate with `503 SlowDown`.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{Request, Response, StatusCode};
use spillway_local::loopback::Server;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

const SLOW_DOWN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
    <Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";

/// How it behaves.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Behaviour {
    /// How long a PUT takes that succeeds.
    pub(crate) latency: Duration,
    /// PUTs a second, counted by tenths of a second, beyond which it refuses at once; none for no limit.
    pub(crate) limit: Option<u64>,
}

/// A running one.
pub(crate) struct SlowS3 {
    pub(crate) endpoint: String,
    shared: Arc<Shared>,
    _server: Server,
}

#[derive(Default)]
struct Shared {
    behaviour: Behaviour,
    stored: AtomicU64,
    refused: AtomicU64,
    /// When the tenth of a second began that is counted, and how many PUTs came in it.
    tenth: Mutex<Option<(Instant, u64)>>,
}

#[derive(Clone)]
struct Http(Arc<Shared>);

impl SlowS3 {
    /// Listens on a free port.
    pub(crate) async fn start(behaviour: Behaviour) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared { behaviour, ..Shared::default() });
        let server = Server::start(listener, Http(Arc::clone(&shared)))?;
        Ok(Self { endpoint, shared, _server: server })
    }

    /// PUTs that were answered with success.
    pub(crate) fn stored(&self) -> u64 {
        self.shared.stored.load(Ordering::Relaxed)
    }

    /// PUTs that were answered with `SlowDown`.
    pub(crate) fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }
}

impl Service<Request<Incoming>> for Http {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            // The body is read to its end, so that the connection stays good.
            let _ = request.into_body().collect().await;
            Ok(shared.answer().await)
        })
    }
}

impl Shared {
    async fn answer(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::default());
        if self.takes_one_more() {
            sleep(self.behaviour.latency).await;
            self.stored.fetch_add(1, Ordering::Relaxed);
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            *response.body_mut() = Full::from(SLOW_DOWN);
        }
        response
    }

    fn takes_one_more(&self) -> bool {
        let Some(limit) = self.behaviour.limit else { return true };
        let mut tenth = self.tenth.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (began, puts) = tenth.filter(|(began, _)| now - *began < Duration::from_millis(100)).unwrap_or((now, 0));
        *tenth = Some((began, puts + 1));
        puts < limit / 10
    }
}
