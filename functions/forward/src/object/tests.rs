use std::io::Write as _;

use bytes::Bytes;

use super::*;
use crate::testing::{ATTEMPTS, Bucket, in_seconds};

async fn read(name: &str, body: impl Into<Bytes>) -> Result<Vec<String>, String> {
    let bucket = Bucket::with(name, body);
    let mut lines = Lines::new(&bucket, name, ATTEMPTS, in_seconds(5)).unwrap();
    let mut all = Vec::new();
    loop {
        match lines.next().await {
            Ok(Some(line)) => all.push(String::from_utf8(line.to_vec()).unwrap()),
            Ok(None) => return Ok(all),
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn text(lines: usize) -> String {
    let line = |number: usize| format!("{number} {}", "x".repeat(number % 100));
    (0..lines).map(line).collect::<Vec<_>>().join("\n") + "\n"
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    spillway_shared::frame::compress_onto(&mut frame, text.as_bytes()).unwrap();
    frame
}

#[tokio::test]
async fn every_compression_is_read_also_in_several_frames() {
    let (first, second) = (text(100_000), text(3));
    let expected: Vec<_> = first.lines().chain(second.lines()).map(str::to_owned).collect();
    assert_eq!(read("a.ndjson", first.clone() + &second).await.unwrap(), expected);
    assert_eq!(read("a.ndjson.gz", [gzip(&first), gzip(&second)].concat()).await.unwrap(), expected);
    assert_eq!(read("a.ndjson.zst", [zstd(&first), zstd(&second)].concat()).await.unwrap(), expected);
}

#[tokio::test]
async fn empty_objects_and_a_missing_last_line_break_are_read() {
    assert!(read("a.ndjson", "").await.unwrap().is_empty());
    assert_eq!(read("a.ndjson", "a\n\nb").await.unwrap(), ["a", "", "b"]);
}

#[tokio::test]
async fn broken_objects_are_errors() {
    let gzip = gzip(&text(1_000));
    for (name, body) in [
        ("a.ndjson.gz", b"nothing".to_vec()),
        ("a.ndjson.zst", b"nothing".to_vec()),
        ("a.ndjson.gz", gzip[..gzip.len() - 9].to_vec()),
        ("a.ndjson", vec![b'x'; 5 << 20]),
    ] {
        let error = read(name, body).await.unwrap_err();
        assert!(error.starts_with("the object is not readable: "), "{error}");
    }
}
