//! `spillway demo`: posts documents to a separate pipeline and shows the results.

mod documents;
mod post;
mod show;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::ensure;
use indicatif::{ProgressBar, ProgressStyle};
use spillway_local::pipeline::{Drained, Pipeline};

use crate::arguments::Demo;
use crate::report::{self, say};

/// Posts documents to a separate pipeline, drains it, and shows an object, the ledger and the rates.
pub(crate) async fn run(arguments: Demo) -> anyhow::Result<ExitCode> {
    let pipeline = Pipeline::start(arguments.settings()?).await?;
    say!("posting {} documents to http://{}", arguments.documents, pipeline.address());
    let started = Instant::now();
    let progress = progress(arguments.documents);
    let posted = post::all(pipeline.address(), arguments.documents, &progress).await?;
    progress.finish_and_clear();
    let posting = started.elapsed();
    say!("{posted}");

    let Drained { ledger, objects, .. } = pipeline.drain().await?;
    let storing = started.elapsed();
    if let Some(object) = objects.first() {
        say!("\n{}", show::object(&object.path)?);
    }
    say!("{ledger}");
    say!("{}", rates(&posted, posting, storing, ledger.stored));
    ensure!(
        posted.accepted == ledger.accepted,
        "the responses report {} accepted records, but SQS acknowledged {}",
        posted.accepted,
        ledger.accepted
    );
    Ok(report::exit_code(&ledger))
}

fn progress(documents: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} documents  {per_sec}");
    let bar = ProgressBar::new(documents as u64);
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

fn rates(posted: &post::Posted, posting: Duration, storing: Duration, stored: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a displayed rate need not be exact")]
    let rate = |count: u64, time: Duration| count as f64 / time.as_secs_f64();
    format!(
        "posted {:.0} documents/s, stored {:.0} payloads/s from the first request to the last object ({:.1} s)",
        rate(posted.documents(), posting),
        rate(stored, storing),
        storing.as_secs_f64()
    )
}
