//! Forward: sends the records of a bucket to a partner, as its destination's file says.
//!
//! ```text
//! invocation    one invocation: SQS messages in, the failed ones out
//!   event       reads a message: an object that was created, or some lines of one
//!   work        sends the first 20 batches of a message; the lines after them go to other messages
//!     object    reads lines, by ranges of the object that s3 fetches
//!     select    leaves out records without consent and members that are not sent
//!     batch     groups records into the bodies of requests
//!     batches   makes batches one after another, as the pool needs them
//!     post      sends a batch at the rate that pace allows: attempts, pauses, the meaning of answers
//!       credentials  headers and keys; secrets are read again after a 401
//!       partner      one POST over HTTP, signed by sign, to an address that resolve allows
//!     ended     which lines were sent, are missing or are never sent
//!   settle      the message is done, is hidden for a delay, or is replaced by messages for what is missing
//!     sqs       by calls to SQS
//! ```

pub mod batch;
pub mod batches;
pub mod config;
pub mod credentials;
pub mod delay;
pub mod ended;
pub mod event;
pub mod invocation;
pub mod object;
pub mod pace;
pub mod partner;
pub mod post;
pub mod resolve;
pub mod s3;
pub mod secrets;
pub mod select;
pub mod settle;
pub mod sign;
pub mod sqs;
pub mod work;

#[cfg(test)]
mod testing;

use std::sync::Arc;

use lambda_runtime::{Error, service_fn};
use spillway_aws::Calls;
use spillway_shared::config::Lookup;
use spillway_shared::metrics::emf::Sink;
use spillway_shared::{log, runtime};
use tokio::time::Instant;

use crate::config::Config;
use crate::credentials::Current;
use crate::invocation::Forward;
use crate::partner::Partner;
use crate::post::Poster;
use crate::s3::S3;
use crate::secrets::Source;
use crate::sqs::Sqs;

/// Runs the function until Lambda ends it: reads the settings, connects once, then handles invocations.
///
/// The SDK reads credentials and endpoints from its usual variables of the process.
///
/// # Errors
/// Every bad or missing variable or secret, which is also logged in one line, or an error of the Lambda Runtime API.
pub fn run(lookup: Lookup<'_>) -> Result<(), Error> {
    log::start(lookup);
    let config = Config::read(lookup).inspect_err(|errors| tracing::error!(%errors, "forward does not start"))?;
    log::panics_by_place();
    let runtime =
        runtime::of_function(lookup).inspect_err(|error| tracing::error!(%error, "forward does not start"))?;
    runtime.block_on(serve(&config, lookup))
}

async fn serve(config: &Config, lookup: Lookup<'_>) -> Result<(), Error> {
    let forward =
        connect(config, lookup).await.inspect_err(|error| tracing::error!(%error, "forward does not start"))?;
    let handler = service_fn(move |event| {
        let forward = Arc::clone(&forward);
        async move { forward.invocation(event).await.map_err(Error::from) }
    });
    lambda_runtime::run_concurrent(handler).await
}

async fn connect(config: &Config, lookup: Lookup<'_>) -> Result<Arc<Forward<Source, S3, Sqs>>, Error> {
    let aws = Calls::once(config.attempts.timeout).load(Some(&config.region), None).await;
    let destination = config.destination.clone();
    let source = if config.has_local_secrets {
        Source::environment(lookup, &destination.secrets())
    } else {
        Source::manager(&aws)
    };
    let deadline = Instant::now() + config.attempts.timeout * config.attempts.count;
    let credentials = Current::read(source, &destination, config.attempts, deadline).await?;
    let poster = Poster::new(destination.clone(), Partner::new(&destination)?, credentials);
    let queue = Sqs::new(&aws, &config.queue_url, &config.dead_letter_url);
    let forward = Forward::new(config, poster, S3::new(&aws, &config.bucket), queue);
    Ok(Arc::new(forward.measured_by(Sink::stdout(&config.metrics))))
}
