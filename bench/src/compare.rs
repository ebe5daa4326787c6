//! The same load on Spillway and on another pipeline, in turns: A B A B.

pub(crate) mod article;
mod stored;

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use http::Uri;
use spillway_local::pipeline::Pipeline;
use tokio::time::{Instant, sleep};

use crate::load::{Load, Posted, Target};
use crate::machine::{self, cpu_seconds_of, peak_bytes};
use crate::report::Report;
use crate::run::Options;
use crate::table::{Cell, Column, Table, count, float, number, text};
use article::Article;
use stored::{payloads, snapshot};

/// The folder of the article's objects.
const ARTICLE_DATA: &str = "target/bench/article";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The http:// URL of the other pipeline (default: the worker pool of the 2015 article, which this command starts)
    #[arg(long, requires = "objects")]
    target: Option<Uri>,
    /// The folder of the other pipeline's objects, whose names end in .gz (gzip), .zst (zstd) or otherwise (plain)
    #[arg(long, requires = "target")]
    objects: Option<PathBuf>,
    /// The process ids of the other pipeline, for CPU and memory
    #[arg(long, value_delimiter = ',', requires = "target")]
    pids: Vec<u32>,
    /// The number of connections
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// The duration of a turn in seconds
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// The number of turns of each pipeline
    #[arg(long, default_value_t = 2)]
    turns: usize,
    /// The pause after each turn in seconds, in which the pipeline stores what it accepted
    #[arg(long, default_value_t = 8)]
    rest: u64,
    #[command(flatten)]
    options: Options,
}

/// One of the two pipelines.
struct Side {
    name: &'static str,
    target: Target,
    objects: PathBuf,
    pids: Vec<u32>,
}

/// The results of a turn.
struct Turn {
    name: &'static str,
    posted: Posted,
    /// The duration of the load in seconds.
    seconds: f64,
    /// Accepted payloads.
    accepted: f64,
    /// Payloads in objects at the end of the load, and after the pause.
    stored_under_load: f64,
    stored: f64,
    /// CPU seconds; NaN if the processes are unknown.
    cpu: f64,
    peak: u64,
    load_average: f64,
}

/// Runs the turns, and prints them with the ratio of the pipelines.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("compare");
    let settings = arguments.options.settings()?;
    let data = settings.data.clone();
    let pipeline = Pipeline::start(settings).await?;
    let (other, article) = match &arguments.target {
        Some(target) => (arguments.other(target)?, None),
        None => Article::start(Path::new(ARTICLE_DATA)).await.map(|article| (article.side(), Some(article)))?,
    };
    let sides = [spillway(&pipeline), other];
    let mut turns = Vec::new();
    for side in sides.iter().cycle().take(2 * arguments.turns) {
        eprintln!("compare: {}", side.name);
        turns.push(arguments.turn(side).await?);
    }
    if let Some(article) = article {
        article.stop().await?;
    }
    report.notes.push(pipeline.drain().await?.ledger.to_string());
    report.tables.push(arguments.table(&turns));
    std::fs::remove_dir_all(data)?;
    report.finish()
}

fn spillway(pipeline: &Pipeline) -> Side {
    Side {
        name: "Spillway",
        target: Target::pipeline(pipeline.address()),
        objects: pipeline.bucket().root.clone(),
        pids: [pipeline.ingest().pids(), pipeline.deliver().pids()].concat(),
    }
}

impl Arguments {
    /// The pipeline at the URL of `--target`.
    fn other(&self, uri: &Uri) -> anyhow::Result<Side> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let target = Target { address: address(uri)?, path, status: None };
        let (objects, pids) = (self.objects.clone().unwrap_or_default(), self.pids.clone());
        Ok(Side { name: "other pipeline", target, objects, pids })
    }

    async fn turn(&self, side: &Side) -> anyhow::Result<Turn> {
        let load_average = machine::load_average();
        let (before, cpu) = (payloads(&snapshot(&side.objects)?), cpu_seconds_of(&side.pids));
        let time = Duration::from_secs(self.seconds);
        let started = Instant::now();
        let posted = Load::new(side.target.clone(), self.connections, self.options.payloads, time).run().await?;
        let (seconds, at_end) = (started.elapsed().as_secs_f64(), snapshot(&side.objects)?);
        sleep(Duration::from_secs(self.rest)).await;
        let cpu = cpu_seconds_of(&side.pids) - cpu;
        let after = payloads(&snapshot(&side.objects)?);
        Ok(Turn {
            name: side.name,
            accepted: float(posted.accepted) * float(self.options.payloads),
            posted,
            seconds,
            stored_under_load: float(payloads(&at_end).saturating_sub(before)),
            stored: float(after.saturating_sub(before)),
            cpu: if side.pids.is_empty() { f64::NAN } else { cpu },
            peak: peak_bytes(&side.pids),
            load_average,
        })
    }

    fn table(&self, turns: &[Turn]) -> Table {
        let columns: [Column<'_, Turn>; 10] = [
            ("turn", &|turn| text(turn.name)),
            ("accepted payloads/s", &|turn| number(turn.accepted / turn.seconds, 0)),
            ("stored under load /s", &|turn| number(turn.stored_under_load / turn.seconds, 0)),
            ("stored in the end %", &|turn| number(turn.stored / turn.accepted * 100.0, 1)),
            ("p50 ms", &|turn| number(turn.posted.percentile_ms(0.5), 1)),
            ("p99 ms", &|turn| number(turn.posted.percentile_ms(0.99), 1)),
            ("failed", &|turn| count(turn.posted.failed)),
            ("CPU s per million stored", &|turn| number(turn.cpu / turn.stored * 1e6, 1)),
            ("peak MB", &|turn| count(turn.peak >> 20)),
            ("load average before", &|turn| number(turn.load_average, 2)),
        ];
        let (connections, payloads, seconds) = (self.connections, self.options.payloads, self.seconds);
        let title = format!("{connections} connections, documents of {payloads} payloads, {seconds} s per turn");
        let mut table = Table::new(title, turns, &columns);
        let ratios = (1..columns.len()).map(|column| number(ratio(&table.rows, column), 2));
        let ratios = [text("ratio of the means")].into_iter().chain(ratios).collect();
        table.rows.push(ratios);
        table
    }
}

/// The mean of a column over the turns of Spillway, divided by the mean over those of the other pipeline.
fn ratio(rows: &[Vec<Cell>], column: usize) -> f64 {
    let sum = |first| rows.iter().skip(first).step_by(2).map(|row| row[column].value()).sum::<f64>();
    sum(0) / sum(1)
}

fn address(target: &Uri) -> anyhow::Result<SocketAddr> {
    ensure!(target.scheme_str() == Some("http"), "the target must be an http:// URL");
    let host = target.host().context("the target has no host")?;
    let mut found = (host, target.port_u16().unwrap_or(80)).to_socket_addrs()?;
    found.next().context("the target's host has no address")
}
