//! OTLP in protobuf: its messages, and its JSON mapping of them.
//!
//! JSON has 64-bit numbers as strings, enums as numbers, and the ids of traces and spans in hex.

use lambda_http::http::HeaderMap;
use lambda_http::http::header::CONTENT_TYPE;
use serde_json::Value;

use super::protobuf::{json, push_bytes_field, push_varint_field};
use crate::error::RequestError;
use messages::{LOGS, METRICS, TRACES};

mod messages;

/// The media type of protobuf.
pub(crate) const PROTOBUF: &str = "application/x-protobuf";

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
}

/// How a field is written, in protobuf and in JSON.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Message(fn() -> &'static [Field]),
    Text,
    Hex,
    Base64,
    Bool,
    Enum,
    Double,
    /// `fixed64`.
    Unsigned64,
    /// `sfixed64`.
    Signed64,
    /// `uint32` or `fixed32`.
    Unsigned32,
    /// `sint32`.
    ZigZag32,
    /// `uint64`.
    VarintUnsigned64,
    /// `int64`.
    VarintSigned64,
}

impl Kind {
    /// Whether several values of this kind may be packed into one.
    pub(super) fn is_packed(self) -> bool {
        !matches!(self, Self::Message(_) | Self::Text | Self::Hex | Self::Base64)
    }
}

/// Whether a request has a body in protobuf, and takes its answer in it.
pub(crate) fn is_protobuf(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).map(|value| value.as_bytes().trim_ascii_start());
    value
        .and_then(|value| value.get(..PROTOBUF.len()))
        .is_some_and(|value| value.eq_ignore_ascii_case(PROTOBUF.as_bytes()))
}

/// The JSON of a request's body in protobuf, by the suffix of its path.
pub(super) fn request(body: &[u8], suffix: Option<&str>, limit: usize) -> Result<String, RequestError> {
    let fields = match suffix.unwrap_or_default().trim_matches('/') {
        "v1/logs" => LOGS,
        "v1/traces" => TRACES,
        "v1/metrics" => METRICS,
        _ => {
            let detail = "a body in protobuf needs the path v1/logs, v1/traces or v1/metrics after the stream";
            return Err(RequestError::Unreadable(detail.to_owned()));
        }
    };
    json(body, fields, limit)
}

/// The protobuf of an answer: a response with or without `partialSuccess`, or a status with `message`.
pub(crate) fn answer(answer: &Value) -> Vec<u8> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let partial = answer["partialSuccess"].as_object();
    let rejected = partial.into_iter().flatten().find_map(|(_, value)| value.as_u64());
    let (mut message, mut inner) = (Vec::new(), Vec::new());
    push_varint_field(&mut inner, 1, rejected.unwrap_or_default());
    push_bytes_field(&mut inner, 2, text(&answer["partialSuccess"]["errorMessage"]).as_bytes());
    push_bytes_field(&mut message, 1, &inner);
    push_bytes_field(&mut message, 2, text(&answer["message"]).as_bytes());
    message
}
