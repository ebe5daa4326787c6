//! Makes records: a payload plus metadata of its request, one line of NDJSON.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::SystemTime;

use serde::Serialize;
use sha2::{Digest, Sha256};
use spillway_shared::event_time::EventTime;
use spillway_shared::hour::timestamp;
use spillway_shared::message::MAX_RECORD_BYTES;
use spillway_shared::stream::{ClientIp, Stamp, StreamName};
use uuid::Uuid;

use crate::rejection::Rejection;

pub mod kept;

/// The most bytes of a stored user agent; longer ones are cut.
pub const MAX_USER_AGENT_BYTES: usize = 512;

/// The metadata of a request that a stream may store.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The user agent.
    pub user_agent: Option<String>,
    /// The country, from the header named by `COUNTRY_HEADER`.
    pub country: Option<String>,
}

/// The id of a request without an idempotency key: time-ordered and random (RFC 9562, version 7).
#[must_use]
pub fn fresh_request_id() -> Uuid {
    Uuid::now_v7()
}

/// The id of a request with an idempotency key: a digest (RFC 9562, version 8) of `parts` in this order: the key's name,
/// the stream, the form of the body, the idempotency key, the context and the stored payloads.
///
/// A retry has the same id, and no other request has it. Withheld payloads are not part of it, so an id cannot confirm
/// a guess about one.
#[must_use]
pub fn derived_request_id<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Uuid {
    let mut digest = Sha256::new();
    for part in parts {
        // Each length keeps its part separate from the next one.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let digest: [u8; 32] = digest.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::new_v8(bytes)
}

/// The most bytes that a [`Mark`] adds to a record: the event's time, such as `,"event_time":"…"` with nine digits.
pub const MARK_BYTES: usize = 64;

/// What sets one record apart from the others of its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// The record's id, if it is not the request's id and a number.
    pub id: Option<OwnId>,
    /// When the event happened.
    pub time: Option<EventTime>,
}

/// The id of a record that is not named after its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnId {
    /// Derived from the client's id for the payload; the number behind it is 0.
    OfClient(Uuid),
    /// Derived from all payloads without a client's id; the number behind it is the record's.
    OfPayloads(Uuid),
}

/// The optional members that all records of one document share.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shared<'a> {
    /// The digest of the stream's schema.
    pub schema: Option<&'a str>,
    /// The metadata of the request, as JSON.
    pub source: Option<&'a str>,
    /// The document's context, as JSON.
    pub context: Option<&'a str>,
}

/// What judging found in a payload that is stored nevertheless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The payload is accepted although it violates the schema: the record's member `violation`.
    Violation(Rejection),
    /// The payload is rejected and kept: the record's members `reason` and `detail`.
    Kept(Rejection),
}

impl Finding {
    /// The most bytes that the finding adds to a record.
    #[must_use]
    pub fn bytes(&self) -> usize {
        /// The names of the members, the reason, and the quotes and braces around them.
        const MEMBERS: usize = 64;
        /// Details contain quotes of the schema, which JSON escapes.
        const ESCAPED: usize = 2;
        let (Self::Violation(rejection) | Self::Kept(rejection)) = self;
        MEMBERS + ESCAPED * rejection.detail.len()
    }

