//! The bill of a run, at the list prices of `spillway plan`.

use std::time::Duration;

use spillway_plan::facts::price;
use spillway_plan::facts::template::{DELIVER_GB, INGEST_GB};

use crate::run::Run;
use crate::table::float;

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
        let duration = |gb_seconds: f64| if gb_seconds.is_nan() { 0.0 } else { gb_seconds * price::LAMBDA_GB_SECOND };
        Self {
            front: millions(run.ingest.invocations) * price::HTTP_API,
            ingest: millions(run.ingest.invocations) * price::LAMBDA_REQUESTS + duration(ingest_gb_seconds),
            sqs: millions(run.sqs.billed()) * price::SQS_REQUESTS,
            deliver: millions(run.deliver.invocations) * price::LAMBDA_REQUESTS + duration(deliver_gb_seconds),
            puts: millions(run.puts) * price::S3_PUTS,
            ingest_gb_seconds,
            deliver_gb_seconds,
        }
    }

    /// Everything except the front.
    pub(super) fn without_front(&self) -> f64 {
        self.ingest + self.sqs + self.deliver + self.puts
    }
}
