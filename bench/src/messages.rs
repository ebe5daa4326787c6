//! Messages and events as deliver gets them, of the documents that every load posts.

use std::time::SystemTime;

use bytes::Bytes;
use serde_json::json;
use spillway_ingest::pack::{Partition, Piece, pack};
use spillway_ingest::record::{Shared, Template, fresh_request_id};
use spillway_local::sample;
use spillway_shared::hour::Hour;
use spillway_shared::message::{Encoding, Header, Kind, MessageId, seal};
use spillway_shared::stream::StreamName;

/// The message size that ingest packs to by default.
pub(crate) const MESSAGE_BYTES: usize = 262_144;

/// The stream of all of it.
pub(crate) fn stream() -> StreamName {
    StreamName::parse("telemetry").unwrap_or_else(|| unreachable!("a good name"))
}

/// What stamps the records of one document.
pub(crate) fn template() -> Template {
    Template::new(fresh_request_id(), &stream(), SystemTime::now(), &Shared::default())
}

/// So many records, a line each.
pub(crate) fn records(count: usize) -> String {
    let (mut random, template) = (fastrand::Rng::with_seed(7), template());
    let mut lines = String::new();
    for index in 0..count {
        let reading = sample::reading(&mut random, "device-0001", index % 60);
        template.append(&mut lines, index, &reading.to_string());
    }
    lines
}

/// The records of one document as ingest queues them.
pub(crate) fn piece(seed: u64, payloads: usize) -> Piece<()> {
    let template = template();
    let mut lines = String::new();
    let readings: Vec<serde_json::Value> = serde_json::from_str(&sample::document(seed, payloads)).unwrap_or_default();
    for (index, reading) in readings.iter().enumerate() {
        template.append(&mut lines, index, &reading.to_string());
    }
    Piece {
        partition: Partition { stream: stream(), hour: Hour::of(SystemTime::now()) },
        lines: lines.into(),
        waiter: (),
    }
}

/// The messages that group commit makes of so many documents, if so many come together.
pub(crate) fn packed(documents: u64, payloads: usize, together: usize) -> Vec<String> {
    let pieces: Vec<_> = (0..documents).map(|seed| piece(seed, payloads)).collect();
    let calls = pieces.chunks(together).flat_map(|pieces| pack(pieces.to_vec(), MESSAGE_BYTES, new_id));
    calls.flatten().map(|message| message.body).collect()
}

/// One compressed message of so many records.
pub(crate) fn message(records: usize) -> anyhow::Result<String> {
    let lines = self::records(records);
    let header = Header {
        kind: Kind::Accepted,
        id: new_id(),
        stream: stream(),
        hour: Hour::of(SystemTime::now()),
        records: u32::try_from(records)?,
        bytes: u32::try_from(lines.len())?,
        encoding: Encoding::ZstdBase64,
    };
    Ok(seal(&header, &lines)?)
}

/// An event as Lambda makes it of messages.
pub(crate) fn event(messages: &[String]) -> Bytes {
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

fn new_id() -> MessageId {
    MessageId::new(uuid::Uuid::new_v4().as_u128())
}
