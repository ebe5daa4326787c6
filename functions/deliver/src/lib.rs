//! Deliver: drains SQS into S3.
//!
//! ```text
//! batch       one invocation: a batch of SQS messages in, those that failed out
//!   unpack      headers are read, equal messages become one; what cannot be read is a fault
//!   object      messages are grouped by stream and hour into objects, which get their names
//!   upload      every object waits for memory, then for a worker of the pool
//!     draft       records are unpacked, message after message,
//!     encode      compressed as they come, or joined as they are,
//!     store       and PUT to S3, unless the object is there already
//!       breaker     (spared while it fails)
//!   quarantine  what can never be read is kept whole, with the reason
//!   suspects    what came back too often is handled last and apart: it may kill the process
//!   settle      failed messages come back after a
//!     delay       that grows with their receives; what is stored beside suspects is deleted at once
//!     queue       by SQS
//!   metrics     one line says what became of the batch
//! ```

pub mod batch;
pub mod breaker;
pub mod config;
mod deadline;
pub mod delay;
pub mod draft;
pub mod encode;
mod failures;
mod fates;
pub mod metrics;
pub mod object;
pub mod quarantine;
pub mod s3;
pub mod settle;
pub mod sqs;
pub mod suspects;
pub mod unpack;
pub mod upload;

#[cfg(test)]
mod testing;

use std::sync::Arc;

use lambda_runtime::{Error, service_fn};
use spillway_aws::Calls;
use spillway_shared::config::Lookup;
use spillway_shared::metrics::emf::Sink;
use spillway_shared::{log, runtime};

use crate::batch::Deliver;
use crate::config::Config;
use crate::s3::S3;
use crate::sqs::Sqs;

/// Runs the function until Lambda ends it: reads the settings, builds what all invocations share, asks for invocations.
///
/// Credentials and what else the SDK needs are its own usual variables, which it reads from the process.
///
/// # Errors
/// Every bad or missing variable, which is also logged in one line; or what the Lambda Runtime API said.
pub fn run(lookup: Lookup<'_>) -> Result<(), Error> {
    log::start(lookup);
    let config = Config::read(lookup).inspect_err(|faults| tracing::error!(%faults, "deliver does not start"))?;
    log::panics_by_place();
    let runtime =
        runtime::of_function(lookup).inspect_err(|error| tracing::error!(%error, "deliver does not start"))?;
    runtime.block_on(serve(&config))
}

async fn serve(config: &Config) -> Result<(), Error> {
    let aws = Calls::once(config.tries.timeout).load(Some(&config.region), None).await;
    let (store, queue) = (S3::new(&aws, &config.bucket), Sqs::new(&aws, &config.queue_url));
    let deliver = Arc::new(Deliver::new(config, store, queue).measured_by(Sink::stdout(&config.metrics)));
    let handler = service_fn(move |event| {
        let deliver = Arc::clone(&deliver);
        async move { deliver.invocation(event).await.map_err(Error::from) }
    });
    lambda_runtime::run_concurrent(handler).await
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_does_not_start_on_a_bad_configuration_and_names_all_that_is_wrong() {
        let lookup = |name: &str| (name == "MAX_WORKERS").then(|| "many".to_owned());
        let error = super::run(&lookup).unwrap_err().to_string();
        for name in ["BUCKET", "QUEUE_URL", "AWS_REGION", "MAX_WORKERS"] {
            assert!(error.contains(name), "{name} is not in {error}");
        }
    }
}
