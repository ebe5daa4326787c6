//! Deliver: moves messages from SQS to S3.
//!
//! ```text
//! batch         one invocation: a batch of SQS messages in, the failed ones out
//!   suspects    messages received too often are handled last and separately, as they may kill the process
//!   unpack      reads headers; equal messages become one; an unreadable message is an error
//!     lines     each line must look like a record of the stream
//!   object      groups messages by stream and hour into objects, and names these
//!   upload      each object waits for memory, then for a worker of the pool
//!     draft     unpacks the records of one message after another,
//!     encode    compresses them, or joins frames that are compressed already
//!     s3        and PUTs the object, unless its key exists
//!     breaker   sends one probe at a time while S3 fails
//!   quarantine  stores an unreadable message whole, with the reason
//!   outcomes    which messages are done and which have failed
//!   settle      hides failed messages for a
//!     delay     that grows with their receives, and deletes stored messages before suspects are handled
//!     sqs       both by calls to SQS
//!   metrics     one line for each batch
//! ```

pub mod batch;
pub mod config;
mod deadline;
pub mod delay;
pub mod draft;
pub mod encode;
mod failures;
pub mod index;
pub mod lines;
pub mod metrics;
pub mod object;
mod outcomes;
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

/// Runs the function until Lambda ends it: reads the settings, connects once, then handles invocations.
///
/// The SDK reads credentials and endpoints from its usual variables of the process.
///
/// # Errors
/// Every bad or missing variable, which is also logged in one line, or an error of the Lambda Runtime API.
pub fn run(lookup: Lookup<'_>) -> Result<(), Error> {
    log::start(lookup);
    let config = Config::read(lookup).inspect_err(|errors| tracing::error!(%errors, "deliver does not start"))?;
    log::panics_by_place();
    let runtime =
        runtime::of_function(lookup).inspect_err(|error| tracing::error!(%error, "deliver does not start"))?;
    runtime.block_on(serve(&config))
}

async fn serve(config: &Config) -> Result<(), Error> {
    let aws = Calls::once(config.attempts.timeout).load(Some(&config.region), None).await;
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
    fn a_bad_configuration_prevents_the_start_and_every_bad_variable_is_named() {
        let lookup = |name: &str| (name == "MAX_WORKERS").then(|| "many".to_owned());
        let error = super::run(&lookup).unwrap_err().to_string();
        for name in ["BUCKET", "QUEUE_URL", "AWS_REGION", "MAX_WORKERS"] {
            assert!(error.contains(name), "{name} is not in {error}");
        }
    }
}
