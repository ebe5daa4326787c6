//! The records of a run in the bucket.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::value::RawValue;
use spillway_shared::hour::Hour;
use tokio::time::{Instant, sleep};

use super::STREAM;
use super::answer::Record;
use crate::aws::bucket::Bucket;

/// The pause between two looks at the bucket.
const PAUSE: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

/// The hours of receipt that a run may have, by a clock that is at most an hour wrong.
#[derive(Debug)]
pub(super) struct Hours(BTreeSet<Hour>);

/// The records found so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What every record of this run contains.
    pub(super) marker: String,
    /// The keys of objects that were read.
    pub(super) read: BTreeSet<String>,
    /// By id; SQS may deliver a record twice.
    pub(super) records: BTreeMap<String, Vec<Record>>,
    /// The largest number of zstd frames in one object.
    pub(super) most_frames: usize,
    /// Objects of this run in another format than zstd.
    pub(super) other_objects: usize,
    /// Why the bucket could not be read to its end.
    pub(super) error: Option<String>,
}

/// The members of a record that a client sends.
#[derive(Deserialize)]
struct Line<'a> {
    id: String,
    stream: String,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

impl Hours {
    /// The hours around this time.
    pub(super) fn from(time: SystemTime) -> Self {
        Self([time - HOUR, time, time + HOUR].map(Hour::of).into())
    }

    /// Adds the hours up to one after this time.
    pub(super) fn extend_to(&mut self, time: SystemTime) {
        self.0.extend(Self::from(time).0);
    }

    /// The prefixes of the objects.
    pub(super) fn prefixes(&self, prefix: &str) -> Vec<String> {
        let one = |hour: &Hour| format!("{prefix}stream={STREAM}/dt={}/hour={}/", hour.date(), hour.of_day());
        self.0.iter().map(one).collect()
    }

    /// The first and the last day.
    pub(super) fn days(&self) -> [String; 2] {
        [self.0.first(), self.0.last()].map(|hour| hour.map(|hour| hour.date()).unwrap_or_default())
    }
}

impl Found {
    pub(super) fn new(marker: String) -> Self {
        Self { marker, ..Self::default() }
    }

    /// Looks at the bucket until it has all ids, or for `wait`. The SDK has retried what fails, so an error ends this.
    pub(super) async fn wait_for(&mut self, bucket: &Bucket, prefixes: &[String], ids: &[String], wait: Duration) {
        let end = Instant::now() + wait;
        loop {
            self.error = self.look(bucket, prefixes).await.err().map(|error| format!("{error:#}"));
            let has_all = ids.iter().all(|id| self.records.contains_key(id));
            if has_all || self.error.is_some() || Instant::now() >= end {
                return;
            }
            sleep(PAUSE).await;
        }
    }

    /// Reads every new object.
    async fn look(&mut self, bucket: &Bucket, prefixes: &[String]) -> anyhow::Result<()> {
        for prefix in prefixes {
            for object in bucket.list(prefix).await? {
                if !self.read.contains(&object.key) {
                    let bytes = bucket.get(&object.key).await?;
                    self.add(&object.key, &bytes).with_context(|| format!("{} cannot be decoded", object.key))?;
                    self.read.insert(object.key);
                }
            }
        }
        Ok(())
    }

    /// Keeps the records of this run in an object.
    fn add(&mut self, key: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let text = decoded(key, bytes)?;
        let mut ours = text.lines().filter(|line| line.contains(&self.marker)).peekable();
        match (ours.peek(), extension(key) == "zst") {
            (None, _) => {}
            (_, true) => self.most_frames = self.most_frames.max(frames(bytes)?),
            (_, false) => self.other_objects += 1,
        }
        for line in ours {
            let (id, record) = parsed(line)?;
            self.records.entry(id).or_default().push(record);
        }
        Ok(())
    }
}

fn parsed(line: &str) -> anyhow::Result<(String, Record)> {
    let Line { id, stream, context, payload } = serde_json::from_str(line).context("a line is not a record")?;
    if stream != STREAM {
        bail!("a record has another stream than {STREAM}");
    }
    let text = |raw: &RawValue| raw.get().to_owned();
    Ok((id, Record { payload: text(payload), context: context.map(text) }))
}

fn decoded(key: &str, bytes: &[u8]) -> io::Result<String> {
    let mut text = String::new();
    match extension(key) {
        "zst" => zstd::Decoder::new(bytes)?.read_to_string(&mut text)?,
        "gz" => MultiGzDecoder::new(bytes).read_to_string(&mut text)?,
        _ => (&mut &*bytes).read_to_string(&mut text)?,
    };
    Ok(text)
}

fn extension(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or_default()
}

/// The number of zstd frames.
fn frames(mut bytes: &[u8]) -> anyhow::Result<usize> {
    let mut count = 0;
    while !bytes.is_empty() {
        let length = zstd::zstd_safe::find_frame_compressed_size(bytes).ok().context("a zstd frame is broken")?;
        bytes = &bytes[length..];
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
#[path = "stored_tests.rs"]
mod tests;
