//! Sample documents: most plain JSON, some compressed, some NDJSON, a few broken.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use spillway_local::client::Document;
use spillway_local::sample::reading;

/// The number of payloads of a document.
const PAYLOADS: usize = 10;
const STREAM: &str = "telemetry";
const KEY: &str = "local";

/// The document with this number, always the same.
pub(super) fn document(number: usize) -> Document {
    let mut random = fastrand::Rng::with_seed(number as u64);
    let device = format!("device-{:04}", random.u32(..2_000));
    let mut readings: Vec<_> = (0..PAYLOADS).map(|second| reading(&mut random, &device, second)).collect();
    if number % 20 == 13 {
        readings[4] = json!(42);
    }
    let array = json!(readings).to_string();
    match number % 20 {
        3 | 11 => Document::new(STREAM, KEY, gzip(&array)).header("content-encoding", "gzip"),
        7 | 16 => Document::new(STREAM, KEY, lines(&readings)).header("content-type", "application/x-ndjson"),
        9 => Document::new(STREAM, KEY, json!({"firmware": "4.2.1", "payloads": readings}).to_string()),
        19 => Document::new(STREAM, KEY, array[..array.len() / 2].to_owned()),
        _ => Document::new(STREAM, KEY, array),
    }
    .header("user-agent", "spillway-demo/1")
}

fn lines(readings: &[Value]) -> String {
    readings.iter().map(|reading| reading.to_string() + "\n").collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(text.as_bytes());
    encoder.finish().unwrap_or_default()
}
