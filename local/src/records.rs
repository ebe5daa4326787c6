//! Shows stored records: which were stored last, without their payloads, and the whole text of one.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::ledger::{each_line_until, holds_records};
use crate::recent::Recent;
use crate::s3::{Bucket, Put};

/// The number of new objects that are read at a time.
const MAX_OBJECTS: usize = 4;
/// The number of records that are shown of each object: its first ones, which need little decompression.
const OF_OBJECT: u64 = 5;
/// The number of bytes that are read of each object, before decompression.
const HEAD_BYTES: u64 = 64 << 10;
/// The number of objects that are read at the same time for whole records.
static READERS: Semaphore = Semaphore::const_new(2);

/// A stored record without its payload.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Head {
    /// Its object.
    pub object: String,
    /// Its line in the object, from 1.
    pub line: u64,
    /// Its id.
    pub id: String,
    /// Its stream.
    pub stream: String,
    /// When ingest received it.
    pub received_at: String,
    /// Why it was rejected, if it is a kept rejection.
    pub reason: Option<String>,
    /// The length of the line.
    pub bytes: usize,
}

/// The records that were stored last: the first ones of each of the last objects.
#[derive(Debug, Default)]
pub struct Newest {
    last: Option<String>,
    heads: Recent<Head>,
}

/// Why a record cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The key cannot name an object of lines.
    #[error("`{0}` is not the key of an object of records, such as records/…/<name>.ndjson.zst")]
    Key(String),
    /// The bucket has no such object, or it has fewer lines.
    #[error("the bucket has no object `{0}` with a line {1}")]
    Missing(String, u64),
    /// The object cannot be read or decompressed.
    #[error("`{0}` cannot be read: {1}")]
    Read(String, io::Error),
}

impl Newest {
    /// Reads the objects that are new since the last call, and returns the records that were stored last, the newest
    /// objects first. An object that cannot be read adds none.
    pub fn update(&mut self, bucket: &Bucket) -> Vec<Head> {
        let puts = bucket.newest();
        let is_new = |put: &&Put| self.last.as_ref() != Some(&put.key);
        let new: Vec<&Put> = puts.iter().take_while(is_new).take(MAX_OBJECTS).collect();
        for put in new.iter().rev() {
            let heads = bucket.file(&put.key).map(|file| heads(&file, &put.key));
            for head in heads.into_iter().flatten() {
                self.heads.push(head);
            }
        }
        if let Some(put) = new.first() {
            self.last = Some(put.key.clone());
        }
        self.heads.list()
    }
}

/// The first records of an object.
fn heads(file: &Path, key: &str) -> Vec<Head> {
    #[derive(Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Record {
        id: String,
        stream: String,
        received_at: String,
        reason: Option<String>,
    }
    let (mut heads, mut line) = (Vec::new(), 0);
    // The end of the part that is read is not the end of a compressed object.
    let _ = each_line_until(file, HEAD_BYTES, |text| {
        line += 1;
        let Record { id, stream, received_at, reason } = serde_json::from_slice(text).unwrap_or_default();
        heads.push(Head { object: key.to_owned(), line, id, stream, received_at, reason, bytes: text.len() });
        if line < OF_OBJECT { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    heads
}

/// A line of an object, from 1.
///
/// # Errors
/// There is no such line, or it cannot be read.
pub async fn whole(bucket: &Bucket, key: &str, line: u64) -> Result<Vec<u8>, RecordError> {
    let file = bucket.file(key).filter(|file| holds_records(file) || holds_message(file));
    let file = file.ok_or_else(|| RecordError::Key(key.to_owned()))?;
    // It fails only if the semaphore is closed, which never happens.
    let _permit = READERS.acquire().await.ok();
    #[expect(clippy::disallowed_methods, reason = "the number of readers is bounded, and reading takes seconds")]
    let read = spawn_blocking(move || read_line(&file, line)).await;
    match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(RecordError::Missing(key.to_owned(), line)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(RecordError::Missing(key.to_owned(), line)),
        Err(error) => Err(RecordError::Read(key.to_owned(), error)),
    }
}

/// Whether an object is a quarantined message, which has one line.
fn holds_message(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "json")
}

fn read_line(file: &Path, line: u64) -> io::Result<Option<Vec<u8>>> {
    let (mut at, mut found) = (0, None);
    each_line_until(file, u64::MAX, |text| {
        at += 1;
        if at < line {
            return ControlFlow::Continue(());
        }
        found = (at == line).then(|| text.to_vec());
        ControlFlow::Break(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_folder::DataFolder;
    use crate::faults::Faults;
    use crate::s3::BucketSettings;

    fn record(number: usize) -> String {
        format!(
            r#"{{"id":"r-{number}","stream":"clicks","received_at":"2026-11-21T18:39:00.123Z","payload":{{"secret":1}}}}"#
        )
    }

    async fn bucket(folder: &Path) -> Bucket {
        let settings = BucketSettings {
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
            data: DataFolder::new(folder),
            name: "spillway".to_owned(),
            access_key: "local".to_owned(),
            secret_key: "local".to_owned(),
            faults: Faults::default(),
        };
        Bucket::start(settings).await.unwrap()
    }

    #[tokio::test]
    async fn a_line_of_an_object_is_shown_whole() {
        let folder = tempfile::tempdir().unwrap();
        let bucket = bucket(folder.path()).await;
        let lines: Vec<_> = (1..=9).map(record).collect();
        let compressed = zstd::encode_all(lines.join("\n").as_bytes(), 1).unwrap();
        std::fs::write(bucket.root.join("x.ndjson.zst"), &compressed).unwrap();
        std::fs::write(bucket.root.join("damaged.ndjson.zst"), &compressed[..compressed.len() / 2]).unwrap();
        for line in [1, 9] {
            assert_eq!(whole(&bucket, "x.ndjson.zst", line as u64).await.unwrap(), lines[line - 1].as_bytes());
        }
        for (key, line) in [("x.ndjson.zst", 0), ("x.ndjson.zst", 10), ("y.ndjson.zst", 1)] {
            assert!(matches!(whole(&bucket, key, line).await, Err(RecordError::Missing(..))), "{key} {line}");
        }
        for key in ["../.s3/x.ndjson", "/etc/passwd", "x.parquet", "", "a/../x.ndjson"] {
            assert!(matches!(whole(&bucket, key, 1).await, Err(RecordError::Key(_))), "{key}");
        }
        assert!(matches!(whole(&bucket, "damaged.ndjson.zst", 9).await, Err(RecordError::Read(..))));
    }

    #[test]
    fn the_first_records_of_an_object_are_shown_without_their_payloads() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.ndjson");
        let lines: Vec<_> = (1..=9).map(record).collect();
        std::fs::write(&file, lines.join("\n")).unwrap();
        let heads = heads(&file, "x.ndjson");
        assert_eq!(heads.iter().map(|head| head.id.as_str()).collect::<Vec<_>>(), ["r-1", "r-2", "r-3", "r-4", "r-5"]);
        assert_eq!((heads[4].line, heads[4].bytes), (5, lines[4].len()));
        assert!(!serde_json::to_string(&heads).unwrap().contains("secret"));
    }
}
