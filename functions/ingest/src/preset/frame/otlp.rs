//! OTLP in protobuf: its messages, and its JSON mapping of them.
//!
//! The messages are those of opentelemetry-proto 1.x. JSON has 64-bit numbers as strings, enums as numbers, and the ids of
//! traces and spans in hex.

use lambda_http::http::HeaderMap;
use lambda_http::http::header::CONTENT_TYPE;
use serde_json::Value;

use super::protobuf::{json, push_bytes_field, push_varint_field};
use crate::error::RequestError;

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
        _ => return Err(RequestError::Unreadable("protobuf has no messages for this path".to_owned())),
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

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: false }
}

const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: true }
}

const ATTRIBUTE: Kind = Kind::Message(|| KEY_VALUE);
const RESOURCE_OF_ALL: Field = one(1, "resource", Kind::Message(|| RESOURCE));
const SCOPE_OF_ALL: Field = one(1, "scope", Kind::Message(|| SCOPE));
const SCHEMA_URL: Field = one(3, "schemaUrl", Kind::Text);

const LOGS: &[Field] = &[many(1, "resourceLogs", Kind::Message(|| RESOURCE_LOGS))];
const RESOURCE_LOGS: &[Field] = &[RESOURCE_OF_ALL, many(2, "scopeLogs", Kind::Message(|| SCOPE_LOGS)), SCHEMA_URL];
const SCOPE_LOGS: &[Field] = &[SCOPE_OF_ALL, many(2, "logRecords", Kind::Message(|| LOG_RECORD)), SCHEMA_URL];
const LOG_RECORD: &[Field] = &[
    one(1, "timeUnixNano", Kind::Unsigned64),
    one(11, "observedTimeUnixNano", Kind::Unsigned64),
    one(2, "severityNumber", Kind::Enum),
    one(3, "severityText", Kind::Text),
    one(12, "eventName", Kind::Text),
    one(5, "body", Kind::Message(|| ANY_VALUE)),
    many(6, "attributes", ATTRIBUTE),
    one(7, "droppedAttributesCount", Kind::Unsigned32),
    one(8, "flags", Kind::Unsigned32),
    one(9, "traceId", Kind::Hex),
    one(10, "spanId", Kind::Hex),
];

const TRACES: &[Field] = &[many(1, "resourceSpans", Kind::Message(|| RESOURCE_SPANS))];
const RESOURCE_SPANS: &[Field] = &[RESOURCE_OF_ALL, many(2, "scopeSpans", Kind::Message(|| SCOPE_SPANS)), SCHEMA_URL];
const SCOPE_SPANS: &[Field] = &[SCOPE_OF_ALL, many(2, "spans", Kind::Message(|| SPAN)), SCHEMA_URL];
const SPAN: &[Field] = &[
    one(1, "traceId", Kind::Hex),
    one(2, "spanId", Kind::Hex),
    one(3, "traceState", Kind::Text),
    one(4, "parentSpanId", Kind::Hex),
    one(16, "flags", Kind::Unsigned32),
    one(5, "name", Kind::Text),
    one(6, "kind", Kind::Enum),
    one(7, "startTimeUnixNano", Kind::Unsigned64),
    one(8, "endTimeUnixNano", Kind::Unsigned64),
    many(9, "attributes", ATTRIBUTE),
    one(10, "droppedAttributesCount", Kind::Unsigned32),
    many(11, "events", Kind::Message(|| SPAN_EVENT)),
    one(12, "droppedEventsCount", Kind::Unsigned32),
    many(13, "links", Kind::Message(|| SPAN_LINK)),
    one(14, "droppedLinksCount", Kind::Unsigned32),
    one(15, "status", Kind::Message(|| STATUS)),
];
const SPAN_EVENT: &[Field] = &[
    one(1, "timeUnixNano", Kind::Unsigned64),
    one(2, "name", Kind::Text),
    many(3, "attributes", ATTRIBUTE),
    one(4, "droppedAttributesCount", Kind::Unsigned32),
];
const SPAN_LINK: &[Field] = &[
    one(1, "traceId", Kind::Hex),
    one(2, "spanId", Kind::Hex),
    one(3, "traceState", Kind::Text),
    many(4, "attributes", ATTRIBUTE),
    one(5, "droppedAttributesCount", Kind::Unsigned32),
    one(6, "flags", Kind::Unsigned32),
];
const STATUS: &[Field] = &[one(2, "message", Kind::Text), one(3, "code", Kind::Enum)];

const METRICS: &[Field] = &[many(1, "resourceMetrics", Kind::Message(|| RESOURCE_METRICS))];
const RESOURCE_METRICS: &[Field] =
    &[RESOURCE_OF_ALL, many(2, "scopeMetrics", Kind::Message(|| SCOPE_METRICS)), SCHEMA_URL];
const SCOPE_METRICS: &[Field] = &[SCOPE_OF_ALL, many(2, "metrics", Kind::Message(|| METRIC)), SCHEMA_URL];
const METRIC: &[Field] = &[
    one(1, "name", Kind::Text),
    one(2, "description", Kind::Text),
    one(3, "unit", Kind::Text),
    one(5, "gauge", Kind::Message(|| GAUGE)),
    one(7, "sum", Kind::Message(|| SUM)),
    one(9, "histogram", Kind::Message(|| HISTOGRAM)),
    one(10, "exponentialHistogram", Kind::Message(|| EXPONENTIAL_HISTOGRAM)),
    one(11, "summary", Kind::Message(|| SUMMARY)),
    many(12, "metadata", ATTRIBUTE),
];
const TEMPORALITY: Field = one(2, "aggregationTemporality", Kind::Enum);
const GAUGE: &[Field] = &[many(1, "dataPoints", Kind::Message(|| NUMBER_POINT))];
const SUM: &[Field] =
    &[many(1, "dataPoints", Kind::Message(|| NUMBER_POINT)), TEMPORALITY, one(3, "isMonotonic", Kind::Bool)];
