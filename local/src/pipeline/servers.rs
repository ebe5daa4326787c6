//! SQS and S3 of a pipeline: built-in or external.

use aws_sdk_sqs::Client;
use spillway_aws::{Calls, Credentials};
use spillway_compact::s3::S3;

use super::functions::SDK;
use super::{QueueStorage, Settings};
use crate::data_folder::DataFolder;
use crate::find::{self, Source};
use crate::ledger::{Ledger, LedgerError};
use crate::s3::{Bucket, BucketError, BucketSettings};
use crate::sqs::{Queue, QueueError, QueueSettings, connect_as};

/// The ledger: it continues over restarts if the queue does.
pub(super) fn ledger(settings: &Settings, data: &DataFolder) -> Result<Ledger, LedgerError> {
    if settings.sqs.is_none() && settings.queue == QueueStorage::Disk {
        return Ledger::open(data, &settings.bucket);
    }
    Ok(Ledger::default())
}

/// The bucket: external if the settings have an S3 endpoint, otherwise built-in.
pub(super) async fn bucket(
    settings: &Settings,
    built_in: impl FnOnce() -> BucketSettings,
) -> Result<Bucket, BucketError> {
    match &settings.s3_endpoint {
        Some(endpoint) => Ok(Bucket::external(endpoint)),
        None => Bucket::start(built_in()).await,
    }
}

/// The queue: external if the settings have an SQS endpoint, otherwise built-in.
pub(super) async fn queue(settings: &Settings, built_in: impl FnOnce() -> QueueSettings) -> Result<Queue, QueueError> {
    match &settings.sqs {
        Some(sqs) => Ok(Queue::external(&sqs.endpoint, &sqs.queue_url, client(settings, &sqs.endpoint))),
        None => Queue::start(built_in()).await,
    }
}

/// How commands and searches read the bucket: the built-in one as files.
pub(super) fn source(settings: &Settings, bucket: &Bucket) -> Source {
    if !bucket.is_external() {
        return Source::Folder(bucket.root.clone());
    }
    let [region, ..] = SDK.map(|(name, built_in)| settings.of_sdk(name, built_in));
    let calls = Calls::once(find::ATTEMPTS.timeout).fixed(&bucket.endpoint, &region, credentials(settings));
    Source::S3(S3::new(&calls, &settings.bucket))
}

/// A client of the SQS at `endpoint`, with the same credentials as the functions.
pub(super) fn client(settings: &Settings, endpoint: &str) -> Client {
    let [region, ..] = SDK.map(|(name, built_in)| settings.of_sdk(name, built_in));
    connect_as(endpoint, &region, credentials(settings))
}

/// The credentials of the functions.
fn credentials(settings: &Settings) -> Credentials {
    let [_, access_key, secret_key] = SDK.map(|(name, built_in)| settings.of_sdk(name, built_in));
    let session = settings.is_external().then(|| settings.variables.get("AWS_SESSION_TOKEN").cloned()).flatten();
    Credentials::new(access_key, secret_key, session, None, "local")
}
