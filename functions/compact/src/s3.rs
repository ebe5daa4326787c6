//! The adapter to S3: listings, whole and ranged reads, create-only PUTs.

use std::ops::Range;
use std::time::SystemTime;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::Object;
use bytes::Bytes;
use spillway_aws::{SdkConfig, explain, is_s3_endpoint_overridden, is_transient_error};
use spillway_shared::retry::Outcome;

use crate::store::{Listed, Page, Part, Put, Store, StoreError};

/// The status of a conditional PUT whose key exists already (S3 API reference, "Error responses").
const PRECONDITION_FAILED: u16 = 412;
/// The status of a read of an object that does not exist.
const NOT_FOUND: u16 = 404;

/// A bucket in S3.
#[derive(Debug, Clone)]
pub struct S3 {
    client: Client,
    bucket: String,
}

impl S3 {
    /// A client for the bucket; sends nothing yet. A server other than AWS's own is addressed by path.
    #[must_use]
    pub fn new(config: &SdkConfig, bucket: &str) -> Self {
        let config = Builder::from(config).force_path_style(is_s3_endpoint_overridden(config)).build();
        Self { client: Client::from_conf(config), bucket: bucket.to_owned() }
    }
}

impl Store for S3 {
    async fn list(&self, prefix: &str, after: &str) -> Outcome<Page, StoreError> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).start_after(after);
        match request.send().await {
            Ok(page) => Outcome::Done(Page {
                is_truncated: page.is_truncated.unwrap_or_default(),
                objects: page.contents.unwrap_or_default().into_iter().filter_map(listed).collect(),
            }),
            Err(error) => failed(&error),
        }
    }

    async fn get(&self, key: &str, part: Part) -> Outcome<Option<Bytes>, StoreError> {
        let range = match part {
            Part::Whole => None,
            Part::Range(Range { start, end }) => Some(format!("bytes={start}-{}", end.saturating_sub(1))),
            Part::Last(bytes) => Some(format!("bytes=-{bytes}")),
        };
        let answer = match self.client.get_object().bucket(&self.bucket).key(key).set_range(range).send().await {
            Ok(answer) => answer,
            Err(error) if has_status(&error, NOT_FOUND) => return Outcome::Done(None),
            Err(error) => return failed(&error),
        };
        match answer.body.collect().await {
            Ok(body) => Outcome::Done(Some(body.into_bytes())),
            // The connection broke, or the body does not match its checksum.
            Err(error) => Outcome::Again(StoreError(format!("the body of an object did not arrive: {error}"))),
        }
    }

    async fn put(&self, key: &str, body: Bytes) -> Outcome<Put, StoreError> {
        let request = self.client.put_object().bucket(&self.bucket).key(key).if_none_match("*");
        let request = request.content_type("application/vnd.apache.parquet").body(ByteStream::from(body));
        // The SDK's CRC32 protects the body. Signing it too would cost a SHA-256 and detect nothing more.
        match request.customize().disable_payload_signing().send().await {
            Ok(_) => Outcome::Done(Put::Created),
            Err(error) if has_status(&error, PRECONDITION_FAILED) => Outcome::Done(Put::Exists),
            Err(error) => failed(&error),
        }
    }
}

fn listed(object: Object) -> Option<Listed> {
    let modified = SystemTime::try_from(object.last_modified?).ok()?;
    Some(Listed { size: u64::try_from(object.size?).ok()?, modified, key: object.key? })
}

fn has_status<E>(error: &SdkError<E>, status: u16) -> bool {
    error.raw_response().is_some_and(|answer| answer.status().as_u16() == status)
}

fn failed<T, E>(error: &SdkError<E>) -> Outcome<T, StoreError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let store_error = StoreError(explain("S3", error));
    if is_transient_error(error) { Outcome::Again(store_error) } else { Outcome::Never(store_error) }
}

#[cfg(test)]
mod tests;
