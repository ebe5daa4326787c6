//! Cold starts: from starting a function's process to its first request for an event.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use spillway_local::environment::FUNCTION;
use spillway_local::runtime::{Function, FunctionSettings};
use spillway_shared::keys::digest;

use crate::load::percentile;
use crate::plot::Plot;
use crate::report::Report;
use crate::run::float;
use crate::stages::schema;
use crate::table::{Table, number, text};

/// How many streams a large configuration has.
const MANY: usize = 50;
/// Where the configurations lie while this runs.
const FOLDER: &str = "target/bench/cold";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How often each function is started
    #[arg(long, default_value_t = 50)]
    starts: usize,
}

/// A function to start, and with what.
struct Case {
    name: String,
    settings: FunctionSettings,
}

/// Starts every function over and over.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("cold");
    let head = ["function", "p50 ms", "p90 ms", "most ms", "starts", "load average before"];
    let mut table = Table::new("From process start to the first /next", &head);
    let mut plot = Plot::new("Cold starts, sorted", "share of the starts, %", "milliseconds");
    for case in cases(&arguments)? {
        let load_average = crate::machine::load_average();
        let micros = starts(&case.settings, arguments.starts).await?;
        let shares = [0.5, 0.9, 1.0].map(|share| number(percentile(&micros, share) / 1e3, 1));
        let rest = [number(float(micros.len() as u64), 0), number(load_average, 2)];
        table.row([text(&case.name)].into_iter().chain(shares).chain(rest));
        let share = |at: usize| float(at as u64) / float(micros.len() as u64) * 100.0;
        plot.add(&case.name, micros.iter().enumerate().map(|(at, micros)| (share(at), float(*micros) / 1e3)));
    }
    report.table(table);
    report.table(sizes()?);
    report.plot("", plot);
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

fn cases(arguments: &Arguments) -> anyhow::Result<Vec<Case>> {
    let folder = PathBuf::from(FOLDER);
    // Without any stream ingest does not start.
    let one = configuration(&folder.join("one"), 1, &json!({}))?;
    let many = configuration(&folder.join("many"), MANY, &json!({"schema": schema()}))?;
    let mut cases = Vec::new();
    for (name, streams) in [("one stream without a schema", one), ("the streams of config/", "config".into())] {
        cases.push(Case { name: format!("ingest, {name}"), settings: ingest(&streams)? });
    }
    let name = format!("ingest, {MANY} streams with a schema of 13 properties each");
    cases.push(Case { name, settings: ingest(&many)? });
    cases.push(Case { name: "deliver".to_owned(), settings: deliver()? });
    anyhow::ensure!(arguments.starts > 0, "nothing to start");
    Ok(cases)
}

/// A folder as `CONFIG_DIR` names it, with so many streams of one definition.
fn configuration(folder: &Path, streams: usize, definition: &Value) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(folder.join("streams"))?;
    for number in 0..streams {
        fs::write(folder.join(format!("streams/stream-{number}.json")), definition.to_string())?;
    }
    Ok(folder.to_owned())
}

fn ingest(configuration: &Path) -> anyhow::Result<FunctionSettings> {
    let own = [
        ("QUEUE_URL", "http://127.0.0.1:1/000000000000/spillway".to_owned()),
        ("CONFIG_DIR", std::path::absolute(configuration)?.display().to_string()),
        ("WRITE_KEYS", format!("cold={}", digest(b"local"))),
    ];
    function("ingest", &own)
}

fn deliver() -> anyhow::Result<FunctionSettings> {
    function("deliver", &[("BUCKET", "spillway".to_owned()), ("QUEUE_URL", "http://127.0.0.1:1/none".to_owned())])
}

fn function(name: &str, own: &[(&str, String)]) -> anyhow::Result<FunctionSettings> {
    let (program, args) = match alone(name)? {
        Some(program) => (program, Vec::new()),
        None => (std::env::current_exe()?, vec![FUNCTION.to_owned(), name.to_owned()]),
    };
    // This Runtime API knows no extensions, of which ingest would warn at every start.
    let quiet = [("AWS_LAMBDA_LOG_LEVEL", "ERROR".to_owned())];
    let variables = own.iter().chain(&quiet).map(|(name, value)| ((*name).to_owned(), value.clone()));
    // Nothing is left to be done when it ends; ingest and deliver themselves do not watch their standard input.
    let grace_period = std::time::Duration::from_millis(10);
    Ok(FunctionSettings { args, variables: variables.collect(), grace_period, ..FunctionSettings::new(name, program) })
}

/// The function's own binary beside this program, if it was built.
fn alone(name: &str) -> anyhow::Result<Option<PathBuf>> {
    let path = std::env::current_exe()?.with_file_name(name);
    Ok(path.exists().then_some(path))
}

fn sizes() -> anyhow::Result<Table> {
    let mut table = Table::new("Size of the binaries, as built (not stripped)", &["binary", "MB"]);
    let mut row = |name: &str, path: &Path| -> anyhow::Result<()> {
        table.row([text(name), number(float(fs::metadata(path)?.len()) / 1e6, 1)]);
        Ok(())
    };
    for name in ["ingest", "deliver"] {
        match alone(name)? {
            Some(path) => row(name, &path)?,
            None => row(
                &format!("{name}: not built alone; this program, with both functions and the emulators"),
                &std::env::current_exe()?,
            )?,
        }
    }
    Ok(table)
}
