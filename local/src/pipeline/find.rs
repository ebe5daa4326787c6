//! Finds records in every place of a running pipeline.

use spillway_shared::prefixes;

use super::{Pipeline, Settings};
use crate::find::{FindError, Found, Kind, Search, in_bucket, in_messages};

impl Pipeline {
    /// Where the records of a search are: in the bucket, and in messages of a built-in queue, which stay as they are.
    /// Searches run one after the other.
    ///
    /// # Errors
    /// The bucket cannot be read.
    pub async fn find(&self, search: &Search) -> Result<Found, FindError> {
        let _one_at_a_time = self.finding.lock().await;
        // A record moves from the queue to the bucket: searched in this order, it is not missed.
        let mut places = in_messages(&self.queue.dead_letters(), Kind::DeadLettered, search).await;
        places.extend(in_messages(&self.queue.queued(), Kind::Queued, search).await);
        let source = super::servers::source(&self.settings, &self.bucket);
        let mut found = in_bucket(&source, &records_prefix(&self.settings), search, |_| {}).await?;
        found.places.extend(places);
        Ok(found)
    }
}

/// The prefix of the keys of records.
pub(super) fn records_prefix(settings: &Settings) -> String {
    settings.variable("deliver", "OBJECT_PREFIX").map_or(prefixes::RECORDS, String::as_str).to_owned()
}