const HISTOGRAM: &[Field] = &[many(1, "dataPoints", Kind::Message(|| HISTOGRAM_POINT)), TEMPORALITY];
const EXPONENTIAL_HISTOGRAM: &[Field] = &[many(1, "dataPoints", Kind::Message(|| EXPONENTIAL_POINT)), TEMPORALITY];
const SUMMARY: &[Field] = &[many(1, "dataPoints", Kind::Message(|| SUMMARY_POINT))];

const START_TIME: Field = one(2, "startTimeUnixNano", Kind::Unsigned64);
const TIME: Field = one(3, "timeUnixNano", Kind::Unsigned64);
const NUMBER_POINT: &[Field] = &[
    many(7, "attributes", ATTRIBUTE),
    START_TIME,
    TIME,
    one(4, "asDouble", Kind::Double),
    one(6, "asInt", Kind::Signed64),
    many(5, "exemplars", Kind::Message(|| EXEMPLAR)),
    one(8, "flags", Kind::Unsigned32),
];
const HISTOGRAM_POINT: &[Field] = &[
    many(9, "attributes", ATTRIBUTE),
    START_TIME,
    TIME,
    one(4, "count", Kind::Unsigned64),
    one(5, "sum", Kind::Double),
    many(6, "bucketCounts", Kind::Unsigned64),
    many(7, "explicitBounds", Kind::Double),
    many(8, "exemplars", Kind::Message(|| EXEMPLAR)),
    one(10, "flags", Kind::Unsigned32),
    one(11, "min", Kind::Double),
    one(12, "max", Kind::Double),
];
const EXPONENTIAL_POINT: &[Field] = &[
    many(1, "attributes", ATTRIBUTE),
    START_TIME,
    TIME,
    one(4, "count", Kind::Unsigned64),
    one(5, "sum", Kind::Double),
    one(6, "scale", Kind::ZigZag32),
    one(7, "zeroCount", Kind::Unsigned64),
    one(8, "positive", Kind::Message(|| BUCKETS)),
    one(9, "negative", Kind::Message(|| BUCKETS)),
    one(10, "flags", Kind::Unsigned32),
    many(11, "exemplars", Kind::Message(|| EXEMPLAR)),
    one(12, "min", Kind::Double),
    one(13, "max", Kind::Double),
    one(14, "zeroThreshold", Kind::Double),
];
const BUCKETS: &[Field] = &[one(1, "offset", Kind::ZigZag32), many(2, "bucketCounts", Kind::VarintUnsigned64)];
const SUMMARY_POINT: &[Field] = &[
    many(7, "attributes", ATTRIBUTE),
    START_TIME,
    TIME,
    one(4, "count", Kind::Unsigned64),
    one(5, "sum", Kind::Double),
    many(6, "quantileValues", Kind::Message(|| QUANTILE)),
    one(8, "flags", Kind::Unsigned32),
];
const QUANTILE: &[Field] = &[one(1, "quantile", Kind::Double), one(2, "value", Kind::Double)];
const EXEMPLAR: &[Field] = &[
    many(7, "filteredAttributes", ATTRIBUTE),
    one(2, "timeUnixNano", Kind::Unsigned64),
    one(3, "asDouble", Kind::Double),
    one(6, "asInt", Kind::Signed64),
    one(4, "spanId", Kind::Hex),
    one(5, "traceId", Kind::Hex),
];

const RESOURCE: &[Field] = &[
    many(1, "attributes", ATTRIBUTE),
    one(2, "droppedAttributesCount", Kind::Unsigned32),
    many(3, "entityRefs", Kind::Message(|| ENTITY)),
];
const ENTITY: &[Field] = &[
    one(1, "schemaUrl", Kind::Text),
    one(2, "type", Kind::Text),
    many(3, "idKeys", Kind::Text),
    many(4, "descriptionKeys", Kind::Text),
];
const SCOPE: &[Field] = &[
    one(1, "name", Kind::Text),
    one(2, "version", Kind::Text),
    many(3, "attributes", ATTRIBUTE),
    one(4, "droppedAttributesCount", Kind::Unsigned32),
];
const KEY_VALUE: &[Field] = &[one(1, "key", Kind::Text), one(2, "value", Kind::Message(|| ANY_VALUE))];
const ANY_VALUE: &[Field] = &[
    one(1, "stringValue", Kind::Text),
    one(2, "boolValue", Kind::Bool),
    one(3, "intValue", Kind::VarintSigned64),
    one(4, "doubleValue", Kind::Double),
    one(5, "arrayValue", Kind::Message(|| ARRAY_VALUE)),
    one(6, "kvlistValue", Kind::Message(|| LIST_VALUE)),
    one(7, "bytesValue", Kind::Base64),
];
const ARRAY_VALUE: &[Field] = &[many(1, "values", Kind::Message(|| ANY_VALUE))];
const LIST_VALUE: &[Field] = &[many(1, "values", Kind::Message(|| KEY_VALUE))];
