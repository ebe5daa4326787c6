//! Compact: reads the objects of an hour and writes them as typed Parquet files.
//!
//! ```text
//! event         messages that name an hour, or a schedule
//!   invocation  compacts these hours, or enqueues the hours with work left by
//!     replayed  hours into which records were put back, whatever their age, and
//!     sqs       messages to the function's own queue
//! hour          one stream and hour: repeats the stages until no work is left
//!   list        the objects of the hour that no file's footer names
//!   read        decompresses objects into lines
//!   dedupe      drops copies of records
//!   columns     payload values into typed columns, by the
//!     table     columns that the stream's lock file records;
//!     number    numbers and
//!     instant   times that do not round-trip, and undeclared members, go to
//!     rest      JSON text
//!   rows        lines into rows; a line that is no record is a row too
//!   build       one file from several objects, in batches of rows
//!   write       rows into a Parquet file
//!   commit      a PUT that succeeds only if the file's name is free
//!     store     the calls to a bucket, which
//!     s3        implements
//! rebuild       rows back into payloads: what columns and `rest` mean together
//! ```

pub mod build;
pub mod columns;
pub mod commit;
pub mod config;
pub mod dedupe;
pub mod event;
pub mod hour;
pub mod instant;
pub mod invocation;
pub mod json;
pub mod list;
pub mod number;
pub mod read;
pub mod rebuild;
pub mod replayed;
pub mod rest;
pub mod rows;
pub mod s3;
pub mod sqs;
pub mod store;
pub mod table;
pub mod write;

#[cfg(test)]
mod testing;

use std::sync::Arc;

use lambda_runtime::{Error, service_fn};
use spillway_aws::Calls;
use spillway_shared::config::Lookup;
use spillway_shared::metrics::emf::Sink;
use spillway_shared::{log, runtime};

use crate::config::Config;
use crate::invocation::Compact;
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
    let config = Config::read(lookup).inspect_err(|errors| tracing::error!(%errors, "compact does not start"))?;
    log::panics_by_place();
    let runtime =
        runtime::of_function(lookup).inspect_err(|error| tracing::error!(%error, "compact does not start"))?;
    runtime.block_on(serve(&config))
}

async fn serve(config: &Config) -> Result<(), Error> {
    let aws = Calls::once(config.files.attempts.timeout).load(Some(&config.region), None).await;
    let (store, queue) = (S3::new(&aws, &config.bucket), Sqs::new(&aws, &config.queue_url));
    let compact = Arc::new(Compact::new(config, store, queue).measured_by(Sink::stdout(&config.metrics)));
    let handler = service_fn(move |event| {
        let compact = Arc::clone(&compact);
        async move { compact.invocation(event).await.map_err(Error::from) }
    });
    lambda_runtime::run_concurrent(handler).await
}
