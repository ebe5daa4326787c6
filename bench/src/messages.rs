//! Documents, messages and events, made of the payloads that every load posts.

use std::time::SystemTime;

use bytes::Bytes;
use serde_json::json;
use spillway_ingest::pack::{Partition, Piece, pack};
use spillway_ingest::record::{Shared, Template, fresh_request_id};
use spillway_local::sample;
use spillway_shared::hour::Hour;
use spillway_shared::message::{Kind, MessageId};
use spillway_shared::stream::StreamName;

/// The default message size of ingest, in bytes.
pub(crate) const MESSAGE_BYTES: usize = 262_144;

/// The stream of every payload.
pub(crate) fn stream() -> StreamName {
    StreamName::parse("telemetry").unwrap_or_else(|| unreachable!("a valid name"))
}

/// The template of the records of one document.
pub(crate) fn template() -> Template {
    Template::new(fresh_request_id(), &stream(), SystemTime::now(), &Shared::default())
}

/// The records of one document as ingest queues them.
pub(crate) fn piece(seed: u64, payloads: usize) -> Piece<()> {
    let (template, mut lines) = (template(), String::new());
    let readings: Vec<serde_json::Value> = serde_json::from_str(&sample::document(seed, payloads)).unwrap_or_default();
    for (index, reading) in readings.iter().enumerate() {
        template.append(&mut lines, index, None, &reading.to_string());
    }
    let partition = Partition { kind: Kind::Accepted, stream: stream(), hour: Hour::of(SystemTime::now()) };
    Piece { partition, lines: lines.into(), waiter: () }
}

/// The messages in which group commit packs documents if `together` of them share each call.
#[must_use]
pub fn packed(documents: u64, payloads: usize, together: usize) -> Vec<String> {
    let pieces: Vec<_> = (0..documents).map(|seed| piece(seed, payloads)).collect();
    let calls = pieces.chunks(together).flat_map(|pieces| pack(pieces.to_vec(), MESSAGE_BYTES, |_| new_id()));
    calls.flatten().map(|message| message.body).collect()
}

/// The event in which Lambda passes these messages to deliver.
#[must_use]
pub fn event(messages: &[String]) -> Bytes {
    let record = |(number, body): (usize, &String)| {
        json!({
            "messageId": format!("00000000-0000-4000-8000-{number:012}"),
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795286340123"},
            "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:spillway",
            "awsRegion": "us-east-1",
        })
    };
    let records: Vec<_> = messages.iter().enumerate().map(record).collect();
    json!({"Records": records}).to_string().into()
}

/// A random message id.
pub(crate) fn new_id() -> MessageId {
    MessageId::new(fastrand::u128(..))
}