    fn append(&self, line: &mut String) {
        let (Self::Violation(rejection) | Self::Kept(rejection)) = self;
        let Rejection { reason, detail } = rejection;
        // A string always serialises.
        let detail = serde_json::to_string(detail).unwrap_or_default();
        let _ = match self {
            Self::Violation(_) => {
                write!(line, r#","violation":{{"reason":"{}","detail":{detail}}}"#, reason.as_str())
            }
            Self::Kept(_) => write!(line, r#","reason":"{}","detail":{detail}"#, reason.as_str()),
        };
    }
}

/// The parts that all records of one document share, written once.
#[derive(Debug)]
pub struct Template {
    before_index: String,
    /// From the index to the end of the schema's digest.
    after_index: String,
    /// Where the event's time belongs in `after_index`.
    time_at: usize,
    /// From the source to the payload.
    before_payload: String,
}

impl Template {
    /// A template for the records of one document.
    #[must_use]
    pub fn new(request_id: Uuid, stream: &StreamName, received_at: SystemTime, shared: &Shared<'_>) -> Self {
        let mut after_index = format!("\",\"stream\":\"{stream}\",\"received_at\":\"{}\"", timestamp(received_at));
        let time_at = after_index.len();
        if let Some(digest) = shared.schema {
            let _ = write!(after_index, ",\"schema\":\"{digest}\"");
        }
        let mut before_payload = String::new();
        for (name, value) in [("source", shared.source), ("context", shared.context)] {
            if let Some(value) = value {
                let _ = write!(before_payload, ",\"{name}\":");
                push_on_one_line(&mut before_payload, value);
            }
        }
        before_payload.push_str(",\"payload\":");
        Self { before_index: before_index(request_id), after_index, time_at, before_payload }
    }

    /// Replaces the request id.
    pub fn identify(&mut self, request_id: Uuid) {
        self.before_index = before_index(request_id);
    }

    /// The most bytes of a record without its payload, [`Mark`] and [`Finding`].
    #[must_use]
    pub fn overhead(&self) -> usize {
        const INDEX_AND_END: usize = 10 + 2;
        self.before_index.len() + self.after_index.len() + self.before_payload.len() + INDEX_AND_END
    }

    /// Appends the record of a payload to `lines`; returns `false` and appends nothing if it exceeds
    /// [`MAX_RECORD_BYTES`].
    pub fn append(&self, lines: &mut String, index: usize, finding: Option<&Finding>, payload: &str) -> bool {
        let start = lines.len();
        lines.push_str(&self.before_index);
        let _ = write!(lines, "{index}");
        lines.push_str(&self.after_index);
        self.append_rest(lines, start, finding, payload)
    }

    /// As [`Template::append`], with a mark.
    pub fn append_marked(
        &self,
        lines: &mut String,
        index: usize,
        mark: &Mark,
        finding: Option<&Finding>,
        payload: &str,
    ) -> bool {
        let start = lines.len();
        let _ = match mark.id {
            None => write!(lines, "{}{index}", self.before_index),
            Some(OwnId::OfClient(id)) => write!(lines, "{}0", before_index(id)),
            Some(OwnId::OfPayloads(id)) => write!(lines, "{}{index}", before_index(id)),
        };
        let (before_time, after_time) = self.after_index.split_at(self.time_at);
        lines.push_str(before_time);
        if let Some(time) = mark.time {
            let _ = write!(lines, ",\"event_time\":\"{time}\"");
        }
        lines.push_str(after_time);
        self.append_rest(lines, start, finding, payload)
    }

    fn append_rest(&self, lines: &mut String, start: usize, finding: Option<&Finding>, payload: &str) -> bool {
        if let Some(finding) = finding {
            finding.append(lines);
        }
        lines.push_str(&self.before_payload);
        push_on_one_line(lines, payload);
        lines.push_str("}\n");
        let fits = lines.len() - start <= MAX_RECORD_BYTES;
        if !fits {
            lines.truncate(start);
        }
        fits
    }
}

fn before_index(request_id: Uuid) -> String {
    format!("{{\"id\":\"{request_id}-")
}

/// A record's `source` by the stream's definition; `None` if it would be empty.
///
/// `opted_out` marks a request with Global Privacy Control in a stream that does not honour it, so that its records are
/// not forwarded to partners.
#[must_use]
pub fn source(stamp: Stamp, client: &Client, opted_out: bool) -> Option<String> {
    #[derive(Serialize)]
    struct Source<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        client_ip: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        user_agent: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        country: Option<&'a str>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        opted_out: bool,
    }
    let source = Source {
        client_ip: client.ip.and_then(|ip| kept_ip(stamp.client_ip, ip)),
        user_agent: client.user_agent.as_deref().filter(|_| stamp.user_agent).map(shortened),
        country: client.country.as_deref().filter(|_| stamp.country),
        opted_out,
    };
    let empty = !opted_out && source.client_ip.is_none() && source.user_agent.is_none() && source.country.is_none();
    if empty { None } else { serde_json::to_string(&source).ok() }
}

fn kept_ip(how_much: ClientIp, ip: IpAddr) -> Option<String> {
    match how_much {
        ClientIp::None => None,
        ClientIp::Truncated => Some(network(ip).to_string()),
        ClientIp::Full => Some(ip.to_canonical().to_string()),
    }
}

/// The /24 of an IPv4 address, the /48 of an IPv6 one.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4((ip.to_bits() & 0xFFFF_FF00).into()),
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() & (u128::MAX << 80)).into()),
    }
}

fn shortened(user_agent: &str) -> &str {
    &user_agent[..user_agent.floor_char_boundary(MAX_USER_AGENT_BYTES)]
}

/// Appends JSON byte for byte, except CR and LF, which become spaces. JSON allows them only between tokens.
fn push_on_one_line(line: &mut String, json: &str) {
    let mut rest = json;
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest.as_bytes()) {
        line.push_str(&rest[..at]);
        line.push(' ');
        rest = &rest[at + 1..];
    }
    line.push_str(rest);
}

#[cfg(test)]
mod tests;
