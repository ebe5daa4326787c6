//! Groups selected records into the bodies of requests. Pure: the same lines and settings make the same batches.

use std::ops::Range;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use spillway_shared::destination::{BatchLimits, Destination, Format};

use crate::select::Item;

/// The records of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The lines of the object from the first record to the last, with those between them that are not sent.
    pub lines: Range<u64>,
    /// The number of records.
    pub records: u64,
    /// The body of the request.
    pub body: Bytes,
    /// When the oldest record was received, in the format of records.
    pub oldest: String,
}

/// Fills batches one after another.
#[derive(Debug)]
pub struct Batcher {
    format: Format,
    limits: BatchLimits,
    body: Vec<u8>,
    lines: Range<u64>,
    records: u64,
    oldest: String,
}

/// A request's `webhook-id` and `Idempotency-Key`: the same in every retry of the same file and settings.
#[must_use]
pub fn id(destination: &str, key: &str, lines: &Range<u64>) -> String {
    let name = key.rsplit('/').next().unwrap_or(key);
    let digest = Sha256::digest(format!("{destination}\n{name}\n{}-{}", lines.start, lines.end));
    let number: [u8; 16] = std::array::from_fn(|at| digest[at]);
    format!("{:032x}", u128::from_be_bytes(number))
}

impl Batcher {
    /// Makes batches for a destination.
    #[must_use]
    pub fn new(destination: &Destination) -> Self {
        Self {
            format: destination.format,
            limits: destination.batch,
            body: Vec::new(),
            lines: 0..0,
            records: 0,
            oldest: String::new(),
        }
    }

    /// Adds the record of a line, and returns the batch before it if that is full.
    pub fn push(&mut self, line: u64, item: &Item<'_>) -> Option<Batch> {
        let mut encoded = Vec::with_capacity(item.line.len() + 256);
        self.format.encode(item, &mut encoded);
        let full = self.is_full_with(encoded.len()).then(|| self.take()).flatten();
        if self.records == 0 {
            self.lines.start = line;
            self.body.extend_from_slice(self.format.around().0.as_bytes());
        } else {
            self.body.extend_from_slice(self.format.separator().as_bytes());
        }
        self.body.extend_from_slice(&encoded);
        self.lines.end = line + 1;
        self.records += 1;
        // This format sorts chronologically.
        if self.oldest.is_empty() || *item.received_at < *self.oldest {
            self.oldest = item.received_at.clone().into_owned();
        }
        full
    }

    /// The last batch, if it has records.
    pub fn take(&mut self) -> Option<Batch> {
        if self.records == 0 {
            return None;
        }
        let mut body = std::mem::take(&mut self.body);
        body.extend_from_slice(self.format.around().1.as_bytes());
        let records = std::mem::take(&mut self.records);
        let oldest = std::mem::take(&mut self.oldest);
        Some(Batch { lines: self.lines.clone(), records, body: body.into(), oldest })
    }

    fn is_full_with(&self, bytes: usize) -> bool {
        let after = self.body.len() + self.format.separator().len() + bytes + self.format.around().1.len();
        self.records > 0 && (self.records >= self.limits.records as u64 || after > self.limits.bytes)
    }
}

/// How each format is written; private to this stage.
trait Written {
    /// What stands before the first record and after the last one.
    fn around(self) -> (&'static str, &'static str);
    /// What stands between two records.
    fn separator(self) -> &'static str;
    /// Appends one record.
    fn encode(self, item: &Item<'_>, onto: &mut Vec<u8>);
}

impl Written for Format {
    fn around(self) -> (&'static str, &'static str) {
        match self {
            Self::Records => ("", "\n"),
            Self::Payloads | Self::Cloudevents => ("[", "]"),
            Self::Segment => ("{\"batch\":[", "]}"),
        }
    }

    fn separator(self) -> &'static str {
        if self == Self::Records { "\n" } else { "," }
    }

    fn encode(self, item: &Item<'_>, onto: &mut Vec<u8>) {
        match self {
            Self::Records => item.push_record(onto),
            Self::Payloads => onto.extend_from_slice(item.payload().as_bytes()),
            Self::Segment => encode_segment(item, onto),
            Self::Cloudevents => encode_event(item, onto),
        }
    }
}

/// The members of a payload that matter for Segment.
#[derive(serde::Deserialize)]
struct Segment<'a> {
    #[serde(borrow, rename = "messageId", default)]
    message_id: Option<&'a RawValue>,
}

/// Segment's receivers deduplicate by `messageId`; a payload without one gets the record's id.
fn encode_segment(item: &Item<'_>, onto: &mut Vec<u8>) {
    let payload = item.payload();
    let has_id = serde_json::from_str::<Segment<'_>>(payload).map_or(true, |members| members.message_id.is_some());
    let rest = payload.strip_prefix('{').filter(|_| !has_id);
    let Some(rest) = rest else { return onto.extend_from_slice(payload.as_bytes()) };
    let separator = if rest.trim_start().starts_with('}') { "" } else { "," };
    let id = serde_json::to_string(&item.id).unwrap_or_default();
    onto.extend_from_slice(format!("{{\"messageId\":{id}{separator}{rest}").as_bytes());
}

/// <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    time: &'a str,
    datacontenttype: &'static str,
    data: &'a RawValue,
}

fn encode_event(item: &Item<'_>, onto: &mut Vec<u8>) {
    let Ok(data) = serde_json::from_str::<&RawValue>(item.payload()) else { return };
    let event = CloudEvent {
        specversion: "1.0",
        id: &item.id,
        source: format!("/v1/streams/{}", item.stream),
        kind: format!("spillway.{}", item.stream),
        time: item.event_time.as_deref().unwrap_or(&item.received_at),
        datacontenttype: "application/json",
        data,
    };
    // Writing texts into memory cannot fail.
    let _ = serde_json::to_writer(onto, &event);
}

#[cfg(test)]
mod tests;
