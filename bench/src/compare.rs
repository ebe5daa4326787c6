//! The same load against this pipeline and against another one, in turns: A B A B.

mod article;
mod stored;

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use http::Uri;
use spillway_local::pipeline::Pipeline;
use tokio::time::{Instant, sleep};

use crate::distance::Distance;
use crate::load::{Load, Posted, Target};
use crate::process::{cpu_seconds, peak_bytes};
use crate::report::Report;
use crate::run::{self, float};
use crate::table::{Cell, Table, number, text};
use article::Article;
pub(crate) use article::become_article_if_asked;

/// The folder of the article's objects while it runs.
const ARTICLE_DATA: &str = "target/bench/article";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where the other takes documents: an http:// URL; without it the other is the pool of the article of 2015, started here
    #[arg(long, requires = "objects")]
    target: Option<Uri>,
    /// The folder in which the other's objects lie: gzip, zstd or plain, by their endings
    #[arg(long, requires = "target")]
    objects: Option<PathBuf>,
    /// The other's processes, for CPU and memory
    #[arg(long, value_delimiter = ',', requires = "target")]
    pids: Vec<u32>,
    /// How many connections post
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Payloads of a document, about 500 bytes each
    #[arg(long, default_value_t = 10)]
    payloads: usize,
    /// How many seconds each turn takes
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// How many turns each has
    #[arg(long, default_value_t = 2)]
    turns: usize,
    /// How many seconds each may store what it took, before the next turn
    #[arg(long, default_value_t = 8)]
    rest: u64,
    #[command(flatten)]
    distance: Distance,
}

/// One of the two.
struct Side {
    name: &'static str,
    target: Target,
    objects: PathBuf,
    pids: Vec<u32>,
}

/// What a turn came to.
struct Turn {
    name: &'static str,
    posted: Posted,
    time: Duration,
    /// Payloads in objects when the load ended, and after the rest.
    stored_under_load: u64,
    stored: u64,
    cpu: f64,
    peak: u64,
    load_average: f64,
}

/// A figure of a turn: its name, its decimals and itself.
type Figure<'a> = (&'a str, usize, &'a dyn Fn(&Turn) -> f64);

/// Runs the turns and prints them with their ratios.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("compare");
    let settings = run::settings(arguments.distance)?;
    let data = settings.data.clone();
    let pipeline = Pipeline::start(settings).await?;
    let (other, article) = match &arguments.target {
        Some(target) => (arguments.named(target)?, None),
        None => Article::start(Path::new(ARTICLE_DATA)).await.map(|article| (article.side(), Some(article)))?,
    };
    let sides = [this(&pipeline), other];
    let mut turns = Vec::new();
    for turn in 0..2 * arguments.turns {
        let side = &sides[turn % 2];
        eprintln!("compare: {}", side.name);
        turns.push(arguments.turn(side).await?);
    }
    if let Some(article) = article {
        article.stop().await?;
    }
    report.note(pipeline.drain().await?.ledger.to_string());
    report.table(arguments.table(&turns));
    std::fs::remove_dir_all(data)?;
    report.finish()
}

fn this(pipeline: &Pipeline) -> Side {
    Side {
        name: "Spillway",
        target: Target::pipeline(pipeline.address()),
        objects: pipeline.bucket().root.clone(),
        pids: [pipeline.ingest().pids(), pipeline.deliver().pids()].concat(),
    }
}

impl Arguments {
    /// The other, if one is named.
    fn named(&self, uri: &Uri) -> anyhow::Result<Side> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let target = Target { address: address(uri)?, path, status: None };
        Ok(Side {
            name: "the other",
            target,
            objects: self.objects.clone().unwrap_or_default(),
            pids: self.pids.clone(),
        })
    }

    async fn turn(&self, side: &Side) -> anyhow::Result<Turn> {
        let load_average = crate::machine::load_average();
        let (before, cpu) = (stored::snapshot(&side.objects)?.payloads()?, cpu_seconds(&side.pids));
        let time = Duration::from_secs(self.seconds);
        let load = Load { payloads: self.payloads, ..Load::new(side.target.clone(), self.connections, time) };
        let started = Instant::now();
        let posted = load.run().await?;
        let (time, at_end) = (started.elapsed(), stored::snapshot(&side.objects)?);
        sleep(Duration::from_secs(self.rest)).await;
        let cpu = cpu_seconds(&side.pids) - cpu;
        let after = stored::snapshot(&side.objects)?.payloads()?;
        Ok(Turn {
            name: side.name,
            posted,
            time,
            stored_under_load: at_end.payloads()?.saturating_sub(before),
            stored: after.saturating_sub(before),
            cpu: if side.pids.is_empty() { f64::NAN } else { cpu },
            peak: peak_bytes(&side.pids),
            load_average,
        })
    }

    fn table(&self, turns: &[Turn]) -> Table {
        let payloads = float(self.payloads as u64);
        let accepted = |turn: &Turn| float(turn.posted.taken) * payloads;
        let seconds = |turn: &Turn| turn.time.as_secs_f64();
        let figures: [Figure<'_>; 9] = [
            ("accepted payloads/s", 0, &|turn| accepted(turn) / seconds(turn)),
            ("stored under load /s", 0, &|turn| float(turn.stored_under_load) / seconds(turn)),
            ("stored in the end %", 1, &|turn| float(turn.stored) / accepted(turn) * 100.0),
            ("p50 ms", 1, &|turn| turn.posted.percentile_ms(0.5)),
            ("p99 ms", 1, &|turn| turn.posted.percentile_ms(0.99)),
            ("failed", 0, &|turn| float(turn.posted.failed)),
            ("CPU s a million stored", 1, &|turn| turn.cpu / float(turn.stored) * 1e6),
            ("peak MB", 0, &|turn| float(turn.peak >> 20)),
            ("load average before", 2, &|turn| turn.load_average),
        ];
        let head: Vec<_> = ["turn"].into_iter().chain(figures.iter().map(|(name, ..)| *name)).collect();
        let title =
            format!("{} connections, documents of {}, {} s a turn", self.connections, self.payloads, self.seconds);
        let mut table = Table::new(title, &head);
        for turn in turns {
            table.row(row(turn.name, figures.iter().map(|(_, decimals, figure)| number(figure(turn), *decimals))));
        }
        let ratio = |figure: &dyn Fn(&Turn) -> f64| mean(turns, 0, figure) / mean(turns, 1, figure);
        table.row(row("ratio of the means", figures.iter().map(|(_, _, figure)| number(ratio(figure), 2))));
        table
    }
}

fn row(name: &str, cells: impl Iterator<Item = Cell>) -> Vec<Cell> {
    [text(name)].into_iter().chain(cells).collect()
}

/// Over the turns of one side: every second one from the first or from the second.
fn mean(turns: &[Turn], first: usize, figure: &dyn Fn(&Turn) -> f64) -> f64 {
    let values: Vec<_> = turns.iter().skip(first).step_by(2).map(figure).collect();
    values.iter().sum::<f64>() / float(values.len() as u64)
}

fn address(target: &Uri) -> anyhow::Result<SocketAddr> {
    ensure!(target.scheme_str() == Some("http"), "the target must be an http:// URL");
    let host = target.host().context("the target names no host")?;
    let mut found = (host, target.port_u16().unwrap_or(80)).to_socket_addrs()?;
    found.next().context("the target's host has no address")
}
