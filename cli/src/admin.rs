//! The admin server: a page with its events, and status, endpoints, records, searches, faults and the description of the
//! HTTP interface, all in JSON.

mod events;
mod guard;
mod page;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRef, RawQuery, State};
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use events::Events;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use spillway_local::faults::State as FaultState;
use spillway_local::find::{Found, Search};
use spillway_local::loopback::Server;
use spillway_local::pipeline::{Endpoints, Pipeline, Status};
use spillway_local::records::{self, RecordError};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The maximum time that running requests have to finish when the server closes.
const GRACE_PERIOD: Duration = Duration::from_secs(1);
/// The maximum size of a request body, in bytes.
const MAX_BODY_BYTES: usize = 64 << 10;
/// The HTTP interface of Spillway, this server included.
const OPENAPI: &str = include_str!("../../docs/openapi.json");
/// The routes in the words of error messages.
const ROUTES: &str = "the routes are GET /, GET /events, GET /status, GET /endpoints, GET /record, GET /find, GET /ledger, \
     GET /faults, PUT /faults and GET /openapi.json";

/// A running admin server.
pub(crate) struct Admin {
    server: Server,
    events: Arc<Events>,
    /// The task that takes snapshots.
    tasks: JoinSet<()>,
}

/// What the handlers share.
#[derive(Clone)]
struct Shared {
    pipeline: Arc<Pipeline>,
    events: Arc<Events>,
}

impl Admin {
    /// Listens and serves `pipeline`.
    pub(crate) async fn start(listen: SocketAddr, pipeline: Arc<Pipeline>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen).await.with_context(|| format!("admin cannot listen on {listen}"))?;
        let mut tasks = JoinSet::new();
        let events = Arc::new(Events::start(Arc::clone(&pipeline), &mut tasks));
        let shared = Shared { pipeline, events: Arc::clone(&events) };
        let server = Server::start(listener, TowerToHyperService::new(routes(shared)))?;
        Ok(Self { server, events, tasks })
    }

    /// The address on which the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Stops listening, and drops its reference to the pipeline.
    pub(crate) async fn close(mut self) {
        self.tasks.shutdown().await;
        self.events.end();
        self.server.close(GRACE_PERIOD).await;
    }
}

impl FromRef<Shared> for Arc<Pipeline> {
    fn from_ref(shared: &Shared) -> Self {
        Arc::clone(&shared.pipeline)
    }
}

impl FromRef<Shared> for Arc<Events> {
    fn from_ref(shared: &Shared) -> Self {
        Arc::clone(&shared.events)
    }
}

fn routes(shared: Shared) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/events", get(events::events))
        .route("/status", get(status))
        .route("/endpoints", get(endpoints))
        .route("/record", get(record))
        .route("/ledger", get(ledger))
        .route("/faults", get(faults).put(set_faults))
        .route("/find", get(find))
        .route("/openapi.json", get(openapi))
        .fallback(async || Error(StatusCode::NOT_FOUND, format!("unknown path; {ROUTES}")))
        .method_not_allowed_fallback(async || Error(StatusCode::METHOD_NOT_ALLOWED, format!("wrong method; {ROUTES}")))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(guard::loopback_only))
        .with_state(shared)
}

async fn status(State(pipeline): State<Arc<Pipeline>>) -> Result<Json<Status>, Error> {
    let status = pipeline.status().await;
    status.map(Json).map_err(|error| Error(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

async fn endpoints(State(pipeline): State<Arc<Pipeline>>) -> Json<Endpoints> {
    Json(pipeline.endpoints())
}

/// `/record?object=KEY&line=N` is the text of a stored record.
async fn record(State(pipeline): State<Arc<Pipeline>>, RawQuery(query): RawQuery) -> Result<Response, Error> {
    let (mut object, mut line) = (None, None);
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "object" => object = Some(value.into_owned()),
            "line" => line = value.parse().ok(),
            _ => {}
        }
    }
    let bad = || Error(StatusCode::BAD_REQUEST, "name the record: /record?object=KEY&line=N, N from 1".to_owned());
    let (object, line) = object.zip(line).ok_or_else(bad)?;
    let text = records::whole(pipeline.bucket(), &object, line).await.map_err(|error| {
        let status = match error {
            RecordError::Key(_) => StatusCode::BAD_REQUEST,
            RecordError::Missing(..) => StatusCode::NOT_FOUND,
            RecordError::Read(..) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Error(status, error.to_string())
    })?;
    Ok((page::NOT_A_PAGE, [(CONTENT_TYPE, "application/json")], text).into_response())
}

/// The ledger by record id, of the records accepted by now, with its verdict. Reading all objects may take a while, so one
/// request at a time draws it up.
async fn ledger(State(pipeline): State<Arc<Pipeline>>) -> Result<Json<Value>, Error> {
    static ONE: Semaphore = Semaphore::const_new(1);
    let busy = || Error(StatusCode::SERVICE_UNAVAILABLE, "a ledger is being drawn up; try again later".to_owned());
    let _permit = ONE.try_acquire().map_err(|_| busy())?;
    let report = pipeline.ledger().await;
    let report = report.map_err(|error| Error(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(Json(json!({"verdict": report.verdict(), "report": report})))
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
