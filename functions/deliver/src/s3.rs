//! The adapter to S3: conditional PUTs, and listings of the parts of a message.

use std::future::Future;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use spillway_aws::{SdkConfig, explain, is_s3_endpoint_overridden, is_transient_error};
use spillway_shared::retry::Outcome;

/// The user metadata that holds the number of records, so that counting them needs no decompression.
pub const RECORDS: &str = "records";

/// The status of a conditional PUT whose key exists already (S3 API reference, "Error responses").
const PRECONDITION_FAILED: u16 = 412;

/// An object to store, whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub body: Bytes,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The number of records in it, written to the metadata as [`RECORDS`].
    pub records: Option<u64>,
}

/// When an object was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// By this PUT.
    Now,
    /// Earlier: its key existed, and the same key means the same object.
    Before,
}

/// Why a call failed: S3's status, code and message, or the causes of a failed connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PutError(pub String);

/// Stores objects.
pub trait ObjectStore: Send + Sync + 'static {
    /// Stores an object unless its key exists; makes one attempt.
    ///
    /// After [`Outcome::Again`] it is unknown whether the object is stored.
    fn put(&self, object: &Object) -> impl Future<Output = Outcome<Stored, PutError>> + Send;

    /// Lists keys that begin with `prefix` in the order of their bytes, from the first one after `after`; makes one
    /// attempt.
    fn list(&self, prefix: &str, after: &str) -> impl Future<Output = Outcome<Listed, PutError>> + Send;
}

/// One page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// The keys, in the order of their bytes.
    pub keys: Vec<String>,
    /// Whether further keys follow.
    pub is_truncated: bool,
}

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

impl ObjectStore for S3 {
    async fn put(&self, object: &Object) -> Outcome<Stored, PutError> {
        // Without Content-Encoding: readers (Athena, Spark, DuckDB) go by the key's extension, and clients that honour
        // the header would return decompressed bytes under a name with `.gz` or `.zst`.
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(&object.key)
            .if_none_match("*")
            .content_type(object.content_type)
            .set_metadata(object.records.map(|records| [(RECORDS.to_owned(), records.to_string())].into()))
            .body(ByteStream::from(object.body.clone()));
        // The SDK's CRC32 protects the body. Signing it too would cost a SHA-256 and detect nothing more.
        match request.customize().disable_payload_signing().send().await {
            Ok(_) => Outcome::Done(Stored::Now),
            Err(error) if is_stored_already(&error) => Outcome::Done(Stored::Before),
            Err(error) => failed(&error),
        }
    }

    async fn list(&self, prefix: &str, after: &str) -> Outcome<Listed, PutError> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).start_after(after);
        match request.send().await {
            Ok(page) => Outcome::Done(Listed {
                is_truncated: page.is_truncated.unwrap_or_default(),
                keys: page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key).collect(),
            }),
            Err(error) => failed(&error),
        }
    }
}

fn is_stored_already(error: &SdkError<PutObjectError>) -> bool {
    error.raw_response().is_some_and(|answer| answer.status().as_u16() == PRECONDITION_FAILED)
}

fn failed<T, E>(error: &SdkError<E>) -> Outcome<T, PutError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let put_error = PutError(explain("S3", error));
    if is_transient_error(error) { Outcome::Again(put_error) } else { Outcome::Never(put_error) }
}

#[cfg(test)]
mod tests;
