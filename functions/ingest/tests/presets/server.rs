//! Ingest with a queue in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use lambda_http::http::HeaderMap;
use lambda_http::http::header::HeaderName;
use lambda_http::{Body, Request, RequestExt};
use serde_json::Value;
use spillway_ingest::config::Config;
use spillway_ingest::group_commit::{CallFailed, Cause, GroupCommit, Outgoing, Receipt, SendMessages};
use spillway_ingest::metrics::Metrics;
use spillway_ingest::request::Ingest;
use spillway_shared::keys::digest;
use spillway_shared::message::open;
use spillway_shared::metrics::emf::Sink;
use spillway_shared::pool::{Budget, Pool};

/// The key of the recorded requests, bound to a stream that accepts every built-in preset.
pub(crate) const KEY: &str = "wk-demo-0000";

/// A queue that keeps its messages, or fails.
#[derive(Clone, Default)]
struct Memory {
    messages: Arc<Mutex<Vec<String>>>,
    is_down: bool,
}

impl SendMessages for Memory {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Receipt>, CallFailed> {
        if self.is_down {
            return Err(CallFailed { reason: "down".to_owned(), cause: Cause::Access });
        }
        let receipts = vec![Receipt::Durable; messages.len()];
        self.messages.lock().unwrap().extend(messages.into_iter().map(|message| message.body));
        Ok(receipts)
    }
}

/// Ingest with its queue.
pub(crate) struct Server {
    ingest: Ingest<Memory>,
    queue: Memory,
}

/// The answer to a request, and the records that it made.
pub(crate) struct Exchange {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The records, one JSON object per line.
    pub(crate) lines: String,
}

impl Exchange {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn records(&self) -> Vec<Value> {
        self.lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Server {
    /// A server with one stream, `telemetry`, that accepts every built-in preset.
    pub(crate) fn accepting_all() -> Self {
        let names =
            ["amplitude", "cloudevents", "firehose", "mixpanel", "otlp", "posthog", "segment", "snowplow", "splunk"];
        let accept = serde_json::json!({"accept": names}).to_string();
        Self::new(&[("telemetry", &accept), ("plain", "{}")])
    }

    /// A server with these streams.
    pub(crate) fn new(streams: &[(&str, &str)]) -> Self {
        Self::with(streams, &[], false)
    }

    /// A server with these streams and a team's presets.
    pub(crate) fn with(streams: &[(&str, &str)], presets: &[(&str, &str)], is_down: bool) -> Self {
        let config = configured(streams, presets).unwrap();
        let queue = Memory { is_down, ..Memory::default() };
        let group_commit = GroupCommit::new(queue.clone(), Pool::new(2), config.limits);
        let budget = Budget::new(config.inflight_bytes);
        let metrics = Metrics::new(Sink::none());
        Self { ingest: Ingest { intake: config.intake, budget, group_commit, metrics }, queue }
    }

    pub(crate) async fn send(&self, request: Request) -> Exchange {
        let response = self.ingest.handle(request).await;
        let messages = std::mem::take(&mut *self.queue.messages.lock().unwrap());
        let records = |body: &String| String::from_utf8(open(body).unwrap().records().unwrap().into_owned()).unwrap();
        let lines = messages.iter().map(records).collect();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Exchange { status, headers, body: response.body().as_ref().to_vec(), lines }
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&'static str, &str)], body: impl Into<Body>) -> Exchange {
        self.send(post(path, headers, body)).await
    }
}

/// The configuration of these files, or its errors.
pub(crate) fn configured(streams: &[(&str, &str)], presets: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    for (kind, files) in [("streams", streams), ("presets", presets)] {
        std::fs::create_dir(folder.path().join(kind)).unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(kind).join(name).with_extension("json"), text).unwrap();
        }
    }
    let bound = streams.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("+");
    let keys = format!("demo={}:{bound},all={}", digest(KEY.as_bytes()), digest(b"unbound"));
    let variables = BTreeMap::from([
        ("QUEUE_URL", "http://127.0.0.1/q".to_owned()),
        ("WRITE_KEYS", keys),
        ("CONFIG_DIR", folder.path().display().to_string()),
    ]);
    Config::read(&|name| variables.get(name).cloned()).map_err(|errors| errors.to_string())
}

/// A request to a path behind `/v1/streams/`.
pub(crate) fn post(path: &str, headers: &[(&'static str, &str)], body: impl Into<Body>) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut request = Request::new(body.into());
    *request.method_mut() = lambda_http::http::Method::POST;
    *request.uri_mut() = format!("/?{query}").parse().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(HeaderName::from_static(name), value.parse().unwrap());
    }
    request.with_raw_http_path(format!("/v1/streams/{path}"))
}
