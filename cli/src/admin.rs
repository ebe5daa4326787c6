//! The admin server: status, endpoints, faults, searches and the description of the HTTP interface, all in JSON.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use spillway_local::faults::State as FaultState;
use spillway_local::find::{Found, Search};
use spillway_local::loopback::Server;
use spillway_local::pipeline::{Endpoints, Pipeline, Status};
use tokio::net::TcpListener;

/// The maximum time that running requests have to finish when the server closes.
const GRACE_PERIOD: Duration = Duration::from_secs(1);
/// The maximum size of a request body, in bytes.
const MAX_BODY_BYTES: usize = 64 << 10;
/// The HTTP interface of Spillway, this server included.
const OPENAPI: &str = include_str!("../../docs/openapi.json");
/// The routes in the words of error messages.
const ROUTES: &str =
    "the routes are GET /status, GET /endpoints, GET /faults, PUT /faults, GET /find and GET /openapi.json";

/// A running admin server.
pub(crate) struct Admin(Server);

impl Admin {
    /// Listens and serves `pipeline`.
    pub(crate) async fn start(listen: SocketAddr, pipeline: Arc<Pipeline>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen).await.with_context(|| format!("admin cannot listen on {listen}"))?;
        Ok(Self(Server::start(listener, TowerToHyperService::new(routes(pipeline)))?))
    }

    /// The address on which the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Stops listening, and drops its reference to the pipeline.
    pub(crate) async fn close(self) {
        self.0.close(GRACE_PERIOD).await;
    }
}

fn routes(pipeline: Arc<Pipeline>) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/endpoints", get(endpoints))
        .route("/faults", get(faults).put(set_faults))
        .route("/find", get(find))
        .route("/openapi.json", get(openapi))
        .fallback(async || Error(StatusCode::NOT_FOUND, format!("unknown path; {ROUTES}")))
        .method_not_allowed_fallback(async || Error(StatusCode::METHOD_NOT_ALLOWED, format!("wrong method; {ROUTES}")))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(pipeline)
}

async fn status(State(pipeline): State<Arc<Pipeline>>) -> Result<Json<Status>, Error> {
    let status = pipeline.status().await;
    status.map(Json).map_err(|error| Error(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

async fn endpoints(State(pipeline): State<Arc<Pipeline>>) -> Json<Endpoints> {
    Json(pipeline.endpoints())
}

async fn faults(State(pipeline): State<Arc<Pipeline>>) -> Json<FaultState> {
    Json(pipeline.faults().state())
}

/// `{"seed":7,"faults":{"s3.error":0.2,"s3.stall":"0.01:3s"}}` replaces the plan; the response is the new state.
async fn set_faults(
    State(pipeline): State<Arc<Pipeline>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<FaultState>, Error> {
    let body = body.map_err(|rejection| Error(rejection.status(), rejection.body_text()))?;
    let set = pipeline.faults().set_json(&body);
    set.map_err(|error| Error(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok(faults(State(pipeline)).await)
}

/// `/find?id=ID` or `/find?id=ID&day=2026-11-21`: where the records are.
async fn find(State(pipeline): State<Arc<Pipeline>>, RawQuery(query): RawQuery) -> Result<Json<Found>, Error> {
    let search = search(&query.unwrap_or_default()).map_err(|what| Error(StatusCode::BAD_REQUEST, what))?;
    let found = pipeline.find(&search).await;
    found.map(Json).map_err(|error| Error(StatusCode::BAD_GATEWAY, error.to_string()))
}

fn search(query: &str) -> Result<Search, String> {
    let (mut id, mut day) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "id" => id = Some(value),
            "day" => day = Some(value),
            other => return Err(format!("unknown parameter `{other}`; the parameters are id and day")),
        }
    }
    let id = id.ok_or("the parameter id is missing: GET /find?id=ID")?;
    Search::parse(&id, day.as_deref()).map_err(|error| error.to_string())
}

async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], OPENAPI)
}

/// An error response: `{"message":…}` with its status.
struct Error(StatusCode, String);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"message": self.1}))).into_response()
    }
}
