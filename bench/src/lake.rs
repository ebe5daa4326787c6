//! Tables against lines: sizes, a query over a distant S3, the speed and memory of compact, and its cost.

mod cost;
mod data;
mod hour;
mod limits;
mod query;
mod s3;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::plot::Plot;
use crate::report::{FOLDER, Report};
use crate::table::{Cell, Column, Table, count, float, number, text};
use cost::Bill;
use data::{Layout, Set};
use hour::Hour;
use limits::Limits;
use query::{Answer, Source};
use s3::S3;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The number of records of an hour, about 620 bytes each
    #[arg(long, default_value_t = 1_000_000)]
    records: usize,
    /// How many times more records the large hour has, which shows whether memory grows; 0 leaves it out
    #[arg(long, default_value_t = 3)]
    large: usize,
    /// The duration of a request to S3 in milliseconds
    #[arg(long, default_value_t = 30)]
    latency_ms: u64,
}

/// Everything about one set.
struct Measured {
    set: Set,
    records: usize,
    small: (usize, u64),
    zst: Hour,
    gz: Hour,
    zst_limits: Limits,
    gz_limits: Limits,
    answers: Vec<Answer>,
}

/// A requirement and its measured value.
struct Goal {
    name: String,
    limit: String,
    measured: f64,
    decimals: usize,
    is_reached: bool,
}

/// The folder of all buckets.
fn buckets() -> PathBuf {
    Path::new(FOLDER).join("lake/buckets")
}

/// Measures both sets.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("lake");
    query::prepare()?;
    let s3 = S3::start(&buckets(), Duration::from_millis(arguments.latency_ms)).await?;
    let mut sets = Vec::new();
    for set in Set::ALL {
        eprintln!("lake: {}", set.name());
        sets.push(measure(&s3, set, arguments.records).await?);
    }
    let large = large(&s3, &arguments).await?;
    report.notes.push(format!(
        "{} records in each set; queries by DuckDB with 16 threads, {} ms per request, medians of 3",
        arguments.records, arguments.latency_ms
    ));
    report.tables.extend([sizes(&sets), queries(&sets), speeds(&sets), memory(&sets, large), cost::table(&sets)]);
    report.tables.push(goals(&sets, large));
    report.plots.push(("-query", plot(&sets)));
    report.finish()
}

async fn measure(s3: &S3, set: Set, records: usize) -> anyhow::Result<Measured> {
    let bytes = data::write_once(set, records)?;
    let limits = |layout| tokio::task::block_in_place(|| limits::measure(set, layout));
    let (zst_limits, gz_limits) = (limits(Layout::Zstd)?, limits(Layout::Gzip)?);
    let gz = hour::compact(s3, &set.bucket(Layout::Gzip), 18, bytes).await?;
    let zst = hour::compact(s3, &set.bucket(Layout::Zstd), 18, bytes).await?;
    let answers = tokio::task::block_in_place(|| query::run(s3, set))?;
    let small = hour::size(&data::folder(&set.bucket(Layout::Small), 18))?;
    Ok(Measured { set, records, small, zst, gz, zst_limits, gz_limits, answers })
}

/// An hour with more records than the others.
async fn large(s3: &S3, arguments: &Arguments) -> anyhow::Result<Option<Hour>> {
    if arguments.large == 0 {
        return Ok(None);
    }
    eprintln!("lake: a large hour");
    let records = arguments.records * arguments.large;
    let bytes = data::write_large_once(records)?;
    hour::compact(s3, &Set::Random.bucket(Layout::Zstd), 19, bytes).await.map(Some)
}

impl Measured {
    fn answer(&self, source: Source) -> &Answer {
        let at = Source::ALL.iter().position(|known| *known == source).unwrap_or_default();
        &self.answers[at]
    }

    /// How many times longer the query takes on a source than on the table.
    fn times(&self, source: Source) -> f64 {
        self.answer(source).seconds / self.answer(Source::Table).seconds
    }
}

fn megabytes(bytes: u64) -> Cell {
    number(float(bytes) / 1e6, 1)
}

fn ratio(file: &Hour, of: &Hour) -> f64 {
    float(file.file_bytes) / float(of.object_bytes)
}

fn sizes(sets: &[Measured]) -> Table {
    let columns: [Column<'_, Measured>; 9] = [
        ("records", &|of| text(of.set.name())),
        ("count", &|of| count(of.records)),
        ("MB", &|of| megabytes(of.zst.record_bytes)),
        ("zst of 5 s, MB", &|of| megabytes(of.small.1)),
        ("zst, MB", &|of| megabytes(of.zst.object_bytes)),
        ("gz, MB", &|of| megabytes(of.gz.object_bytes)),
        ("table, MB", &|of| megabytes(of.zst.file_bytes)),
        ("table/zst", &|of| number(ratio(&of.zst, &of.zst), 3)),
        ("table/gz", &|of| number(ratio(&of.zst, &of.gz), 3)),
    ];
    Table::new("Sizes", sets, &columns)
}

