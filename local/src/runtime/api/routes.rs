//! The four routes: `next`, `response` and `error` of invocations, and `error` of the initialisation.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use spillway_shared::pool::Reservation;
use tokio::time::Instant;

use super::Api;
use super::event::EventBody;
use crate::body::{ReadError, read_body};
use crate::invoke::InvokeError;
use crate::runtime::dispatch::Assignment;

type ApiResponse = Response<Either<EventBody, Full<Bytes>>>;

/// The maximum size of a function's output, in bytes (Lambda's quota).
const MAX_OUTPUT_BYTES: usize = 6_291_556;
/// The number of bytes kept of an error's description.
const MAX_ERROR_BYTES: usize = 2_048;
/// The maximum pause within a body; a process on the same machine never pauses this long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const PREFIX: &str = "/2018-06-01/runtime/";

/// A route of the API.
enum Route<'a> {
    Next,
    Response(&'a str),
    Error(&'a str),
    InitError,
}

pub(super) async fn respond(api: Arc<Api>, request: Request<Incoming>) -> Result<ApiResponse, Infallible> {
    let (head, body) = request.into_parts();
    Ok(match route(&head.method, head.uri.path()) {
        Some(Route::Next) => next(&api).await,
        Some(Route::Response(id)) => response(&api, id, body).await,
        Some(Route::Error(id)) => error(&api, id, body).await,
        Some(Route::InitError) => init_error(&api, body).await,
        None => refuse(StatusCode::NOT_FOUND, "NotFound", "unknown route"),
    })
}

fn route<'a>(method: &Method, path: &'a str) -> Option<Route<'a>> {
    let mut parts = path.strip_prefix(PREFIX)?.split('/');
    match (method, parts.next()?, parts.next()?, parts.next(), parts.next()) {
        (&Method::GET, "invocation", "next", None, None) => Some(Route::Next),
        (&Method::POST, "invocation", id, Some("response"), None) => Some(Route::Response(id)),
        (&Method::POST, "invocation", id, Some("error"), None) => Some(Route::Error(id)),
        (&Method::POST, "init", "error", None, None) => Some(Route::InitError),
        _ => None,
    }
}

async fn next(api: &Arc<Api>) -> ApiResponse {
    api.note_next();
    match api.next().await {
        Some((assignment, reservation)) if !api.in_flight.is_closed() => event(api, assignment, reservation),
        _ => refuse(StatusCode::FORBIDDEN, "InvalidStateTransition", "the environment is shutting down"),
    }
}

fn event(api: &Arc<Api>, assignment: Assignment, reservation: Reservation) -> ApiResponse {
    let number = api.ids.next();
    let id = api.ids.uuid(number);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let deadline_ms = u64::try_from((since_epoch + api.timeout).as_millis()).unwrap_or(u64::MAX);
    let trace = format!("Root=1-{:08x}-{:024x};Sampled=0", since_epoch.as_secs(), id.as_u128() & ((1 << 96) - 1));
    let body = EventBody::new((assignment, reservation), Arc::clone(api), number, Instant::now() + api.timeout);
    let mut response = Response::new(Either::Left(body));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("lambda-runtime-aws-request-id", value(id.to_string()));
    headers.insert("lambda-runtime-deadline-ms", deadline_ms.into());
    headers.insert("lambda-runtime-invoked-function-arn", api.arn.clone());
    headers.insert("lambda-runtime-trace-id", value(trace));
    response
}

async fn response(api: &Api, id: &str, body: Incoming) -> ApiResponse {
    let Some(number) = known(api, id) else { return unknown() };
    let too_large = format!("its output is larger than {MAX_OUTPUT_BYTES} bytes");
    let result = match read_body(body, MAX_OUTPUT_BYTES, IDLE_TIMEOUT, &api.outputs).await {
        Ok(output) => Ok(output.bytes),
        Err(ReadError::TooLarge) => Err(InvokeError::Failed(too_large.clone())),
        // The process is exiting or sent an invalid body: its end or the timeout ends the invocation.
        Err(_) => return refuse(StatusCode::BAD_REQUEST, "BadRequest", "the body cannot be read"),
    };
    let fits = result.is_ok();
    match (api.settle(number, result), fits) {
        (false, _) => unknown(),
        (true, false) => refuse(StatusCode::PAYLOAD_TOO_LARGE, "Function.ResponseSizeTooLarge", &too_large),
        (true, true) => accepted(),
    }
}

async fn error(api: &Api, id: &str, body: Incoming) -> ApiResponse {
    let Some(number) = known(api, id) else { return unknown() };
    let result = Err(InvokeError::Failed(description(api, body).await));
    if api.settle(number, result) { accepted() } else { unknown() }
}

async fn init_error(api: &Api, body: Incoming) -> ApiResponse {
    // Only the first error counts; the process exits after it.
    let _ = api.init_error.set(description(api, body).await);
    accepted()
}

/// The description of an error that the process posts, shortened for logs.
async fn description(api: &Api, body: Incoming) -> String {
    match read_body(body, MAX_OUTPUT_BYTES, IDLE_TIMEOUT, &api.outputs).await {
        Ok(text) => String::from_utf8_lossy(&text.bytes[..text.bytes.len().min(MAX_ERROR_BYTES)]).into_owned(),
        Err(error) => error.to_string(),
    }
}

fn known(api: &Api, id: &str) -> Option<u64> {
    api.ids.number(id).filter(|number| api.in_flight.is_known(*number))
}

fn accepted() -> ApiResponse {
    json(StatusCode::ACCEPTED, Bytes::from_static(br#"{"status":"OK"}"#))
}

fn unknown() -> ApiResponse {
    refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "no invocation with this id is running")
}

fn refuse(status: StatusCode, kind: &str, message: &str) -> ApiResponse {
    json(status, format!(r#"{{"errorType":"{kind}","errorMessage":"{message}"}}"#).into())
}

fn json(status: StatusCode, body: Bytes) -> ApiResponse {
    let mut response = Response::new(Either::Right(Full::new(body)));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}
