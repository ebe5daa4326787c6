//! The messages of opentelemetry-proto 1.x, with the names that OTLP's JSON gives their fields.

use super::{Field, Kind};

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

pub(super) const LOGS: &[Field] = &[many(1, "resourceLogs", Kind::Message(|| RESOURCE_LOGS))];
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

pub(super) const TRACES: &[Field] = &[many(1, "resourceSpans", Kind::Message(|| RESOURCE_SPANS))];
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

pub(super) const METRICS: &[Field] = &[many(1, "resourceMetrics", Kind::Message(|| RESOURCE_METRICS))];
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
