//! Handles one request, stage by stage: route ► authenticate ► decode ► split ► judge ► stamp ► enqueue ► respond.

mod document;
mod judging;
mod opt_out;
mod pace;
mod route;
mod stamping;

use std::time::{Duration, SystemTime};

use lambda_http::http::request::Parts as RequestParts;
use lambda_http::{Body, Request, RequestExt, Response};
use serde_json::value::RawValue;
use spillway_shared::deadline::time_left;
use spillway_shared::pool::Budget;
use tokio::time::Instant;

use crate::body::{Form, coding, decode, form};
use crate::config::Intake;
use crate::error::RequestError;
use crate::group_commit::{GroupCommit, NotEnqueued, SendMessages};
use crate::metrics::Metrics;
use crate::payloads::split;
use crate::{response, surrogates};
use document::ReceivedDocument;
use route::Route;

/// Kept free at the end of a request's time for the answer's way back to the client.
const ANSWER_TIME: Duration = Duration::from_millis(500);
/// The longest time of a request, and the time of one whose deadline is unknown: API Gateway's limit.
const LONGEST_REQUEST: Duration = Duration::from_secs(30);

/// The state that all requests share.
#[derive(Debug)]
pub struct Ingest<S> {
    /// The limits of requests, the keys and the streams.
    pub intake: Intake,
    /// The budget for bodies and records in memory, in bytes.
    pub budget: Budget,
    /// Sends records to SQS.
    pub group_commit: GroupCommit<S>,
    /// Counts responses and outcomes.
    pub metrics: Metrics,
}

impl<S: SendMessages> Ingest<S> {
    /// Answers one request; an error becomes a response too.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let result = match route::of(parts.method.as_str(), parts.raw_http_path()) {
            Ok(Route::Health) => return response::healthy(),
            Ok(Route::Preflight) => return response::preflight(),
            Ok(Route::Stream(stream)) => self.ingest(stream, &parts, body).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(response) => self.counted(response, false),
            Err(error) => self.refuse(&error),
        }
    }

    /// Answers a request that failed as a whole.
    pub fn refuse(&self, error: &RequestError) -> Response<Body> {
        self.counted(response::problem(error, None), *error == RequestError::Busy)
    }

    fn counted(&self, response: Response<Body>, is_full: bool) -> Response<Body> {
        self.metrics.answered(response.status().as_u16(), is_full, self.group_commit.calls(), SystemTime::now());
        response
    }

    async fn ingest(&self, stream: &str, parts: &RequestParts, body: Body) -> Result<Response<Body>, RequestError> {
        let deadline = deadline(parts);
        let sender = self.intake.access.admit(&parts.headers, parts.uri.query().unwrap_or_default())?;
        let (name, stream) = route::find(stream, sender, &self.intake.streams)?;
        let (form, coding) = (form(&parts.headers)?, coding(&parts.headers)?);
        let mut body = decode(bytes(body), coding, self.intake.body_bytes, &self.budget)?;
        let repaired = surrogates::repair(&mut body.bytes);
        let payloads =
            split(&body.bytes, form, self.intake.payloads).map_err(|error| hint(error, form, &body.bytes))?;

        let document = ReceivedDocument { name, stream, sender, parts, form, repaired, received_at: SystemTime::now() };
        let stamped = document.stamp(payloads, &self.intake, &self.budget).await?;
        if stamped.outcomes.all_rejected() {
            self.metrics.payloads(name, &stamped.outcomes);
            return Ok(response::problem(&RequestError::AllRejected, Some(&stamped.outcomes)));
        }
        // The records are copies, so the document is released while they wait.
        drop(body);
        self.group_commit.enqueue(stamped.pieces, deadline).await.map_err(not_enqueued)?;
        self.metrics.payloads(name, &stamped.outcomes);
        Ok(response::accepted(stamped.request_id, &stamped.outcomes))
    }
}

fn bytes(body: Body) -> Vec<u8> {
    match body {
        Body::Text(text) => text.into_bytes(),
        Body::Binary(bytes) => bytes,
        _ => Vec::new(),
    }
}

/// Names the content type of NDJSON if it was sent as JSON.
fn hint(error: RequestError, form: Form, body: &[u8]) -> RequestError {
    match error {
        RequestError::Unreadable(detail) if form == Form::Json && is_ndjson(body) => RequestError::Unreadable(format!(
            "{detail}; send one object per line with Content-Type: application/x-ndjson"
        )),
        error => error,
    }
}

/// Whether the body begins with one object and goes on with another one.
fn is_ndjson(body: &[u8]) -> bool {
    let body = body.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(body);
    let mut objects = serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>();
    let first = objects.next().and_then(Result::ok);
    let rest = body.get(objects.byte_offset()..).unwrap_or_default();
    first.is_some_and(|first| first.get().starts_with('{')) && rest.trim_ascii_start().starts_with(b"{")
}

/// When a request must be answered, by the deadline of its invocation.
fn deadline(parts: &RequestParts) -> Instant {
    let named = parts.lambda_context_ref().map_or(0, |context| context.deadline);
    let left = time_left(named, SystemTime::now()).unwrap_or(LONGEST_REQUEST);
    Instant::now() + left.min(LONGEST_REQUEST).saturating_sub(ANSWER_TIME)
}

fn not_enqueued(error: NotEnqueued) -> RequestError {
    match error {
        NotEnqueued::Full => RequestError::Busy,
        NotEnqueued::NotTaken => RequestError::NotEnqueued,
        NotEnqueued::Refused => RequestError::Refused,
    }
}

#[cfg(test)]
mod tests;
