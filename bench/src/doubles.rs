//! SQS and S3 that accept everything immediately, and a deliver that uses them.

use std::hint::black_box;

use anyhow::anyhow;
use spillway_deliver::batch::Deliver;
use spillway_deliver::config::Config;
use spillway_deliver::s3::{Listed, Object, ObjectStore, PutError, Stored};
use spillway_deliver::sqs::{CallError, Hidden, MessageQueue};
use spillway_ingest::group_commit::{CallFailed, Outgoing, Receipt, SendMessages};
use spillway_shared::retry::Outcome;

/// SQS and S3 that accept everything immediately.
#[derive(Debug)]
pub struct Accepts;

impl SendMessages for Accepts {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Receipt>, CallFailed> {
        Ok(vec![Receipt::Durable; messages.len()])
    }
}

impl ObjectStore for Accepts {
    async fn put(&self, object: &Object) -> Outcome<Stored, PutError> {
        black_box(object);
        Outcome::Done(Stored::Now)
    }

    async fn list(&self, _prefix: &str, _after: &str) -> Outcome<Listed, PutError> {
        Outcome::Done(Listed::default())
    }
}

impl MessageQueue for Accepts {
    async fn delete(&self, _handles: &[String]) -> Outcome<(), CallError> {
        Outcome::Done(())
    }

    async fn hide(&self, _messages: &[Hidden]) -> Outcome<(), CallError> {
        Outcome::Done(())
    }
}

/// Deliver with this value of `COMPRESSION`, without Runtime API, SQS and S3.
pub fn deliver(compression: &str) -> anyhow::Result<Deliver<Accepts, Accepts>> {
    let lookup = |name: &str| match name {
        "BUCKET" => Some("spillway".to_owned()),
        "QUEUE_URL" => Some("http://127.0.0.1:1/none".to_owned()),
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "COMPRESSION" => Some(compression.to_owned()),
        _ => None,
    };
    let config = Config::read(&lookup).map_err(|errors| anyhow!("{errors}"))?;
    Ok(Deliver::new(&config, Accepts, Accepts))
}
