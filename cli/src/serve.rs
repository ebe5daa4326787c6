//! `spillway serve`: the pipeline until somebody ends it.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use spillway_local::loopback::raise_file_limit;
use spillway_local::pipeline::{Drained, Pipeline, Status};
use tokio::time::{MissedTickBehavior, interval};

use crate::admin::Admin;
use crate::arguments::Serve;
use crate::report::{self, say};
use crate::signals::Signals;

/// How often a line of counts is printed, if something has happened.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Serves until the first signal, then drains; stops at once at the second one.
pub(crate) async fn run(arguments: Serve) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    raise_file_limit();
    let (admin, key) = (arguments.admin, arguments.behind.write_keys[0].clone());
    let settings = arguments.settings()?;
    let pipeline = tokio::select! {
        pipeline = Pipeline::start(settings) => Arc::new(pipeline?),
        () = signals.next() => return Ok(ExitCode::FAILURE),
    };
    let admin = Admin::start(admin, Arc::clone(&pipeline)).await?;
    banner(&pipeline, &admin, &key);
    tokio::select! {
        () = print_counts(&pipeline) => {}
        () = signals.next() => {}
    }
    let stopped = stopped_at_once(&pipeline);
    say!("no new request is taken; draining the queue into S3 (again to stop at once)");
    tokio::select! {
        code = drain(pipeline, admin) => code,
        () = signals.next() => {
            say!("{stopped}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What a second signal means for queued messages.
fn stopped_at_once(pipeline: &Pipeline) -> &'static str {
    if pipeline.keeps_messages() {
        "stopped at once: queued messages stay in the queue and are delivered at the next start"
    } else {
        "stopped at once: the queue was in memory, and queued messages are lost"
    }
}

async fn drain(pipeline: Arc<Pipeline>, admin: Admin) -> anyhow::Result<ExitCode> {
    admin.close().await;
    let pipeline = Arc::into_inner(pipeline).context("the pipeline is still in use")?;
    let Drained { ledger, .. } = pipeline.drain().await?;
    say!("{ledger}");
    Ok(report::exit_code(&ledger))
}

fn banner(pipeline: &Pipeline, admin: &Admin, key: &str) {
    let address = pipeline.address();
    say!("Spillway takes documents at http://{address}/v1/streams/{{stream}}");
    say!("  status   http://{}/status", admin.address());
    say!("  SQS      {}", pipeline.queue_url());
    say!("  S3       {}", pipeline.s3_endpoint());
    if pipeline.is_external() {
        say!("  somebody else's servers are in use: counts and ledger cannot tell everything");
    } else {
        say!("  objects  {}", pipeline.objects().display());
    }
    let plan = pipeline.faults().plan();
    for (kind, fault) in plan.faults() {
        say!("  fault    {kind}={fault}, by seed {}", plan.seed);
    }
    say!("\n  {}\n", curl(pipeline, key));
}

/// A line that works as it stands.
fn curl(pipeline: &Pipeline, key: &str) -> String {
    format!(
        "curl -i http://{}/v1/streams/clicks -H 'X-Write-Key: {key}' -H 'Content-Type: application/json' \
         -d '[{{\"event\":\"page_view\"}}]'",
        pipeline.address()
    )
}

async fn print_counts(pipeline: &Pipeline) {
    let mut lines = interval(BETWEEN_LINES);
    lines.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Status::default();
    loop {
        lines.tick().await;
        match pipeline.status().await {
            Ok(status) if report::differ(&status, &last) => {
                say!("{}", report::line(&status));
                last = status;
            }
            Ok(_) => {}
            Err(error) => eprintln!("no counts: {error}"),
        }
    }
}
