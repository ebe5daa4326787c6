//! Handles one request, stage by stage: route ► authenticate ► decode ► split ► judge ► stamp ► enqueue ► respond.

mod by_preset;
mod document;
mod judging;
mod marking;
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
use spillway_shared::stream::StreamName;
use tokio::time::Instant;
use uuid::Uuid;

use crate::body::{Form, coding, decode, form};
use crate::config::Intake;
use crate::error::RequestError;
use crate::group_commit::{GroupCommit, NotEnqueued, SendMessages};
use crate::metrics::Metrics;
use crate::payloads::split;
use crate::preset::answer::Facts;
use crate::response::Outcomes;
use crate::{origin, response, surrogates};
use by_preset::credentials;
use document::{ReceivedDocument, Stamped};
use route::{Route, StreamPath};

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
        let (mut parts, body) = request.into_parts();
        if let Err(error) = origin::admit(&self.intake.origin, &mut parts.headers) {
            return self.refuse(&error);
        }
        let error = match route::of(parts.method.as_str(), parts.raw_http_path()) {
            Ok(Route::Health) => return response::healthy(),
            Ok(Route::Preflight) => return response::preflight(),
            Ok(Route::Stream(path)) => return self.document(path, &parts, body).await,
            Err(error) => error,
        };
        self.refuse(&error)
    }

    /// Answers a document, by a preset in its dialect.
    async fn document(&self, path: StreamPath<'_>, parts: &RequestParts, body: Body) -> Response<Body> {
        let result = match self.intake.presets.choose(path.stream, path.suffix, &parts.headers) {
            Ok(None) => self.ingest(path, parts, body).await,
            Ok(Some(preset)) => self.ingest_by(preset, path, parts, body).await,
            Err(error) => Err(self.not_accepted(path, parts).err().unwrap_or(error)),
        };
        match result {
            Ok(response) => self.counted(response, false),
            Err(error) => self.refuse_document(path, parts, &error),
        }
    }

    /// Why a client may not even learn what the stream accepts.
    fn not_accepted(&self, path: StreamPath<'_>, parts: &RequestParts) -> Result<(), RequestError> {
        let dialect = self.intake.presets.dialect(None, path.suffix, &parts.headers);
        let places = dialect.map_or(&[][..], |preset| &preset.key);
        let admitted = self.intake.access.admit_by(&credentials(path, parts, places))?;
        route::find(path.stream, admitted.sender, &self.intake.streams).map(drop)
    }

    fn refuse_document(&self, path: StreamPath<'_>, parts: &RequestParts, error: &RequestError) -> Response<Body> {
        let is_known = !matches!(error, RequestError::Unauthorized { .. });
        let stream = is_known.then_some(path.stream);
        let Some(preset) = self.intake.presets.dialect(stream, path.suffix, &parts.headers) else {
            return self.refuse(error);
        };
        let facts = Facts {
            suffix: path.suffix,
            headers: &parts.headers,
            outcomes: None,
            error: Some(error),
            now: SystemTime::now(),
        };
        self.counted(preset.refusal(&facts, error), *error == RequestError::Busy)
    }

    /// Answers a request that failed as a whole.
    pub fn refuse(&self, error: &RequestError) -> Response<Body> {
        self.counted(response::problem(error, None), *error == RequestError::Busy)
    }

    fn counted(&self, response: Response<Body>, is_full: bool) -> Response<Body> {
        self.metrics.answered(response.status().as_u16(), is_full, self.group_commit.calls(), SystemTime::now());
        response
    }

    async fn ingest(
        &self,
        path: StreamPath<'_>,
        parts: &RequestParts,
        body: Body,
    ) -> Result<Response<Body>, RequestError> {
        let deadline = deadline(parts);
        let sender = match path.key {
            None => self.intake.access.admit(&parts.headers, parts.uri.query().unwrap_or_default())?,
            Some(_) => self.intake.access.admit_by(&credentials(path, parts, &[]))?.sender,
        };
        let (name, stream) = route::find(path.stream, sender, &self.intake.streams)?;
        let (form, coding) = (form(&parts.headers)?, coding(&parts.headers)?);
        let mut body = decode(bytes(body), coding, self.intake.body_bytes, &self.budget)?;
        let repaired = surrogates::repair(&mut body.bytes);
        let payloads =
            split(&body.bytes, form, self.intake.payloads).map_err(|error| hint(error, form, &body.bytes))?;

        let received_at = SystemTime::now();
        let document = ReceivedDocument { name, stream, sender, parts, form, preset: None, repaired, received_at };
        let stamped = document.stamp(payloads.into(), &self.intake, &self.budget).await?;
        if stamped.outcomes.all_rejected() {
            self.metrics.payloads(name, &stamped.outcomes);
            return Ok(response::problem(&RequestError::AllRejected, Some(&stamped.outcomes)));
        }
        // The records are copies, so the document is released while they wait.
        drop(body);
        let (request_id, outcomes) = self.store(name, stamped, deadline).await?;
        Ok(response::accepted(request_id, &outcomes))
    }

    /// Makes the records durable.
    async fn store(
        &self,
        name: &StreamName,
        stamped: Stamped,
        deadline: Instant,
    ) -> Result<(Uuid, Outcomes), RequestError> {
        let Stamped { request_id, pieces, outcomes, held } = stamped;
        self.group_commit.enqueue(pieces, deadline).await.map_err(not_enqueued)?;
        drop(held);
        self.metrics.payloads(name, &outcomes);
        Ok((request_id, outcomes))
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
