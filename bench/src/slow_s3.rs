//! An S3 that discards objects: it answers each PUT after a delay, and PUTs over a rate with `503 SlowDown`.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use spillway_local::loopback::Server;
use spillway_local::runtime::FunctionSettings;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

const SLOW_DOWN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
    <Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";

/// How the S3 answers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Behaviour {
    /// The duration of a successful PUT.
    pub(crate) latency: Duration,
    /// PUTs per second, counted by tenths of a second, over which it refuses immediately; `None` is unlimited.
    pub(crate) limit: Option<u64>,
}

/// A running S3.
pub(crate) struct SlowS3 {
    endpoint: String,
    shared: Arc<Shared>,
    _server: Server,
}

#[derive(Default)]
struct Shared {
    behaviour: Behaviour,
    stored: AtomicU64,
    refused: AtomicU64,
    /// The start of the current tenth of a second, and its number of PUTs.
    tenth: Mutex<Option<(Instant, u64)>>,
}

impl SlowS3 {
    /// Listens on a free port.
    pub(crate) async fn start(behaviour: Behaviour) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let shared = Arc::new(Shared { behaviour, ..Shared::default() });
        let state = Arc::clone(&shared);
        let server = Server::start(listener, service_fn(move |request| answer(Arc::clone(&state), request)))?;
        Ok(Self { endpoint: format!("http://{}", server.address()), shared, _server: server })
    }

    /// The settings of a deliver that stores its objects here, with more variables.
    pub(crate) fn deliver(
        &self,
        program: impl Into<PathBuf>,
        args: &[&str],
        more: &[(&str, &str)],
    ) -> FunctionSettings {
        let variables = [
            ("BUCKET", "spillway"),
            // No queue listens: deliver cannot hide failed messages, which costs a refused connection.
            ("QUEUE_URL", "http://127.0.0.1:1/none"),
            ("AWS_ENDPOINT_URL_S3", self.endpoint.as_str()),
        ];
        let variables = variables.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        FunctionSettings {
            args: args.iter().map(ToString::to_string).collect(),
            variables: variables.collect(),
            timeout: Duration::from_secs(20),
            ..FunctionSettings::new("deliver", program)
        }
    }

    /// The number of successful PUTs.
    pub(crate) fn stored(&self) -> u64 {
        self.shared.stored.load(Ordering::Relaxed)
    }

    /// The number of PUTs answered with `SlowDown`.
    pub(crate) fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // Reading the whole body lets the client reuse the connection.
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::default());
    if shared.accepts_one_more() {
        sleep(shared.behaviour.latency).await;
        shared.stored.fetch_add(1, Ordering::Relaxed);
    } else {
        shared.refused.fetch_add(1, Ordering::Relaxed);
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        *response.body_mut() = Full::from(SLOW_DOWN);
    }
    Ok(response)
}

impl Shared {
    fn accepts_one_more(&self) -> bool {
        let Some(limit) = self.behaviour.limit else { return true };
        let mut tenth = self.tenth.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (start, puts) = tenth.filter(|(start, _)| now - *start < Duration::from_millis(100)).unwrap_or((now, 0));
        *tenth = Some((start, puts + 1));
        puts < limit / 10
    }
}
