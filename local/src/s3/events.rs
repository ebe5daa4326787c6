//! `Object Created`: what `EventBridge` sends to the queues of rules, by the key's prefix.
//!
//! A PUT is answered when its events are on their queues. On AWS they arrive later, also at least once.

use std::sync::{Mutex, PoisonError};

use aws_sdk_sqs::Client;
use s3s::{S3Error, S3Result};
use serde_json::json;

/// Which objects are announced, and where.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The beginnings of their keys.
    pub prefixes: Vec<String>,
    /// The client of the queue.
    pub client: Client,
    /// The queue's URL.
    pub queue_url: String,
}

/// The rules of a bucket.
#[derive(Debug, Default)]
pub struct Events(Mutex<Vec<Rule>>);

impl Events {
    /// Adds a rule.
    pub(super) fn add(&self, rule: Rule) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
    }

    /// Announces an object.
    ///
    /// # Errors
    /// A queue did not take the event. The client retries its PUT, which announces the object again.
    pub(super) async fn created(&self, bucket: &str, key: &str) -> S3Result<()> {
        for Rule { client, queue_url, .. } in self.matching(key) {
            let sent = client.send_message().queue_url(queue_url).message_body(event(bucket, key)).send().await;
            sent.map_err(S3Error::internal_error)?;
        }
        Ok(())
    }

    fn matching(&self, key: &str) -> Vec<Rule> {
        let rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let matches = |rule: &&Rule| rule.prefixes.iter().any(|prefix| key.starts_with(prefix));
        rules.iter().filter(matches).cloned().collect()
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
fn event(bucket: &str, key: &str) -> String {
    json!({
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {"version": "0", "bucket": {"name": bucket}, "object": {"key": key}, "reason": "PutObject"},
    })
    .to_string()
}
