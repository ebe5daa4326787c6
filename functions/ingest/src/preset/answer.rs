//! Answers in a client's dialect, made from templates.

use std::collections::BTreeMap;
use std::time::SystemTime;

use lambda_http::http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use lambda_http::{Body, Response};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Preset;
use super::frame::{Framing, otlp};
use crate::error::RequestError;
use crate::response::{Outcomes, problem};

/// The name of the refusal for statuses without one of their own.
const OTHER: &str = "other";

/// How a client's requests are answered.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// When every record is durable.
    pub success: Reply,
    /// When some payloads were rejected, by suffix; otherwise as on success.
    pub partial: BTreeMap<String, Reply>,
    /// By status, or `other`: replaces the body of the problem document.
    pub refusals: BTreeMap<String, Reply>,
}

/// The template of an answer. A string that begins with `$` names what takes its place:
///
/// `$status`, `$error` (a word), `$detail`, `$accepted`, `$rejected`, `$milliseconds` (since 1970) and `$header:name`
/// (of the request). Everything else stays as it is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reply {
    /// The status, if it is another one.
    pub status: Option<u16>,
    /// The body.
    pub body: Value,
}

impl Default for Reply {
    fn default() -> Self {
        Self { status: None, body: Value::Object(Map::new()) }
    }
}

impl Answer {
    /// Checks statuses, and the names of replies.
    pub(super) fn check(&self, suffixes: &[String]) -> Result<(), String> {
        let replies = self.partial.values().chain(self.refusals.values()).chain([&self.success]);
        if let Some(status) = replies.filter_map(|reply| reply.status).find(|status| !(200..600).contains(status)) {
            return Err(format!("/answer: {status} is no status from 200 to 599"));
        }
        if let Some(name) = self.partial.keys().find(|name| !suffixes.contains(name)) {
            return Err(format!("/answer/partial: `{name}` is none of the suffixes"));
        }
        let is_status =
            |name: &str| name == OTHER || name.parse().is_ok_and(|status: u16| (400..600).contains(&status));
        match self.refusals.keys().find(|name| !is_status(name)) {
            Some(name) => Err(format!("/answer/refusals: `{name}` is neither a status from 400 to 599 nor `{OTHER}`")),
            None => Ok(()),
        }
    }
}

/// What an answer may contain.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The suffix of the request's path.
    pub suffix: Option<&'a str>,
    /// The headers of the request.
    pub headers: &'a HeaderMap,
    /// The outcomes of the payloads.
    pub outcomes: Option<&'a Outcomes>,
    /// Why the request was refused.
    pub error: Option<&'a RequestError>,
    /// The time of the answer.
    pub now: SystemTime,
}

impl Preset {
    /// The answer when every record of the accepted payloads is durable, also when all were rejected: clients repeat or
    /// drop whole requests.
    #[must_use]
    pub fn success(&self, facts: &Facts<'_>) -> Response<Body> {
        let has_rejected = facts.outcomes.is_some_and(|outcomes| outcomes.rejected > 0);
        let suffix = facts.suffix.filter(|_| has_rejected).map(|suffix| suffix.trim_matches('/'));
        let partial = suffix.and_then(|suffix| self.answer.partial.get(suffix));
        let reply = partial.unwrap_or(&self.answer.success);
        let mut response = Response::new(Body::Empty);
        self.write(reply, &mut response, facts);
        response
    }

    /// The answer to a request that failed as a whole, with the headers of the problem document.
    #[must_use]
    pub fn refusal(&self, facts: &Facts<'_>, error: &RequestError) -> Response<Body> {
        let mut response = problem(error, None);
        let refusals = &self.answer.refusals;
        if let Some(reply) = refusals.get(response.status().as_str()).or_else(|| refusals.get(OTHER)) {
            self.write(reply, &mut response, facts);
        }
        response
    }

    fn write(&self, reply: &Reply, response: &mut Response<Body>, facts: &Facts<'_>) {
        if let Some(status) = reply.status.and_then(|status| StatusCode::from_u16(status).ok()) {
            *response.status_mut() = status;
        }
        let body = filled(&reply.body, facts, response.status());
        let is_protobuf = self.framing == Framing::Otlp && otlp::is_protobuf(facts.headers);
        let (body, media_type) = match body {
            body if is_protobuf => (Body::Binary(otlp::answer(&body)), otlp::PROTOBUF),
            body => (Body::Text(body.to_string()), "application/json"),
        };
        *response.body_mut() = body;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
}

fn filled(template: &Value, facts: &Facts<'_>, status: StatusCode) -> Value {
    match template {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), filled(value, facts, status))).collect()
        }
        Value::Array(elements) => elements.iter().map(|value| filled(value, facts, status)).collect(),
        Value::String(text) => {
            text.strip_prefix('$').map_or_else(|| template.clone(), |name| facts.value(name, status))
        }
        other => other.clone(),
    }
}

impl Facts<'_> {
    fn value(&self, name: &str, status: StatusCode) -> Value {
        let count = |of: fn(&Outcomes) -> usize| self.outcomes.map(of).into();
        match name {
            "status" => status.as_u16().into(),
            "error" => self.error.map(RequestError::kind).into(),
            "detail" => self.error.map(RequestError::detail).or_else(|| self.first_rejection()).into(),
            "accepted" => count(|outcomes| outcomes.accepted),
            "rejected" => count(|outcomes| outcomes.rejected + outcomes.further_units),
            "milliseconds" => self.milliseconds().into(),
            _ => self.header(name).into(),
        }
    }

    fn first_rejection(&self) -> Option<&str> {
        self.outcomes?.rejections.first().map(|listed| listed.detail.as_str())
    }

    fn milliseconds(&self) -> Option<u64> {
        let since_1970 = self.now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        u64::try_from(since_1970.as_millis()).ok()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name.strip_prefix("header:")?)?.to_str().ok()
    }
}
