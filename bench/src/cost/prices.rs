//! List prices of us-east-1, November 2026, without free tiers and discounts, in dollars.

use std::time::Duration;

use crate::run::Run;
use crate::table::float;

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

/// The memory of ingest and of deliver, in GB, the defaults of the template.
const INGEST_GB: f64 = 0.25;
const DELIVER_GB: f64 = 1.0;

/// The price of a million payloads by service.
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
    /// The bill of a run. Processes with concurrent requests run on instances, whose price per hour it excludes.
    pub(super) fn of(run: &Run, on_instances: bool) -> Self {
        let millions = |count: u64| run.count_per_million(count) / 1e6;
        let gb_seconds = |busy: Duration, gb: f64| busy.as_secs_f64() * gb / float(run.ledger.stored) * 1e6;
        let ingest_gb_seconds = if on_instances { f64::NAN } else { gb_seconds(run.ingest.busy, INGEST_GB) };
        let deliver_gb_seconds = gb_seconds(run.deliver.busy, DELIVER_GB);
        let duration = |gb_seconds: f64| if gb_seconds.is_nan() { 0.0 } else { gb_seconds * LAMBDA_GB_SECOND };
        Self {
            front: millions(run.ingest.invocations) * HTTP_API,
            ingest: millions(run.ingest.invocations) * LAMBDA_REQUESTS + duration(ingest_gb_seconds),
            sqs: millions(run.sqs.billed()) * SQS_REQUESTS,
            deliver: millions(run.deliver.invocations) * LAMBDA_REQUESTS + duration(deliver_gb_seconds),
            puts: millions(run.puts) * S3_PUTS,
            ingest_gb_seconds,
            deliver_gb_seconds,
        }
    }

    /// Everything except the front.
    pub(super) fn without_front(&self) -> f64 {
        self.ingest + self.sqs + self.deliver + self.puts
    }
}
