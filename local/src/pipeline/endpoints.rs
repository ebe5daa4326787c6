//! Where the parts of a running pipeline are, for commands that read its queue and its bucket.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::find::records_prefix;
use super::{Pipeline, Running};

/// Where the parts of a running pipeline are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// The name of the bucket.
    pub bucket: String,
    /// The endpoint of S3.
    pub s3_endpoint: String,
    /// The folder whose files are the objects; `None` if S3 is external.
    pub objects: Option<PathBuf>,
    /// The prefix of the keys of records.
    pub records: String,
    /// The URL of the queue.
    pub queue_url: String,
    /// The URL of each destination's queue, by the destination's name.
    pub destinations: BTreeMap<String, String>,
    /// The URL of compact's queue; `None` if the pipeline does not compact.
    pub compact_queue_url: Option<String>,
    /// The folder with `streams/` and `keys.json`.
    pub config: PathBuf,
}

impl Pipeline {
    /// Where the parts of this pipeline are.
    #[must_use]
    pub fn endpoints(&self) -> Endpoints {
        let absolute = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        Endpoints {
            bucket: self.settings.bucket.clone(),
            s3_endpoint: self.bucket.endpoint.clone(),
            objects: (!self.bucket.is_external()).then(|| absolute(&self.bucket.root)),
            records: records_prefix(&self.settings),
            queue_url: self.queue.url.clone(),
            destinations: self.destinations.iter().map(Running::named_queue).collect(),
            compact_queue_url: self.compaction.as_ref().map(|compaction| compaction.queue().url.clone()),
            config: absolute(&self.settings.config),
        }
    }
}
