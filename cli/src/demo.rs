//! `spillway demo`: posts documents to a separate pipeline and shows the results.

mod browser;
mod documents;
mod post;
mod table;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use spillway_local::ledger::each_line;
use spillway_local::pipeline::{Drained, Pipeline};
use spillway_local::s3::Kind;
use spillway_shared::prefixes::LAKE;

use crate::admin::Admin;
use crate::arguments::Demo;
use crate::report::{self, say};
use crate::signals::Signals;
use post::Posted;

/// The pause between documents while somebody watches: about 50 documents/s.
const PAUSE: Duration = Duration::from_millis(20);

/// Posts documents to a separate pipeline, drains it, and shows an object, the ledger and the rates. With `--open` it shows
/// the page first, posts more slowly and drains the pipeline at the first signal.
pub(crate) async fn run(arguments: Demo) -> anyhow::Result<ExitCode> {
    let pipeline = Arc::new(Pipeline::start(arguments.settings()?).await?);
    let (started, posted) = if arguments.open {
        watched(&pipeline, arguments.documents).await?
    } else {
        say!("posting {} documents to http://{}", arguments.documents, pipeline.address());
        (Instant::now(), Some(post(&pipeline, arguments.documents, None).await?))
    };
    let posting = started.elapsed();
    if let Some(posted) = &posted {
        say!("{posted}");
    }

    let pipeline = Arc::into_inner(pipeline).context("the pipeline is still in use")?;
    let Drained { ledger, objects, .. } = pipeline.drain().await?;
    let storing = started.elapsed();
    if let Some(object) = objects.iter().find(|object| object.kind == Kind::Records) {
        say!("\n{}", show(&object.path)?);
    }
    if let Some(file) = objects.iter().find(|object| object.key.starts_with(LAKE)) {
        say!("{}", table::show(file).with_context(|| format!("{} cannot be read", file.path.display()))?);
    }
    say!("{ledger}");
    if !arguments.open {
        say!("{}", rates(arguments.documents, posting, ledger.stored, storing));
    }
    if let Some(Posted { accepted, .. }) = posted {
        ensure!(
            arguments.open || accepted == ledger.accepted,
            "the responses report {accepted} accepted records, but SQS acknowledged {}",
            ledger.accepted
        );
    }
    Ok(report::exit_code(&ledger))
}

async fn post(pipeline: &Pipeline, documents: usize, pause: Option<Duration>) -> anyhow::Result<Posted> {
    let progress = report::progress(documents as u64, "documents");
    let posted = post::all(pipeline.address(), documents, pause, &progress).await;
    progress.finish_and_clear();
    posted
}

/// Opens the page and posts documents until a signal; returns the counts of the responses if every document was posted.
async fn watched(pipeline: &Arc<Pipeline>, documents: usize) -> anyhow::Result<(Instant, Option<Posted>)> {
    let mut signals = Signals::listen()?;
    let admin = Admin::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Arc::clone(pipeline)).await?;
    let page = format!("http://{}/", admin.address());
    let opened = browser::open(&page).await;
    say!("{} {page}", if opened { "opened" } else { "no browser could be opened; the page is" });
    say!("posting {documents} documents to http://{}; Ctrl-C drains the pipeline", pipeline.address());
    let started = Instant::now();
    let posted = tokio::select! {
        posted = post(pipeline, documents, Some(PAUSE)) => {
            let posted = posted?;
            say!("all documents are posted; the page stays until Ctrl-C");
            signals.next().await;
            Some(posted)
        }
        () = signals.next() => None,
    };
    admin.close().await;
    Ok((started, posted))
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