fn queries(sets: &[Measured]) -> Table {
    let rows: Vec<_> = sets.iter().flat_map(|of| Source::ALL.map(|source| (of, source))).collect();
    let columns: [Column<'_, (&Measured, Source)>; 6] = [
        ("records", &|(of, _)| text(of.set.name())),
        ("source", &|(_, source)| text(source.name())),
        ("seconds", &|(of, source)| number(of.answer(*source).seconds, 3)),
        ("requests", &|(of, source)| count(of.answer(*source).requests)),
        ("MB read", &|(of, source)| megabytes(of.answer(*source).bytes)),
        ("times the table", &|(of, source)| number(of.times(*source), 1)),
    ];
    Table::new("A filter on one field and the average of another", &rows, &columns)
}

fn speeds(sets: &[Measured]) -> Table {
    let both = |of: &Measured| [("zst", of.zst, of.zst_limits), ("gz", of.gz, of.gz_limits)];
    let rows: Vec<_> =
        sets.iter().flat_map(|of| both(of).map(|(from, hour, limits)| (of.set, from, hour, limits))).collect();
    let columns: [Column<'_, (Set, &str, Hour, Limits)>; 6] = [
        ("records", &|(set, ..)| text(set.name())),
        ("from", &|(_, from, ..)| text(from)),
        ("compact", &|(_, _, hour, _)| number(hour.speed(), 0)),
        ("decompression alone", &|(.., limits)| number(limits.decompress, 0)),
        ("serde_json to Value alone", &|(.., limits)| number(limits.parse, 0)),
        ("CPU s", &|(_, _, hour, _)| number(hour.cpu, 2)),
    ];
    Table::new("MB of records per second and core", &rows, &columns)
}

fn memory(sets: &[Measured], large: Option<Hour>) -> Table {
    let rows: Vec<_> =
        sets.iter().map(|of| (of.set.name(), of.zst)).chain(large.map(|of| ("random, large", of))).collect();
    let columns: [Column<'_, (&str, Hour)>; 5] = [
        ("hour", &|(name, _)| text(name)),
        ("MB of records", &|(_, hour)| megabytes(hour.record_bytes)),
        ("objects", &|(_, hour)| count(hour.objects)),
        ("files", &|(_, hour)| count(hour.files)),
        ("peak memory, MB", &|(_, hour)| megabytes(hour.peak)),
    ];
    Table::new("Memory of the process", &rows, &columns)
}

fn goals(sets: &[Measured], large: Option<Hour>) -> Table {
    let mut goals = Vec::new();
    let mut goal = |name: String, sign: &str, limit: f64, measured: f64, decimals: usize| {
        let is_reached = if sign == "≤" { measured <= limit } else { measured >= limit };
        goals.push(Goal { name, limit: format!("{sign} {limit}"), measured, decimals, is_reached });
    };
    for of in sets {
        let name = |what: &str| format!("{what}, {}", of.set.name());
        let [zst, gz] = if of.set == Set::Random { [0.80, 0.65] } else { [0.65, 0.50] };
        goal(name("table/zst"), "≤", zst, ratio(&of.zst, &of.zst), 3);
        goal(name("table/gz"), "≤", gz, ratio(&of.zst, &of.gz), 3);
        goal(name("query, objects of 5 s, times"), "≥", 15.0, of.times(Source::Lines(Layout::Small)), 1);
        goal(name("query, full load, times"), "≥", 5.0, of.times(Source::Lines(Layout::Zstd)), 1);
        let bytes = |source| float(of.answer(source).bytes);
        let read = bytes(Source::Lines(Layout::Gzip)) / bytes(Source::Table);
        goal(name("bytes read, gz/table"), "≥", 30.0, read, 1);
        goal(name("MB/s per core from zst"), "≥", 100.0, of.zst.speed(), 0);
        goal(name("MB/s per core from gz"), "≥", 80.0, of.gz.speed(), 0);
        goal(name("cost per million, $"), "≤", 0.005, Bill::of(&of.zst, of.records).total(), 5);
    }
    let peak = sets.iter().map(|of| of.zst).chain(large).map(|hour| hour.peak).max().unwrap_or_default();
    goal("peak memory, MB".to_owned(), "≤", 1_000.0, float(peak) / 1e6, 0);
    let columns: [Column<'_, Goal>; 4] = [
        ("what", &|of| text(&of.name)),
        ("goal", &|of| text(&of.limit)),
        ("measured", &|of| number(of.measured, of.decimals)),
        ("reached", &|of| text(if of.is_reached { "yes" } else { "no" })),
    ];
    Table::new("Goals", &goals, &columns)
}

/// Lines by their number of objects, and the table, which does not depend on it.
fn plot(sets: &[Measured]) -> Plot {
    let plot = Plot::new("A query at 30 ms per request", ["objects of lines", "seconds"], [true, true]);
    sets.iter().fold(plot, |plot, of| {
        let objects = [of.zst.objects, of.small.0].map(float);
        let lines = [Layout::Zstd, Layout::Small].map(|layout| of.answer(Source::Lines(layout)).seconds);
        let table = of.answer(Source::Table).seconds;
        plot.line(&format!("lines, {}", of.set.name()), objects.into_iter().zip(lines))
            .line(&format!("table, {}", of.set.name()), objects.map(|x| (x, table)))
    })
}
