//! `spillway demo`: posts documents to a separate pipeline and shows the results.

mod documents;
mod post;
mod table;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use spillway_local::ledger::each_line;
use spillway_local::pipeline::{Drained, Pipeline};
use spillway_local::s3::Kind;
use spillway_shared::prefixes::LAKE;

use crate::arguments::Demo;
use crate::report::{self, say};

/// Posts documents to a separate pipeline, drains it, and shows an object, the ledger and the rates.
pub(crate) async fn run(arguments: Demo) -> anyhow::Result<ExitCode> {
    let pipeline = Pipeline::start(arguments.settings()?).await?;
    say!("posting {} documents to http://{}", arguments.documents, pipeline.address());
    let started = Instant::now();
    let progress = report::progress(arguments.documents as u64, "documents");
    let posted = post::all(pipeline.address(), arguments.documents, &progress).await?;
    progress.finish_and_clear();
    let posting = started.elapsed();
    say!("{posted}");

    let Drained { ledger, objects, .. } = pipeline.drain().await?;
    let storing = started.elapsed();
    if let Some(object) = objects.iter().find(|object| object.kind == Kind::Records) {
        say!("\n{}", show(&object.path)?);
    }
    if let Some(file) = objects.iter().find(|object| object.key.starts_with(LAKE)) {
        say!("{}", table::show(file).with_context(|| format!("{} cannot be read", file.path.display()))?);
    }
    say!("{ledger}");
    say!("{}", rates(arguments.documents, posting, ledger.stored, storing));
    ensure!(
        posted.accepted == ledger.accepted,
        "the responses report {} accepted records, but SQS acknowledged {}",
        posted.accepted,
        ledger.accepted
    );
    Ok(report::exit_code(&ledger))
}

/// The folder of the configuration: the given one, or one with the stream of the demo, which is written here.
pub(crate) fn config(arguments: &Demo) -> io::Result<PathBuf> {
    if let Some(config) = &arguments.config {
        return Ok(config.clone());
    }
    let folder = arguments.data.join(".demo-config");
    for (name, text) in [
        ("streams/telemetry.json", include_str!("demo/config/streams/telemetry.json")),
        ("tables/telemetry.json", include_str!("demo/config/tables/telemetry.json")),
    ] {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&folder))?;
        std::fs::write(path, text)?;
    }
    Ok(folder)
}

/// The path and the first two records of an object.
fn show(path: &Path) -> anyhow::Result<String> {
    let mut text = format!("{}\n", path.display());
    let mut shown = 0..2;
    let show = |line: &[u8]| shown.next().into_iter().for_each(|_| text += &(String::from_utf8_lossy(line) + "\n"));
    each_line(path, u64::MAX, show).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(text)
}

fn rates(documents: usize, posting: Duration, stored: u64, storing: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a displayed rate need not be exact")]
    let [posted, stored] =
        [(documents as f64, posting), (stored as f64, storing)].map(|(n, time)| n / time.as_secs_f64());
    format!(
        "posted {posted:.0} documents/s, stored {stored:.0} payloads/s from the first request to the last object ({:.1} s)",
        storing.as_secs_f64()
    )
}
