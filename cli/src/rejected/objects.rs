//! Objects under `rejected/`: their keys and their lines.

use std::io::{self, Read as _};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use flate2::read::MultiGzDecoder;
use spillway_shared::hour::Hour;
use spillway_shared::prefixes::{REJECTED, stream_and_hour};
use spillway_shared::stream::StreamName;

use super::Choice;
use crate::aws::bucket::Bucket;

/// An object of kept rejections, named by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RejectedObject {
    pub(super) key: String,
    pub(super) stream: StreamName,
    pub(super) hour: Hour,
}

impl RejectedObject {
    /// Reads `rejected/stream=…/dt=…/hour=…/name`; another key is `None`.
    pub(super) fn parse(key: &str) -> Option<Self> {
        let (stream, hour) = stream_and_hour(key, REJECTED)?;
        Some(Self { key: key.to_owned(), stream, hour })
    }
}

/// Reads an hour or a day.
pub(super) fn since(text: &str) -> Result<String, String> {
    let is_hour = Hour::parse(text).is_some() || Hour::parse(&format!("{text}T00")).is_some();
    is_hour.then(|| text.to_owned()).ok_or_else(|| "expected an hour or a day, such as 2026-11-21T18".to_owned())
}

/// The chosen objects, ordered by stream and hour.
pub(super) async fn list(bucket: &Bucket, choice: &Choice) -> anyhow::Result<Vec<RejectedObject>> {
    let prefix = match &choice.stream {
        Some(stream) => format!("{REJECTED}stream={stream}/"),
        None => REJECTED.to_owned(),
    };
    let listed = bucket.list(&prefix).await?;
    let objects = listed.iter().filter_map(|listed| RejectedObject::parse(&listed.key));
    // Hours and days are written so that their order is that of their texts.
    let is_chosen =
        |object: &RejectedObject| choice.since.as_ref().is_none_or(|since| *since <= object.hour.to_string());
    Ok(objects.filter(is_chosen).collect())
}

/// The decompressed bytes of an object.
pub(super) async fn read(bucket: &Bucket, key: &str) -> anyhow::Result<Vec<u8>> {
    let bytes = bucket.get(key).await?;
    decompress(key, &bytes).with_context(|| format!("{key} cannot be decompressed"))
}

fn decompress(key: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    match key.rsplit('.').next() {
        Some("gz") => MultiGzDecoder::new(bytes).read_to_end(&mut text)?,
        Some("zst") => zstd::stream::read::Decoder::new(bytes)?.read_to_end(&mut text)?,
        _ => return Ok(bytes.to_vec()),
    };
    Ok(text)
}

/// The lines with their numbers, from 0.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty())
}

/// Prints the lines of an object.
pub(super) async fn show(bucket: &Bucket, key: &str) -> anyhow::Result<ExitCode> {
    ensure!(key.starts_with(REJECTED), "`{key}` is not the key of kept rejections, which begins with `{REJECTED}`");
    let text = read(bucket, key).await?;
    print!("{}", String::from_utf8_lossy(&text));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_an_hour_or_a_day() {
        assert!(since("2026-11-21").is_ok() && since("2026-11-21T18").is_ok());
        for text in ["2026-11", "yesterday", "2026-11-21T25", "2026-11-21T18:00:00Z"] {
            assert!(since(text).is_err(), "{text}");
        }
    }

    #[test]
    fn several_frames_of_one_object_are_read() {
        let frame = |text: &str| zstd::bulk::compress(text.as_bytes(), 1).unwrap();
        let text = decompress("a.ndjson.zst", &[frame("1\n"), frame("2\n")].concat()).unwrap();
        assert_eq!(lines(&text).collect::<Vec<_>>(), [(0, &b"1"[..]), (1, b"2")]);
        assert!(decompress("a.ndjson.zst", b"damaged").is_err());
    }
}
