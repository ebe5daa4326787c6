//! Closed-loop load: the throughput of the pipeline when each connection posts as soon as it receives a response.

use std::time::Duration;

use clap::Args;

use crate::noop;
use crate::report::Report;
use crate::run::{self, Options, Run};
use crate::table::{Table, float, number, text};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The number of connections
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// The duration of the load in seconds
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    #[command(flatten)]
    options: Options,
}

/// Loads a pipeline and prints its figures, with the CPU of a no-op invocation for comparison.
pub(crate) async fn run(Arguments { connections, seconds, options }: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("saturate");
    let noop = noop::cpu_seconds(options, connections, Duration::from_secs(seconds) / 4).await?;
    let run = run::run(options.settings()?, |address| options.load(address, connections, seconds)).await?;
    let title = format!("Closed loop, {connections} connections, documents of {} payloads", options.payloads);
    report.tables.push(Table::new(
        title,
        &figures(&run, noop, options.payloads),
        &[("", &|(name, ..)| text(name)), ("value", &|(_, value, decimals)| number(*value, *decimals))],
    ));
    report.notes.push(run.ledger.to_string());
    report.finish()
}

/// The lines of the table: name, value, number of decimals.
fn figures(run: &Run, noop: f64, payloads: usize) -> [(&'static str, f64, usize); 17] {
    [
        ("accepted documents/s", run.documents_per_second(), 0),
        ("failed documents", float(run.posted.failed), 0),
        ("payloads stored under load /s", run.stored_per_second(), 0),
        ("response p50, ms", run.posted.percentile_ms(0.5), 1),
        ("response p99, ms", run.posted.percentile_ms(0.99), 1),
        ("response p99.9, ms", run.posted.percentile_ms(0.999), 1),
        ("CPU s per million payloads: ingest", run.per_million(run.ingest.cpu), 2),
        ("CPU s per million payloads: deliver", run.per_million(run.deliver.cpu), 2),
        ("CPU s per million payloads: both functions", run.per_million(run.functions_cpu()), 2),
        ("CPU s per million payloads: of that, no-op invocations of ingest", noop * 1e6 / float(payloads), 2),
        ("CPU s per million payloads: front and emulators", run.per_million(run.emulators_cpu), 2),
        ("CPU s per million payloads: load generator", run.per_million(run.posted.cpu_seconds), 2),
        ("CPU µs of a no-op invocation of ingest", noop * 1e6, 1),
        ("peak memory MB: ingest", float(run.ingest.peak >> 20), 0),
        ("peak memory MB: deliver", float(run.deliver.peak >> 20), 0),
        ("load average before", run.load_average, 2),
        ("cores used by others", run.others, 2),
    ]
}
