//! Records and tables in the bucket, as this command reads them.

use std::collections::HashSet;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use spillway_compact::event::Job;
use spillway_compact::list::work;
use spillway_compact::s3::S3;
use spillway_compact::store::Calls;
use spillway_shared::retry::Attempts;
use tokio::time::Instant;

use super::watch::Waiting;

/// The attempts of a call.
pub(super) const ATTEMPTS: Attempts = Attempts { timeout: Duration::from_mins(1), count: 3 };
/// How long one hour may be listed.
const DEADLINE: Duration = Duration::from_mins(10);
/// Hours that are listed at the same time.
const CONCURRENCY: usize = 8;

/// The bucket of records and tables.
#[derive(Debug)]
pub(super) struct Lake {
    store: S3,
    /// The prefix of records.
    pub(super) prefix: String,
}

impl Lake {
    pub(super) fn new(store: S3, prefix: String) -> Self {
        Self { store, prefix }
    }

    /// Calls that begin now.
    pub(super) fn calls(&self) -> Calls<'_, S3> {
        Calls { store: &self.store, attempts: ATTEMPTS, deadline: Instant::now() + DEADLINE }
    }

    /// The hours that have work left, with the objects left.
    pub(super) async fn with_work(&self, jobs: Vec<Job>) -> anyhow::Result<Vec<Waiting>> {
        let waiting = async |job: Job| anyhow::Ok(Waiting { objects: self.left(&job).await?, job });
        let found = stream::iter(jobs).map(waiting).buffered(CONCURRENCY);
        found.try_filter(|waiting| std::future::ready(!waiting.objects.is_empty())).try_collect().await
    }

    /// The keys of an hour's objects that no file names.
    pub(super) async fn left(&self, job: &Job) -> anyhow::Result<HashSet<String>> {
        // A job of this command always names its version.
        let work = work(self.calls(), &job.place, &self.prefix, job.version.unwrap_or(1)).await?;
        Ok(work.left.into_iter().map(|listed| listed.key).collect())
    }
}
