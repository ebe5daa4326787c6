//! Forward: events per second of one process by number of workers, and a slow partner next to a fast one.

mod alone;
mod partner;
mod stages;
mod together;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::plot::Plot;
use crate::report::{FOLDER, Report};
use crate::run::Options;
use crate::table::{Column, Table, count, float, number, text};
use alone::Alone;
use together::Run;

/// Numbers of workers.
const WORKERS: [usize; 8] = [1, 2, 5, 10, 15, 50, 100, 200];
/// Thousand events per second of one pod in the article about the commerce platform, by workers. Its best was 21.
const ARTICLE: [(f64, f64); 3] = [(1.0, 7.75), (15.0, 12.9), (50.0, 19.3)];
const ARTICLE_BEST: f64 = 21.0;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The duration of a POST in milliseconds
    #[arg(long, default_value_t = 30)]
    latency_ms: u64,
    /// The duration of a POST to the slow partner in milliseconds
    #[arg(long, default_value_t = 3_000)]
    slow_ms: u64,
    /// Records of a batch
    #[arg(long, default_value_t = 500)]
    batch: usize,
    /// The duration of each measurement in seconds
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Numbers of workers
    #[arg(long, value_delimiter = ',', default_values_t = WORKERS)]
    workers: Vec<usize>,
    /// Omit the pipelines with two destinations
    #[arg(long)]
    alone: bool,
    #[command(flatten)]
    options: Options,
}

/// Measures one process by workers, its stages, and pipelines with one and two destinations.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("destinations");
    let mut steps = Vec::new();
    for &workers in &arguments.workers {
        eprintln!("destinations: {workers} workers");
        steps.push(alone::measure(&arguments, workers).await?);
    }
    report.tables.extend([of_workers(&arguments, &steps), stages::table(arguments.batch)?]);
    report.plots.push(("", plot(&arguments, &steps)));
    if !arguments.alone {
        report.tables.push(of_runs(&Box::pin(together::measure(&arguments)).await?));
    }
    report.finish()
}

fn of_workers(arguments: &Arguments, steps: &[Alone]) -> Table {
    let one = steps.first().map_or(f64::NAN, |step| step.events_per_second);
    let columns: [Column<'_, Alone>; 8] = [
        ("workers", &|step| count(step.workers)),
        ("events/s", &|step| number(step.events_per_second, 0)),
        ("times one", &|step| number(step.events_per_second / one, 2)),
        ("POSTs at once, most", &|step| count(step.most_at_once)),
        ("cores", &|step| number(step.cores, 2)),
        ("CPU s per million", &|step| number(step.cpu, 2)),
        ("peak MB", &|step| number(float(step.peak) / 1e6, 0)),
        ("load average before", &|step| number(step.load_average, 2)),
    ];
    let Arguments { batch, latency_ms, .. } = arguments;
    Table::new(format!("One process of forward, batches of {batch}, {latency_ms} ms per POST"), steps, &columns)
}

fn plot(arguments: &Arguments, steps: &[Alone]) -> Plot {
    let name = format!("Spillway, batches of {}, {} ms", arguments.batch, arguments.latency_ms);
    let points = steps.iter().map(|step| (float(step.workers), step.events_per_second / 1e3));
    Plot::new("Forward: one process", ["workers", "thousand events/s"], [true, true])
        .line(&name, points)
        .line("the article's pod", ARTICLE)
        .line("the article's best", [(1.0, ARTICLE_BEST), (200.0, ARTICLE_BEST)])
}

fn of_runs(runs: &[Run]) -> Table {
    let columns: [Column<'_, Run>; 9] = [
        ("load", &|run| text(&run.name)),
        ("accepted/s", &|run| number(run.accepted_per_second, 0)),
        ("arrived", &|run| count(run.arrived)),
        ("missing", &|run| count(run.missing)),
        ("more than once", &|run| count(run.repeated)),
        ("lag p50 s", &|run| number(run.lag.median, 2)),
        ("lag p99 s", &|run| number(run.lag.p99, 2)),
        ("lag max s", &|run| number(run.lag.max, 2)),
        ("arrived at the slow partner", &|run| run.slow.map_or(text("–"), count)),
    ];
    Table::new("The whole pipeline: records at the fast partner", runs, &columns)
}

/// Writes a configuration with the stream `telemetry` and these destinations.
fn configuration(destinations: &[(&str, Value)]) -> anyhow::Result<PathBuf> {
    let folder = std::path::absolute(Path::new(FOLDER).join("destinations"))?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    for part in ["streams", "destinations"] {
        fs::create_dir_all(folder.join(part))?;
    }
    fs::write(folder.join("streams/telemetry.json"), "{\"table\":false}")?;
    for (name, file) in destinations {
        fs::write(folder.join(format!("destinations/{name}.json")), file.to_string())?;
    }
    Ok(folder)
}

/// The file of a destination.
fn file(url: &str, arguments: &Arguments) -> Value {
    json!({"url": url, "allow_private": true, "streams": ["telemetry"], "batch": {"records": arguments.batch}})
}

impl Arguments {
    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}
