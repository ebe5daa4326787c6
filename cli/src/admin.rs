//! The admin address: `GET /status`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde_json::json;
use spillway_local::loopback::Server;
use spillway_local::pipeline::Pipeline;
use tokio::net::TcpListener;

/// How long a running request may take when the server closes.
const PATIENCE: Duration = Duration::from_secs(1);

/// The admin server.
pub(crate) struct Admin(Server);

impl Admin {
    /// Listens, and answers for `pipeline`.
    pub(crate) async fn start(listen: SocketAddr, pipeline: Arc<Pipeline>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen).await.with_context(|| format!("admin cannot listen on {listen}"))?;
        let service = service_fn(move |request: Request<Incoming>| {
            let pipeline = Arc::clone(&pipeline);
            async move { Ok::<_, Infallible>(answer(&request, &pipeline).await) }
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

async fn answer(request: &Request<Incoming>, pipeline: &Pipeline) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/status") => match pipeline.status().await {
            Ok(status) => respond(StatusCode::OK, &status),
            Err(error) => respond(StatusCode::INTERNAL_SERVER_ERROR, &json!({"message": error.to_string()})),
        },
        (_, "/status") => respond(StatusCode::METHOD_NOT_ALLOWED, &json!({"message": "only GET"})),
        _ => respond(StatusCode::NOT_FOUND, &json!({"message": "there is only /status"})),
    }
}

fn respond(status: StatusCode, body: &impl Serialize) -> Response<Full<Bytes>> {
    // Our own structures have string keys only; they always serialise.
    let body = serde_json::to_string(body).unwrap_or_default();
    let mut response = Response::new(Full::from(format!("{body}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
