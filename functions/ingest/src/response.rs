//! Builds responses: 200 with the outcomes of the payloads, or a problem (RFC 9457).

use lambda_http::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use lambda_http::http::{HeaderName, HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use serde::Serialize;
use uuid::Uuid;

use crate::error::RequestError;
use crate::rejection::{Reason, Rejection};

/// The number of rejections that a response lists.
pub const MAX_LISTED: usize = 100;
/// The longest `Retry-After`, in seconds; each client gets a random time up to it.
const MAX_RETRY_AFTER: u64 = 5;

/// The outcomes of a document's payloads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outcomes {
    /// The number of payloads whose records are durable on the queue.
    pub accepted: usize,
    /// The number dropped because consent is missing.
    pub withheld: usize,
    /// The number refused with a reason.
    pub rejected: usize,
    /// The first [`MAX_LISTED`] rejections.
    pub rejections: Vec<Listed>,
    /// The number of rejected payloads that are kept; `None` in streams that keep none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<usize>,
    /// The number of accepted payloads that violate their schema.
    #[serde(skip)]
    pub violations: usize,
    /// What clients count of rejected payloads beyond the payloads themselves.
    #[serde(skip)]
    pub further_units: usize,
    /// The number of lone surrogates that were replaced.
    #[serde(skip)]
    pub repaired: usize,
}

/// One rejected payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The payload's position in the document, from 0.
    pub index: usize,
    /// The stable word for the reason.
    pub reason: Reason,
    /// What is wrong, and where.
    pub detail: String,
}

impl Outcomes {
    /// Counts a rejected payload, and lists it unless the list is full.
    pub fn reject(&mut self, index: usize, Rejection { reason, detail }: Rejection) {
        self.rejected += 1;
        if self.lists_more() {
            self.rejections.push(Listed { index, reason, detail });
        }
    }

    /// Whether the next rejection will be listed.
    #[must_use]
    pub fn lists_more(&self) -> bool {
        self.rejections.len() < MAX_LISTED
    }

    /// Whether the document has payloads and every one was rejected.
    #[must_use]
    pub fn all_rejected(&self) -> bool {
        self.rejected > 0 && self.accepted == 0 && self.withheld == 0 && self.kept.unwrap_or_default() == 0
    }
}

/// 200: every accepted record is durable.
#[must_use]
pub fn accepted(request_id: Uuid, outcomes: &Outcomes) -> Response<Body> {
    #[derive(Serialize)]
    struct Accepted<'a> {
        request_id: Uuid,
        #[serde(flatten)]
        outcomes: &'a Outcomes,
    }
    respond(StatusCode::OK, "application/json", &Accepted { request_id, outcomes })
}

/// The response to `GET /health` and `HEAD /health`; the front leaves the body out of the latter.
#[must_use]
pub fn healthy() -> Response<Body> {
    #[derive(Serialize)]
    struct Health {
        status: &'static str,
    }
    respond(StatusCode::OK, "application/json", &Health { status: "ok" })
}

/// The response to a preflight request. The front adds the CORS headers, because it knows the origins.
#[must_use]
pub fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// An error as a problem document, with the `outcomes` of the payloads if they were judged.
#[must_use]
pub fn problem(error: &RequestError, outcomes: Option<&Outcomes>) -> Response<Body> {
    #[derive(Serialize)]
    struct Problem<'a> {
        r#type: String,
        title: &'static str,
        status: u16,
        detail: &'a str,
        // Client libraries read these members instead of RFC 9457's.
        code: u16,
        error: &'static str,
        message: &'a str,
        #[serde(flatten)]
        outcomes: Option<&'a Outcomes>,
    }
    let status = error.status();
    let problem = Problem {
        r#type: format!("urn:spillway:problem:{}", error.kind()),
        title: status.canonical_reason().unwrap_or_default(),
        status: status.as_u16(),
        detail: error.detail(),
        code: status.as_u16(),
        error: error.kind(),
        message: error.detail(),
        outcomes,
    };
    let mut response = respond(status, "application/problem+json", &problem);
    if let Some((name, value)) = header(error) {
        response.headers_mut().insert(name, value);
    }
    response
}

fn header(error: &RequestError) -> Option<(HeaderName, HeaderValue)> {
    match error {
        RequestError::Unauthorized { from_page } => Some((WWW_AUTHENTICATE, challenge(*from_page))),
        RequestError::MethodNotAllowed(allowed) => Some((ALLOW, HeaderValue::from_static(allowed))),
        // Clients that were refused together should not retry together.
        error if error.is_transient() => Some((RETRY_AFTER, HeaderValue::from(fastrand::u64(1..=MAX_RETRY_AFTER)))),
        _ => None,
    }
}

/// Some clients send credentials only after a challenge. A page gets none for Basic: its browser would open a login box.
fn challenge(from_page: bool) -> HeaderValue {
    HeaderValue::from_static(if from_page { "Bearer" } else { "Basic realm=\"spillway\", Bearer" })
}

fn respond(status: StatusCode, content_type: &'static str, body: &impl Serialize) -> Response<Body> {
    // These structures have string keys only, so they always serialise.
    let body = serde_json::to_string(body).unwrap_or_default();
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
