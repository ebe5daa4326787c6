//! How far away SQS and S3 are: as far as in a region of AWS, or on loopback.

use clap::Args;
use spillway_local::faults::{Plan, PlanError, parse};

/// Round trips inside a region of AWS: about 5 ms to SQS and 30 ms to S3.
///
/// On bare loopback a call takes less than a millisecond. Then pollers and group commit make many more calls, and more CPU
/// goes into them, than AWS would ever see.
const REGION: [&str; 2] = ["sqs.latency=1:5ms", "s3.latency=1:30ms"];

/// The option of every measurement that runs a pipeline.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Distance {
    /// Leave out the latency of a region, 5 ms to SQS and 30 ms to S3
    #[arg(long)]
    loopback: bool,
}

impl Distance {
    /// The latencies as injected faults.
    pub(crate) fn plan(self) -> Result<Plan, PlanError> {
        let latencies: &[&str] = if self.loopback { &[] } else { &REGION };
        let faults: Vec<_> = latencies.iter().copied().map(parse).collect::<Result<_, _>>()?;
        Ok(Plan::new(0, faults))
    }
}
