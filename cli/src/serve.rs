//! `spillway serve`: runs the pipeline until a signal.

mod arguments;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use spillway_local::loopback::raise_file_limit;
use spillway_local::pipeline::{Drained, Pipeline, Running, Status};
use tokio::time::{MissedTickBehavior, interval};

use crate::admin::Admin;
use crate::report::{self, say};
use crate::signals::Signals;
pub(crate) use arguments::Serve;

/// The interval between lines of counts; a line without changes is skipped.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Serves until the first signal, then drains; the second signal stops immediately.
pub(crate) async fn run(arguments: Serve) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    raise_file_limit();
    arguments.check_origin()?;
    let (admin, keys) = (arguments.admin, arguments.behind.write_keys());
    let settings = arguments.settings()?;
    let pipeline = tokio::select! {
        pipeline = Pipeline::start(settings) => Arc::new(pipeline?),
        () = signals.next() => return Ok(ExitCode::FAILURE),
    };
    let admin = Admin::start(admin, Arc::clone(&pipeline)).await?;
    banner(&pipeline, &admin, keys.first().map_or("YOUR_KEY", String::as_str));
    tokio::select! {
        () = print_counts(&pipeline) => {}
        () = signals.next() => {}
    }
    let stopped = text_of_immediate_stop(&pipeline);
    say!("draining the queue into S3; new requests are refused (Ctrl-C again stops immediately)");
    tokio::select! {
        code = drain(pipeline, admin) => code,
        () = signals.next() => {
            say!("{stopped}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What happens to queued messages at the second signal.
fn text_of_immediate_stop(pipeline: &Pipeline) -> &'static str {
    if pipeline.keeps_messages() {
        "stopped immediately: queued messages stay in the data folder and are delivered after the next start"
    } else {
        "stopped immediately: the queue was in memory, so queued messages are lost"
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
    say!("Spillway accepts documents at http://{address}/v1/streams/{{stream}}");
    say!("  page     http://{}/", admin.address());
    say!("  status   http://{}/status", admin.address());
    say!("  SQS      {}", pipeline.queue().url);
    say!("  S3       {}", pipeline.bucket().endpoint);
    if pipeline.is_external() {
        say!("  external servers are in use: counts and ledger are incomplete");
    } else {
        say!("  objects  {}", pipeline.bucket().root.display());
    }
    for Running { destination, queue, .. } in pipeline.destinations() {
        say!("  {:<8} {}, queue {}", destination.name, destination.target.url(), queue.url);
    }
    let plan = pipeline.faults().plan();
    for (kind, fault) in plan.faults() {
        say!("  fault    {kind}={fault}, seed {}", plan.seed);
    }
    say!("\n  {}\n", curl(pipeline, key));
}

/// A command to copy.
fn curl(pipeline: &Pipeline, key: &str) -> String {
    format!(
        "curl -i http://{}/v1/streams/clicks -H 'X-Write-Key: {key}' -H 'Content-Type: application/json' \
         -d '[{{\"event\":\"page_view\"}}]'",
        pipeline.address()
    )
}

async fn print_counts(pipeline: &Pipeline) {
    let mut lines = interval(LINE_INTERVAL);
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
            Err(error) => eprintln!("counts are not available: {error}"),
        }
    }
}
