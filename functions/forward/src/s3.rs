//! The adapter to S3: GETs of ranges.

use std::future::Future;
use std::ops::Range;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use bytes::Bytes;
use spillway_aws::{SdkConfig, explain, is_s3_endpoint_overridden, is_transient_error};
use spillway_shared::retry::Outcome;

/// The status of a range behind the end, as of an empty object.
const NOT_SATISFIABLE: u16 = 416;

/// A range of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its bytes.
    pub bytes: Bytes,
    /// The size of the whole object.
    pub total: u64,
}

/// Why a GET failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such object.
    #[error("S3 has no such object")]
    Missing,
    /// S3's status, code and message, or the causes of a failed connection.
    #[error("{0}")]
    Failed(String),
}

/// Reads objects.
pub trait Objects: Send + Sync + 'static {
    /// Reads a range; makes one attempt. A range behind the end is empty.
    fn get(&self, key: &str, range: Range<u64>) -> impl Future<Output = Outcome<Chunk, ReadError>> + Send;
}

/// A bucket of S3.
#[derive(Debug, Clone)]
pub struct S3 {
    client: Client,
    bucket: String,
}

impl S3 {
    /// A client for the bucket; sends nothing yet.
    #[must_use]
    pub fn new(config: &SdkConfig, bucket: &str) -> Self {
        let settings = Builder::from(config).force_path_style(is_s3_endpoint_overridden(config)).build();
        Self { client: Client::from_conf(settings), bucket: bucket.to_owned() }
    }
}

impl Objects for S3 {
    async fn get(&self, key: &str, range: Range<u64>) -> Outcome<Chunk, ReadError> {
        let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        match self.client.get_object().bucket(&self.bucket).key(key).range(bytes).send().await {
            Ok(output) => chunk(output, range.start).await,
            Err(error) => failed(&error, range.start),
        }
    }
}

async fn chunk(output: GetObjectOutput, start: u64) -> Outcome<Chunk, ReadError> {
    // `bytes 0-99/1234`
    let total = output.content_range().and_then(|range| range.rsplit('/').next()?.parse().ok());
    match output.body.collect().await {
        Ok(body) => {
            let bytes = body.into_bytes();
            let total = total.unwrap_or(start + bytes.len() as u64);
            Outcome::Done(Chunk { bytes, total })
        }
        Err(error) => Outcome::Again(ReadError::Failed(spillway_shared::causes::causes(&error))),
    }
}

fn failed(error: &SdkError<GetObjectError>, start: u64) -> Outcome<Chunk, ReadError> {
    let status = error.raw_response().map(|response| response.status().as_u16());
    if status == Some(NOT_SATISFIABLE) {
        return Outcome::Done(Chunk { bytes: Bytes::new(), total: start });
    }
    if error.as_service_error().is_some_and(|error| error.code() == Some("NoSuchKey")) {
        return Outcome::Never(ReadError::Missing);
    }
    let read_error = ReadError::Failed(explain("S3", error));
    if is_transient_error(error) { Outcome::Again(read_error) } else { Outcome::Never(read_error) }
}
