//! List prices of us-east-1, November 2026, without free tiers and discounts, in dollars.

use std::time::Duration;

use crate::run::{Run, float};

/// <https://aws.amazon.com/api-gateway/pricing/>: a million requests to an HTTP API.
const HTTP_API: f64 = 1.00;
/// <https://aws.amazon.com/lambda/pricing/>: a million requests.
const LAMBDA_REQUESTS: f64 = 0.20;
/// A GB-second on arm64.
const LAMBDA_GB_SECOND: f64 = 0.000_013_333_4;
/// <https://aws.amazon.com/sqs/pricing/>: a million requests, each of up to 64 KiB.
const SQS_REQUESTS: f64 = 0.40;
/// <https://aws.amazon.com/s3/pricing/>: a million PUTs.
const S3_PUTS: f64 = 5.00;

/// The memory of ingest and of deliver, in GB, as the template has them by default.
const INGEST_GB: f64 = 0.25;
const DELIVER_GB: f64 = 1.0;

/// What a million payloads cost by line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bill {
    pub(super) front: f64,
    pub(super) ingest: f64,
    pub(super) sqs: f64,
    pub(super) deliver: f64,
    pub(super) puts: f64,
    pub(super) ingest_gb_seconds: f64,
    pub(super) deliver_gb_seconds: f64,
}

impl Bill {
    /// Of a run; processes that take many requests at once run on instances that are billed by the hour, not here.
    pub(super) fn of(run: &Run, on_instances: bool) -> Self {
        let a_million = |count: u64| run.count_a_million(count) / 1e6;
        let gb_seconds = |busy: Duration, gb: f64| busy.as_secs_f64() * gb / float(run.ledger.stored) * 1e6;
        let ingest_gb_seconds = if on_instances { f64::NAN } else { gb_seconds(run.ingest.busy, INGEST_GB) };
        let deliver_gb_seconds = gb_seconds(run.deliver.busy, DELIVER_GB);
        let duration = |gb_seconds: f64| if gb_seconds.is_nan() { 0.0 } else { gb_seconds * LAMBDA_GB_SECOND };
        Self {
            front: a_million(run.ingest.invocations) * HTTP_API,
            ingest: a_million(run.ingest.invocations) * LAMBDA_REQUESTS + duration(ingest_gb_seconds),
            sqs: a_million(run.sqs.billed()) * SQS_REQUESTS,
            deliver: a_million(run.deliver.invocations) * LAMBDA_REQUESTS + duration(deliver_gb_seconds),
            puts: a_million(run.puts) * S3_PUTS,
            ingest_gb_seconds,
            deliver_gb_seconds,
        }
    }

    /// Everything but the front.
    pub(super) fn without_front(&self) -> f64 {
        self.ingest + self.sqs + self.deliver + self.puts
    }
}
