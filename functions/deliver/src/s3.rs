//! S3: the one file that knows its SDK.

use std::future::Future;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use spillway_shared::causes::causes;
use spillway_shared::retry::Outcome;

/// How long S3 may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The user metadata that says how many records an object holds, so that counting needs no decompression.
pub const RECORDS: &str = "records";

/// Where S3 is and which bucket is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// The bucket's name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// Another address than AWS's own; such a server is addressed by path, since it seldom has a name for each bucket.
    pub endpoint: Option<String>,
}

/// Something to be stored, whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub body: Bytes,
    /// What they are.
    pub content_type: &'static str,
    /// How many records it holds; written to the object's metadata as `records`.
    pub records: Option<u64>,
}

/// How an object came to be in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It was written.
    Now,
    /// There is an object under its key already, which is the same one.
    Before,
}

/// Why an object was not stored: a status and a code, or what is wrong with the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PutError(pub String);

/// Where objects go.
pub trait ObjectStore: Send + Sync + 'static {
    /// Stores an object, unless there is one under its key already; tried once.
    ///
    /// A failure that may pass is [`Outcome::Again`]. What became of the object is unknown then: it may be stored.
    fn put(&self, object: &Object) -> impl Future<Output = Outcome<Stored, PutError>> + Send;
}

/// A bucket in S3.
#[derive(Debug, Clone)]
pub struct S3 {
    client: Client,
    bucket: String,
}

impl S3 {
    /// A client for the bucket, with the credentials that the SDK finds; nothing is sent yet.
    ///
    /// `call_timeout` bounds one call. The SDK tries once: trying again is [`spillway_shared::retry`]'s, which knows
    /// the deadline.
    pub async fn new(bucket: &Bucket, call_timeout: Duration) -> Self {
        Self::with(&loader(bucket, call_timeout).load().await, bucket)
    }

    fn with(shared: &SdkConfig, bucket: &Bucket) -> Self {
        let mut config = aws_sdk_s3::config::Builder::from(shared);
        if let Some(endpoint) = &bucket.endpoint {
            config = config.endpoint_url(endpoint).force_path_style(true);
        }
        Self { client: Client::from_conf(config.build()), bucket: bucket.name.clone() }
    }
}

impl ObjectStore for S3 {
    async fn put(&self, object: &Object) -> Outcome<Stored, PutError> {
        // No Content-Encoding: readers (Athena, Spark, DuckDB) go by the key's ending, and clients that honour the
        // header would hand them decompressed bytes under a name that promises compressed ones.
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(&object.key)
            .if_none_match("*")
            .content_type(object.content_type)
            .set_metadata(object.records.map(|records| [(RECORDS.to_owned(), records.to_string())].into()))
            .body(ByteStream::from(object.body.clone()));
        // The SDK's CRC32 guards the body; signing it too would cost a SHA-256 over it and find nothing more.
        match request.customize().disable_payload_signing().send().await {
            Ok(_) => Outcome::Done(Stored::Now),
            Err(error) => judge(&error),
        }
    }
}

fn loader(bucket: &Bucket, call_timeout: Duration) -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(bucket.region.clone()))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts(call_timeout))
        // The time-outs bound a stalled call already; watching its throughput costs a wrapper for each body.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

fn timeouts(call: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT.min(call))
        .operation_attempt_timeout(call)
        .operation_timeout(call)
        .build()
}

fn judge(error: &SdkError<PutObjectError>) -> Outcome<Stored, PutError> {
    let SdkError::ServiceError(answer) = error else { return judge_connection(error) };
    let (status, code) = (answer.raw().status().as_u16(), answer.err().code().unwrap_or("without a code"));
    let put_error = PutError(format!("S3 answered {status} {code}"));
    match status {
        412 => Outcome::Done(Stored::Before),
        408 | 409 | 429 | 500.. => Outcome::Again(put_error),
        _ if PASSING.contains(&code) => Outcome::Again(put_error),
        _ => Outcome::Never(put_error),
    }
}

/// Codes that S3 sends with 400 though another try may work: the request broke on its way.
const PASSING: [&str; 4] = ["RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentChecksumMismatch"];

/// No answer, or none that is S3's; only a request that cannot even be written will never work.
fn judge_connection(error: &SdkError<PutObjectError>) -> Outcome<Stored, PutError> {
    let put_error = PutError(causes(error));
    match error {
        SdkError::ConstructionFailure(_) => Outcome::Never(put_error),
        _ => Outcome::Again(put_error),
    }
}

#[cfg(test)]
#[path = "s3/tests.rs"]
mod tests;
