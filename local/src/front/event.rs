//! Encodes a request as an event in API Gateway's payload format 2.0.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use base64::prelude::{BASE64_STANDARD, Engine};
use http::request::Parts;
use http::{HeaderMap, Version, header};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::headers::{Headers, cookies, joined};
use super::kind::Kind;
use super::path::{self, Route};
use crate::account::ACCOUNT;

/// API Gateway's format of the time of a request.
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");
/// Capacity for the event without its body, in bytes.
const CAPACITY: usize = 2_048;
/// Content types, besides `text/*`, whose bodies HTTP APIs pass on as text. Found by experiment: AWS does not document them.
const TEXT_TYPES: [&str; 3] = ["application/json", "application/xml", "application/javascript"];

/// A request with its whole body.
pub(super) struct Received<'a> {
    pub(super) head: &'a Parts,
    pub(super) body: &'a [u8],
    pub(super) source_ip: &'a str,
    pub(super) address: SocketAddr,
    pub(super) id: &'a str,
    pub(super) now: OffsetDateTime,
    pub(super) kind: &'a Kind,
}

/// The event as JSON. `None` would mean that serialising failed, which does not happen.
pub(super) fn json(received: &Received<'_>) -> Option<Vec<u8>> {
    let path = received.kind.path(&received.head.uri);
    let mut json = Vec::with_capacity(CAPACITY + received.body.len() + received.body.len() / 2);
    serde_json::to_writer(&mut json, &event(received, &path)?).ok()?;
    Some(json)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'static str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<Cow<'a, str>>,
    headers: Headers<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_string_parameters: Option<BTreeMap<Cow<'a, str>, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_parameters: Option<BTreeMap<&'static str, &'a str>>,
    request_context: Context<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    body: Cow<'a, str>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    account_id: &'static str,
    api_id: &'static str,
    domain_name: IpAddr,
    domain_prefix: &'static str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: &'static str,
    stage: &'static str,
    time: String,
    time_epoch: i128,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'static str,
    source_ip: &'a str,
    user_agent: Cow<'a, str>,
}

fn event<'a>(received: &'a Received<'a>, path: &'a str) -> Option<Event<'a>> {
    let Parts { method, uri, headers, .. } = received.head;
    let route = received.kind.route(method, path);
    let query = uri.query().unwrap_or_default();
    let (body, is_base64_encoded) = body(headers, received.body);
    let Received { source_ip, address, .. } = *received;
    Some(Event {
        version: "2.0",
        route_key: route.key(),
        raw_path: path,
        raw_query_string: query,
        cookies: cookies(headers),
        headers: Headers { sent: headers, address, source_ip, body_length: received.body.len() },
        query_string_parameters: path::parameters(query),
        path_parameters: route.parameters(),
        request_context: context(received, path, route)?,
        body,
        is_base64_encoded,
    })
}

fn context<'a>(received: &'a Received<'a>, path: &'a str, route: Route<'a>) -> Option<Context<'a>> {
    Some(Context {
        account_id: ACCOUNT,
        api_id: "local",
        domain_name: received.address.ip(),
        domain_prefix: "local",
        http: http(received, path),
        request_id: received.id,
        route_key: route.key(),
        stage: "$default",
        time: received.now.format(TIME).ok()?,
        time_epoch: received.now.unix_timestamp_nanos() / 1_000_000,
    })
}

fn http<'a>(received: &'a Received<'a>, path: &'a str) -> Http<'a> {
    Http {
        method: received.head.method.as_str(),
        path,
        protocol: if received.head.version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" },
        source_ip: received.source_ip,
        user_agent: joined(&received.head.headers, &header::USER_AGENT),
    }
}

/// The body as text if its content type is textual and it is UTF-8, else in base64; and whether it is base64.
fn body<'a>(headers: &HeaderMap, body: &'a [u8]) -> (Cow<'a, str>, bool) {
    if body.is_empty() {
        return (Cow::Borrowed(""), false);
    }
    match str::from_utf8(body) {
        Ok(text) if is_text(headers) => (Cow::Borrowed(text), false),
        _ => (Cow::Owned(BASE64_STANDARD.encode(body)), true),
    }
}

fn is_text(headers: &HeaderMap) -> bool {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return false;
    }
    let content_type = joined(headers, &header::CONTENT_TYPE).to_ascii_lowercase();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/") || TEXT_TYPES.contains(&essence)
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
