//! SQS and S3 of a pipeline: its own, or somebody else's.

use aws_sdk_sqs::Client;

use super::functions::SDK;
use super::{QueueStorage, Settings};
use crate::data_folder::DataFolder;
use crate::event_source::connect_as;
use crate::ledger::{Ledger, LedgerError};
use crate::s3::{Bucket, BucketError, BucketSettings};
use crate::sqs::{Queue, QueueError, QueueSettings};

/// The ledger: it continues over restarts if the queue does.
pub(super) fn ledger(settings: &Settings, data: &DataFolder) -> Result<Ledger, LedgerError> {
    if settings.sqs.is_none() && settings.queue == QueueStorage::Disk {
        return Ledger::open(data, &settings.bucket);
    }
    Ok(Ledger::start())
}

/// The bucket: somebody else's if the settings name one, else one of the own.
pub(super) async fn bucket(settings: &Settings, own: impl FnOnce() -> BucketSettings) -> Result<Bucket, BucketError> {
    match &settings.s3_endpoint {
        Some(endpoint) => Ok(Bucket::elsewhere(endpoint)),
        None => Bucket::start(own()).await,
    }
}

/// The queue: somebody else's if the settings name one, else one of the own.
pub(super) async fn queue(settings: &Settings, own: impl FnOnce() -> QueueSettings) -> Result<Queue, QueueError> {
    match &settings.sqs {
        Some(sqs) => Ok(Queue::external(&sqs.endpoint, &sqs.queue_url, client(settings, &sqs.endpoint))),
        None => Queue::start(own()).await,
    }
}

/// A client of the SQS at `endpoint`, with the credentials that the functions have too.
pub(super) fn client(settings: &Settings, endpoint: &str) -> Client {
    let [region, access_key, secret_key] = SDK.map(|(name, here)| settings.of_sdk(name, here));
    let session = settings.is_external().then(|| settings.variables.get("AWS_SESSION_TOKEN").cloned()).flatten();
    connect_as(endpoint, region, &access_key, &secret_key, session)
}
