//! The four routes: `next`, `response` and `error` of an invocation, and `error` of the start.

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
use crate::body::{Unread, whole};
use crate::invoke::InvokeError;
use crate::runtime::dispatch::Handed;

type Answer = Response<Either<EventBody, Full<Bytes>>>;

/// The largest answer of a function, in bytes (Lambda's quota).
const LARGEST_ANSWER: usize = 6_291_556;
/// How much of an error's description is kept, in bytes.
const LARGEST_ERROR: usize = 2_048;
/// A process on the same machine never pauses this long within a body.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const PREFIX: &str = "/2018-06-01/runtime/";

/// What the process asks for.
enum Route<'a> {
    Next,
    Response(&'a str),
    Error(&'a str),
    InitError,
}

pub(super) async fn answer(api: &Arc<Api>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    Ok(match route(&head.method, head.uri.path()) {
        Some(Route::Next) => next(api).await,
        Some(Route::Response(id)) => response(api, id, body).await,
        Some(Route::Error(id)) => error(api, id, body).await,
        Some(Route::InitError) => init_error(api, body).await,
        None => refuse(StatusCode::NOT_FOUND, "NotFound", "no such route"),
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

async fn next(api: &Arc<Api>) -> Answer {
    api.note_next();
    match api.next().await {
        Some((handed, held)) if !api.in_flight.is_closed() => event(api, handed, held),
        _ => refuse(StatusCode::FORBIDDEN, "InvalidStateTransition", "the environment is ending"),
    }
}

fn event(api: &Arc<Api>, handed: Handed, held: Reservation) -> Answer {
    let number = api.ids.next();
    let id = api.ids.uuid(number);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let deadline_ms = u64::try_from((since_epoch + api.timeout).as_millis()).unwrap_or(u64::MAX);
    let trace = format!("Root=1-{:08x}-{:024x};Sampled=0", since_epoch.as_secs(), id.as_u128() & ((1 << 96) - 1));
    let body = EventBody::new((handed, held), Arc::clone(api), number, Instant::now() + api.timeout);
    let mut answer = Response::new(Either::Left(body));
    let headers = answer.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("lambda-runtime-aws-request-id", value(id.to_string()));
    headers.insert("lambda-runtime-deadline-ms", deadline_ms.into());
    headers.insert("lambda-runtime-invoked-function-arn", api.arn.clone());
    headers.insert("lambda-runtime-trace-id", value(trace));
    answer
}

async fn response(api: &Api, id: &str, body: Incoming) -> Answer {
    let Some(number) = known(api, id) else { return unknown() };
    let too_large = format!("its answer is larger than {LARGEST_ANSWER} bytes");
    let outcome = match whole(body, LARGEST_ANSWER, LONGEST_WAIT, &api.budget).await {
        Ok(answer) => Ok(answer.bytes),
        Err(Unread::TooLarge) => Err(InvokeError::Failed(too_large.clone())),
        // Its process is ending, or has sent something that is no body; the time-out decides.
        Err(_) => return refuse(StatusCode::BAD_REQUEST, "BadRequest", "broken body"),
    };
    let fits = outcome.is_ok();
    match (api.settle(number, outcome), fits) {
        (false, _) => unknown(),
        (true, false) => refuse(StatusCode::PAYLOAD_TOO_LARGE, "Function.ResponseSizeTooLarge", &too_large),
        (true, true) => accepted(),
    }
}

async fn error(api: &Api, id: &str, body: Incoming) -> Answer {
    let Some(number) = known(api, id) else { return unknown() };
    let outcome = Err(InvokeError::Failed(description(api, body).await));
    if api.settle(number, outcome) { accepted() } else { unknown() }
}

async fn init_error(api: &Api, body: Incoming) -> Answer {
    // Only the first one counts; the process ends by itself after it.
    let _ = api.init_error.set(description(api, body).await);
    accepted()
}

/// What the process says of an error, cut to a length that logs can bear.
async fn description(api: &Api, body: Incoming) -> String {
    match whole(body, LARGEST_ANSWER, LONGEST_WAIT, &api.budget).await {
        Ok(text) => String::from_utf8_lossy(&text.bytes[..text.bytes.len().min(LARGEST_ERROR)]).into_owned(),
        Err(error) => error.to_string(),
    }
}

fn known(api: &Api, id: &str) -> Option<u64> {
    api.ids.number(id).filter(|number| api.in_flight.is_known(*number))
}

fn accepted() -> Answer {
    json(StatusCode::ACCEPTED, Bytes::from_static(br#"{"status":"OK"}"#))
}

fn unknown() -> Answer {
    refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "no such invocation is running")
}

fn refuse(status: StatusCode, kind: &str, message: &str) -> Answer {
    json(status, format!(r#"{{"errorType":"{kind}","errorMessage":"{message}"}}"#).into())
}

fn json(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Either::Right(Full::new(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    answer
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}
