//! `spillway compact`: enqueues the hours with work left, and waits until compact has written their files.
//!
//! The way of an hour: listed in the bucket ► objects that no file names ► message to compact's queue ► watched until files
//! name these objects.

mod hours;
mod lake;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::json;
use spillway_compact::event::Job;
use spillway_compact::table::{Tables, load_all};
use spillway_shared::hour::Hour;
use spillway_shared::prefixes;
use spillway_shared::stream::StreamName;

use crate::aws::queue::{MOST_MESSAGES, Queue};
use crate::place::{Place, Target};
use crate::report::{progress, say};
use hours::Range;
use lake::{ATTEMPTS, Lake};
use watch::{Hours, Waiting};

const A_DAY: Duration = Duration::from_hours(24);
const AN_HOUR: Duration = Duration::from_hours(1);

/// The arguments of `spillway compact`.
#[derive(Debug, Args)]
pub(crate) struct Compact {
    #[command(flatten)]
    place: Place,
    /// Compact's queue on AWS; with --aws, the environment variable `COMPACT_QUEUE_URL` names it too
    #[arg(long = "compact-queue-url", value_name = "URL")]
    queue: Option<String>,
    /// Only this stream (default: every stream with a table)
    #[arg(long, value_parser = stream)]
    stream: Option<StreamName>,
    /// The first hour, such as 2026-11-21T18 (default: 24 hours ago; in a rebuild, the first hour with records)
    #[arg(long, value_parser = hour)]
    from: Option<Hour>,
    /// The last hour; it may be the running one (default: the hour before it)
    #[arg(long, value_parser = hour)]
    to: Option<Hour>,
    /// Write the stream's hours again, as the table's next version; the present version stays as it is
    #[arg(long, requires = "stream")]
    rebuild: bool,
    /// The prefix of records, as deliver has it (default: that of `spillway serve`; on AWS, records/)
    #[arg(long, env = "OBJECT_PREFIX")]
    prefix: Option<String>,
    /// The folder with tables/, as it is deployed (default: that of `spillway serve`; on AWS, ./config)
    #[arg(long)]
    config: Option<PathBuf>,
    /// How long to wait while nothing is written
    #[arg(long, default_value = "30m", value_parser = humantime::parse_duration)]
    wait: Duration,
}

/// Exits with 1 if an hour is not compacted in time, or compact has given it up.
pub(crate) async fn run(arguments: Compact) -> anyhow::Result<ExitCode> {
    let target = arguments.place.target().await?;
    let tables = chosen(load_all(&target.config(arguments.config.clone()))?, &arguments)?;
    let queue = target.compact_queue(arguments.queue.as_deref()).await?;
    let lake = Lake::new(target.store(ATTEMPTS.timeout).await?, target.records(arguments.prefix.clone()));
    let jobs = jobs(&lake, &tables, &arguments).await?;
    let waiting = lake.with_work(jobs).await?;
    enqueue(&queue, &waiting).await?;
    let total = waiting.len() as u64;
    let bar = progress(total, "hours");
    let left = Hours::new(&lake, &queue, waiting).watch(arguments.wait, &bar).await;
    bar.finish_and_clear();
    Ok(report(&target, &arguments, &tables, total, &left?))
}

fn chosen(mut tables: Tables, arguments: &Compact) -> anyhow::Result<Tables> {
    if let Some(stream) = &arguments.stream {
        tables.retain(|known, _| known == stream);
    }
    ensure!(!tables.is_empty(), "no such stream has a table; `spillway check --update-tables` writes its lock file");
    Ok(tables)
}

/// The hours that are looked at.
async fn jobs(lake: &Lake, tables: &Tables, arguments: &Compact) -> anyhow::Result<Vec<Job>> {
    let now = SystemTime::now();
    let to = arguments.to.unwrap_or_else(|| Hour::of(now - AN_HOUR));
    let mut jobs = Vec::new();
    for (stream, table) in tables {
        let (hours, version) = if arguments.rebuild {
            let range = Range { from: arguments.from, to };
            (lake.hours(stream, range).await?, table.version.checked_add(1).context("there is no further version")?)
        } else {
            (arguments.from.unwrap_or_else(|| Hour::of(now - A_DAY)).until(to).collect(), table.version)
        };
        let place = |hour| spillway_compact::list::Place { stream: stream.clone(), hour };
        jobs.extend(hours.into_iter().map(|hour| Job { place: place(hour), version: Some(version) }));
    }
    Ok(jobs)
}

async fn enqueue(queue: &Queue, waiting: &[Waiting]) -> anyhow::Result<()> {
    for some in waiting.chunks(MOST_MESSAGES) {
        let bodies: Vec<_> = some.iter().map(|waiting| waiting.job.body()).collect();
        let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
        let sent = queue.send(&bodies).await?.len();
        ensure!(sent == bodies.len(), "SQS took {sent} of {} hours; run this command again", bodies.len());
    }
    Ok(())
}

fn report(target: &Target, arguments: &Compact, tables: &Tables, total: u64, left: &[Waiting]) -> ExitCode {
    let names: Vec<_> = left.iter().map(|waiting| waiting.job.place.to_string()).collect();
    if target.json {
        say!("{}", json!({"hours": total, "left": names}));
    } else {
        say!("{total} hours had work left; {} of them are not compacted{}", names.len(), list(&names));
    }
    if !left.is_empty() {
        return ExitCode::FAILURE;
    }
    if arguments.rebuild && !target.json {
        for (stream, table) in tables {
            say!("{}", next_steps(stream, table.version));
        }
    }
    ExitCode::SUCCESS
}

/// The hours that are left, and what to do about them.
fn list(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let more = if names.len() > 10 { " and others" } else { "" };
    let names = names[..names.len().min(10)].join(", ");
    format!(" ({names}{more}): compact's log says why; run this command again afterwards")
}

fn next_steps(stream: &StreamName, version: u32) -> String {
    let next = version.saturating_add(1);
    format!(
        "version {next} of the table is complete. To switch to it, set \"version\": {next} in config/tables/{stream}.json, \
         deploy the tables, and then delete {}stream={stream}/v={version}/",
        prefixes::LAKE
    )
}

fn hour(text: &str) -> Result<Hour, &'static str> {
    Hour::parse(text).ok_or("must be an hour of UTC, such as 2026-11-21T18")
}

fn stream(text: &str) -> Result<StreamName, String> {
    StreamName::try_from(text.to_owned()).map_err(str::to_owned)
}
