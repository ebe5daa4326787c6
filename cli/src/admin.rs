//! The admin address: `GET /status`, and `GET` and `PUT /faults`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::json;
use spillway_local::faults::Faults;
use spillway_local::loopback::Server;
use spillway_local::pipeline::Pipeline;
use tokio::net::TcpListener;

/// How long a running request may take when the server closes.
const PATIENCE: Duration = Duration::from_secs(1);
/// The largest setting of faults.
const MAX_FAULTS_BYTES: usize = 64 << 10;

/// The admin server.
pub(crate) struct Admin(Server);

impl Admin {
    /// Listens, and answers for `pipeline`.
    pub(crate) async fn start(listen: SocketAddr, pipeline: Arc<Pipeline>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen).await.with_context(|| format!("admin cannot listen on {listen}"))?;
        let service = service_fn(move |request: Request<Incoming>| {
            let pipeline = Arc::clone(&pipeline);
            async move { Ok::<_, Infallible>(answer(request, &pipeline).await) }
        });
        Ok(Self(Server::start(listener, service)?))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Stops listening.
    pub(crate) async fn close(self) {
        self.0.close(PATIENCE).await;
    }
}

async fn answer(request: Request<Incoming>, pipeline: &Pipeline) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/status") => match pipeline.status().await {
            Ok(status) => respond(StatusCode::OK, &status),
            Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        },
        (&Method::GET, "/faults") => respond(StatusCode::OK, &pipeline.faults().state()),
        (&Method::PUT, "/faults") => set_faults(request.into_body(), pipeline.faults()).await,
        (_, "/status") => refuse(StatusCode::METHOD_NOT_ALLOWED, "only GET"),
        (_, "/faults") => refuse(StatusCode::METHOD_NOT_ALLOWED, "only GET and PUT"),
        _ => refuse(StatusCode::NOT_FOUND, "there are only /status and /faults"),
    }
}

/// `{"seed":7,"faults":{"s3.error":0.2,"s3.stall":"0.01:3s"}}` replaces what was set; the answer shows what holds now.
async fn set_faults(body: Incoming, faults: &Faults) -> Response<Full<Bytes>> {
    let Ok(body) = Limited::new(body, MAX_FAULTS_BYTES).collect().await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or broke off");
    };
    match faults.set_json(&body.to_bytes()) {
        Ok(()) => respond(StatusCode::OK, &faults.state()),
        Err(error) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn refuse(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    respond(status, &json!({"message": message}))
}

fn respond(status: StatusCode, body: &impl Serialize) -> Response<Full<Bytes>> {
    // Our own structures have string keys only; they always serialise.
    let body = serde_json::to_string(body).unwrap_or_default();
    let mut response = Response::new(Full::from(format!("{body}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
