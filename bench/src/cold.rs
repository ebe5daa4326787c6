//! Cold starts: the time from process start to the first request for an event.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use serde_json::{Value, json};
use spillway_local::environment::FUNCTION;
use spillway_local::runtime::{Function, FunctionSettings};
use spillway_shared::keys::digest;

use crate::load::percentile;
use crate::machine;
use crate::plot::Plot;
use crate::report::Report;
use crate::stages::schema;
use crate::table::{Table, count, float, number, text};

/// The number of streams of a large configuration.
const MANY: usize = 50;
/// The folder of the configurations.
const FOLDER: &str = "target/bench/cold";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The number of starts of each function, at least 1
    #[arg(long, default_value_t = 50)]
    starts: usize,
}

/// A function and the durations of its starts.
struct Case {
    name: String,
    load_average: f64,
    /// In microseconds, sorted.
    micros: Vec<u64>,
}

/// Starts every function repeatedly.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    ensure!(arguments.starts > 0, "--starts must be at least 1");
    let mut report = Report::new("cold");
    let mut cases = Vec::new();
    for (name, settings) in functions()? {
        let load_average = machine::load_average();
        cases.push(Case { name, load_average, micros: starts(&settings, arguments.starts).await? });
    }
    report.tables.extend([table(&cases), sizes()?]);
    report.plots.push(("", plot(&cases)));
    fs::remove_dir_all(FOLDER)?;
    report.finish()
}

async fn starts(settings: &FunctionSettings, count: usize) -> anyhow::Result<Vec<u64>> {
    let mut micros = Vec::new();
    for _ in 0..count {
        let function = Function::start(settings.clone()).await?;
        for start in function.cold_starts() {
            micros.push(u64::try_from(start.as_micros())?);
        }
        function.stop().await;
    }
    micros.sort_unstable();
    Ok(micros)
}

fn table(cases: &[Case]) -> Table {
    let percentile = |case: &Case, share| number(percentile(&case.micros, share) / 1e3, 1);
    Table::new(
        "From process start to the first /next",
        cases,
        &[
            ("function", &|case| text(&case.name)),
            ("p50 ms", &|case| percentile(case, 0.5)),
            ("p90 ms", &|case| percentile(case, 0.9)),
            ("max ms", &|case| percentile(case, 1.0)),
            ("starts", &|case| count(case.micros.len())),
            ("load average before", &|case| number(case.load_average, 2)),
        ],
    )
}

fn plot(cases: &[Case]) -> Plot {
    let plot = Plot::new("Cold starts, sorted", ["share of the starts, %", "milliseconds"], [false, false]);
    cases.iter().fold(plot, |plot, Case { name, micros, .. }| {
        let share = |at: usize| float(at) / float(micros.len()) * 100.0;
        plot.line(name, micros.iter().enumerate().map(|(at, micros)| (share(at), float(*micros) / 1e3)))
    })
}

/// The functions to start, with their names in the table.
fn functions() -> anyhow::Result<[(String, FunctionSettings); 4]> {
    // Ingest does not start without a stream.
    let one = configuration("one", 1, &json!({}))?;
    let many = configuration("many", MANY, &json!({"schema": schema()}))?;
    let deliver = [("BUCKET", "spillway".to_owned()), ("QUEUE_URL", "http://127.0.0.1:1/none".to_owned())];
    Ok([
        ("ingest, one stream without a schema".to_owned(), ingest(&one)?),
        ("ingest, the streams of config/".to_owned(), ingest(Path::new("config"))?),
        (format!("ingest, {MANY} streams with a schema of 13 properties each"), ingest(&many)?),
        ("deliver".to_owned(), function("deliver", &deliver)?),
    ])
}

/// A configuration folder with a number of streams that share one definition.
fn configuration(name: &str, streams: usize, definition: &Value) -> anyhow::Result<PathBuf> {
    let folder = Path::new(FOLDER).join(name);
    fs::create_dir_all(folder.join("streams"))?;
    for number in 0..streams {
        fs::write(folder.join(format!("streams/stream-{number}.json")), definition.to_string())?;
    }
    Ok(folder)
}

fn ingest(configuration: &Path) -> anyhow::Result<FunctionSettings> {
    let variables = [
        ("QUEUE_URL", "http://127.0.0.1:1/000000000000/spillway".to_owned()),
        ("CONFIG_DIR", std::path::absolute(configuration)?.display().to_string()),
        ("WRITE_KEYS", format!("cold={}", digest(b"local"))),
    ];
    function("ingest", &variables)
}

fn function(name: &str, variables: &[(&str, String)]) -> anyhow::Result<FunctionSettings> {
    let (program, args) = match binary(name)? {
        Some(program) => (program, Vec::new()),
        None => (std::env::current_exe()?, vec![FUNCTION.to_owned(), name.to_owned()]),
    };
    // This Runtime API has no extensions, so ingest would log a warning at every start.
    let quiet = [("AWS_LAMBDA_LOG_LEVEL", "ERROR".to_owned())];
    let variables = variables.iter().chain(&quiet).map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    // The functions' binaries do not watch their standard input, and have no work to finish.
    let grace_period = Duration::from_millis(10);
    Ok(FunctionSettings { args, variables, grace_period, ..FunctionSettings::new(name, program) })
}

/// The binary of the function in the folder of this program, if it was built.
fn binary(name: &str) -> anyhow::Result<Option<PathBuf>> {
    let path = std::env::current_exe()?.with_file_name(name);
    Ok(path.exists().then_some(path))
}

fn sizes() -> anyhow::Result<Table> {
    let mut sizes = Vec::new();
    for name in ["ingest", "deliver"] {
        let (name, path) = match binary(name)? {
            Some(path) => (name.to_owned(), path),
            None => (format!("{name}: not built; this program with both functions"), std::env::current_exe()?),
        };
        sizes.push((name, float(fs::metadata(path)?.len()) / 1e6));
    }
    let title = "Size of the binaries, as built (not stripped)";
    Ok(Table::new(title, &sizes, &[("binary", &|of| text(&of.0)), ("MB", &|of| number(of.1, 1))]))
}
