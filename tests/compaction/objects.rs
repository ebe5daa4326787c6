//! The objects of an hour.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde_json::{Value, json};

/// Objects in which every record is new.
const OBJECTS: usize = 12;
/// Further objects with records of two others, as when SQS delivers messages again and regroups them.
const REGROUPED: usize = 4;
/// Records of an object.
const RECORDS: usize = 96;
/// The length of a text in a payload.
const TEXT: usize = 2_500;

/// An hour of the stream `clicks`.
pub(super) struct Hour {
    number: usize,
    /// Names and contents.
    pub(super) objects: Vec<(String, Vec<u8>)>,
    /// Payloads by record id.
    pub(super) records: BTreeMap<String, Value>,
}

impl Hour {
    /// The hour of this number; every other object is compressed with gzip.
    pub(super) fn new(number: usize, random: &mut fastrand::Rng) -> Self {
        let fresh: Vec<Vec<(String, Value)>> = (0..OBJECTS).map(|object| records(number, object, random)).collect();
        let mut contents: Vec<String> = fresh.iter().map(|records| lines(records)).collect();
        for _ in 0..REGROUPED {
            let two = random.choose_multiple(&fresh, 2);
            let records: Vec<_> = two.into_iter().flatten().filter(|_| random.bool()).cloned().collect();
            contents.push(lines(&records));
        }
        random.shuffle(&mut contents);
        let mut object = |(at, lines): (usize, &String)| {
            let (ending, content) = if at % 2 == 0 { ("zst", zstd(lines)) } else { ("gz", gzip(lines)) };
            (format!("{:032x}.ndjson.{ending}", random.u128(..)), content)
        };
        let objects = contents.iter().enumerate().map(&mut object).collect();
        Self { number, objects, records: fresh.into_iter().flatten().collect() }
    }

    fn date(&self) -> String {
        format!("2026-11-{:02}", 1 + self.number / 24 % 28)
    }

    /// Where its objects are.
    pub(super) fn folder(&self) -> String {
        format!("records/stream=clicks/dt={}/hour={:02}", self.date(), self.number % 24)
    }

    /// The start of its records' ids.
    pub(super) fn prefix(&self) -> String {
        format!("{:05}-", self.number)
    }

    /// The body of its message.
    pub(super) fn body(&self) -> String {
        json!({"stream": "clicks", "hour": format!("{}T{:02}", self.date(), self.number % 24)}).to_string()
    }
}

fn records(hour: usize, object: usize, random: &mut fastrand::Rng) -> Vec<(String, Value)> {
    let record = |n| {
        let text: String = (0..TEXT).map(|_| random.alphanumeric()).collect();
        (format!("{hour:05}-{object}-{n}"), json!({"n": n, "text": text, "undeclared": [object]}))
    };
    (0..RECORDS).map(record).collect()
}

fn lines(records: &[(String, Value)]) -> String {
    let line = |(id, payload): &(String, Value)| {
        let start = format!(r#"{{"id":"{id}","stream":"clicks","received_at":"2026-11-21T18:39:00.123Z""#);
        format!("{start},\"payload\":{payload}}}\n")
    };
    records.iter().map(line).collect()
}

fn zstd(lines: &str) -> Vec<u8> {
    zstd::encode_all(lines.as_bytes(), 1).unwrap()
}

fn gzip(lines: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(lines.as_bytes()).unwrap();
    encoder.finish().unwrap()
}
