//! What a client is told: 200 with the fates of its payloads, or a problem (RFC 9457).

use lambda_http::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use lambda_http::http::{HeaderName, HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use serde::Serialize;
use uuid::Uuid;

use crate::error::RequestError;
use crate::rejection::{Reason, Rejection};

/// How many rejections an answer lists.
pub const MAX_LISTED: usize = 100;
/// The longest time that a client is asked to wait before a retry, in seconds; clients are spread below it.
const LONGEST_WAIT: u64 = 5;

/// What became of a document's payloads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fates {
    /// How many are durable on the queue.
    pub accepted: usize,
    /// How many were dropped for lack of consent.
    pub withheld: usize,
    /// How many were refused.
    pub rejected: usize,
    /// The first of the refused ones.
    pub rejections: Vec<Listed>,
}

/// One refused payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Which payload of the document, from 0.
    pub index: usize,
    /// The stable word.
    pub reason: Reason,
    /// What is wrong and where.
    pub detail: String,
}

impl Fates {
    /// Counts a refused payload, and lists it if there is room.
    pub fn reject(&mut self, index: usize, Rejection { reason, detail }: Rejection) {
        self.rejected += 1;
        if self.rejections.len() < MAX_LISTED {
            self.rejections.push(Listed { index, reason, detail });
        }
    }

    /// Whether there were payloads and every one was refused.
    #[must_use]
    pub fn all_rejected(&self) -> bool {
        self.rejected > 0 && self.accepted == 0 && self.withheld == 0
    }
}

/// 200: every accepted record is durable.
#[must_use]
pub fn accepted(request_id: Uuid, fates: &Fates) -> Response<Body> {
    #[derive(Serialize)]
    struct Accepted<'a> {
        request_id: Uuid,
        #[serde(flatten)]
        fates: &'a Fates,
    }
    respond(StatusCode::OK, "application/json", &Accepted { request_id, fates })
}

/// The answer to `GET /health`.
#[must_use]
pub fn healthy() -> Response<Body> {
    #[derive(Serialize)]
    struct Health {
        status: &'static str,
    }
    respond(StatusCode::OK, "application/json", &Health { status: "ok" })
}

/// The problem that an error is; `fates` go with it where payloads were judged.
#[must_use]
pub fn problem(error: &RequestError, fates: Option<&Fates>) -> Response<Body> {
    #[derive(Serialize)]
    struct Problem<'a> {
        r#type: String,
        title: &'static str,
        status: u16,
        detail: &'a str,
        #[serde(flatten)]
        fates: Option<&'a Fates>,
    }
    let status = error.status();
    let problem = Problem {
        r#type: format!("urn:spillway:problem:{}", error.kind()),
        title: status.canonical_reason().unwrap_or_default(),
        status: status.as_u16(),
        detail: error.detail(),
        fates,
    };
    let mut response = respond(status, "application/problem+json", &problem);
    if let Some((name, value)) = header(error) {
        response.headers_mut().insert(name, value);
    }
    response
}

fn header(error: &RequestError) -> Option<(HeaderName, HeaderValue)> {
    match error {
        RequestError::Unauthorized => Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        RequestError::MethodNotAllowed(allowed) => Some((ALLOW, HeaderValue::from_static(allowed))),
        // Those who were refused together should not come back together.
        error if error.is_passing() => Some((RETRY_AFTER, HeaderValue::from(fastrand::u64(1..=LONGEST_WAIT)))),
        _ => None,
    }
}

fn respond(status: StatusCode, content_type: &'static str, body: &impl Serialize) -> Response<Body> {
    // Our own structures have string keys only; they always serialise.
    let body = serde_json::to_string(body).unwrap_or_default();
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
