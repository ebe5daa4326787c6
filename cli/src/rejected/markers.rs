//! Markers under `replayed/`: which lines of an object were enqueued.

use std::collections::HashSet;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use spillway_shared::message::MessageId;
use spillway_shared::prefixes::{REJECTED, REPLAYED};

use crate::aws::bucket::Bucket;

/// The content of a marker.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    /// The key of the object.
    object: String,
    /// The lines that one message contains, from 0.
    lines: Vec<usize>,
}

/// The lines of an object that were enqueued.
pub(super) async fn read(bucket: &Bucket, object: &str) -> anyhow::Result<HashSet<usize>> {
    let mut lines = HashSet::new();
    for marker in bucket.list(&folder(object)).await? {
        let bytes = bucket.get(&marker.key).await?;
        let marker: Marker =
            serde_json::from_slice(&bytes).with_context(|| format!("{} is not a marker", marker.key))?;
        lines.extend(marker.lines);
    }
    Ok(lines)
}

/// Notes that SQS has acknowledged a message with these lines. A marker that exists already says the same.
pub(super) async fn write(bucket: &Bucket, object: &str, message: MessageId, lines: Vec<usize>) -> anyhow::Result<()> {
    let marker = Marker { object: object.to_owned(), lines };
    bucket.create(&format!("{}{message}.json", folder(object)), serde_json::to_vec(&marker)?).await
}

fn folder(object: &str) -> String {
    format!("{REPLAYED}{}/", object.strip_prefix(REJECTED).unwrap_or(object))
}
