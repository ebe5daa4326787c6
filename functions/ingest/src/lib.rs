//! Ingest: accepts documents over HTTP and enqueues their records on SQS.
//!
//! ```text
//! event ► origin ► request ► auth ► body ► payloads ► judge ► record ► pack ► group commit ► response
//! ```
//!
//! [`request`] calls the stages in this order. The stages before [`group_commit`] are pure: bytes in, bytes out.
//! [`group_commit`] gathers the records of all requests, and [`sqs`] is the only file that calls SQS. [`metrics`]
//! counts responses and outcomes.

pub mod auth;
pub mod body;
pub mod config;
pub mod error;
pub mod event;
pub mod group_commit;
pub mod judge;
pub mod metrics;
pub mod origin;
pub mod pack;
pub mod payloads;
pub mod preset;
pub mod record;
pub mod rejection;
pub mod request;
pub mod response;
pub mod shutdown;
pub mod sqs;
pub mod surrogates;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use lambda_http::{Error, lambda_runtime, service_fn};
use spillway_shared::config::Lookup;
use spillway_shared::metrics::emf::Sink;
use spillway_shared::pool::{Budget, Pool};
use spillway_shared::{log, runtime};

use config::Config;
use group_commit::GroupCommit;
use metrics::Metrics;
use request::Ingest;
use sqs::Sqs;

/// Runs the function until its environment ends: reads the configuration, connects to SQS, then answers requests.
///
/// # Errors
/// Every error of the configuration, or the loss of the runtime API.
pub fn run(lookup: Lookup<'_>) -> Result<(), Error> {
    log::start(lookup);
    let config = Config::read(lookup).inspect_err(|errors| tracing::error!(%errors, "ingest cannot start"))?;
    log::panics_by_place();
    let runtime = runtime::of_function(lookup).inspect_err(|error| tracing::error!(%error, "ingest cannot start"))?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> Result<(), Error> {
    let sqs = Sqs::connect(config.queue_url, config.limits.attempts).await;
    let group_commit = GroupCommit::new(sqs, Pool::new(config.workers), config.limits);
    let (sink, budget) = (Sink::stdout(&config.metrics), Budget::new(config.inflight_bytes));
    let is_measured = sink.is_on();
    let ingest = Arc::new(Ingest { intake: config.intake, budget, group_commit, metrics: Metrics::new(sink) });
    if is_measured {
        let ingest = Arc::clone(&ingest);
        shutdown::before(move || ingest.metrics.flush(ingest.group_commit.calls(), SystemTime::now())).await;
    }
    let handler = move |event| {
        let ingest = Arc::clone(&ingest);
        async move {
            let response = match event::request(event) {
                Ok(request) => ingest.handle(request).await,
                Err(error) => ingest.refuse(&error),
            };
            Ok::<_, Infallible>(event::response(response))
        }
    };
    lambda_runtime::run_concurrent(service_fn(handler)).await
}
