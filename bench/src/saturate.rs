//! Closed-loop load: what the pipeline takes and stores when every connection posts as soon as it is answered.

use std::time::Duration;

use clap::Args;

use crate::distance::Distance;
use crate::load::{Load, Target};
use crate::nothing;
use crate::report::Report;
use crate::run::{self, Run};
use crate::table::{Table, number, text};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How many connections post
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Payloads of a document, about 500 bytes each
    #[arg(long, default_value_t = 10)]
    payloads: usize,
    /// How many seconds they post
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    #[command(flatten)]
    distance: Distance,
}

/// Loads a pipeline and prints what happened, beside what an invocation costs that does nothing.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("saturate");
    let (connections, payloads, time) =
        (arguments.connections, arguments.payloads, Duration::from_secs(arguments.seconds));
    let nothing = nothing::cpu_seconds_at(connections, payloads, time / 4).await?;
    let run = run::run(run::settings(arguments.distance)?, |pipeline| Load {
        payloads,
        ..Load::new(Target::pipeline(pipeline.address()), connections, time)
    })
    .await?;
    let mut table =
        Table::new(format!("Closed loop, {connections} connections, documents of {payloads}"), &["", "value"]);
    for (name, value, decimals) in figures(&run, nothing, payloads) {
        table.row([text(name), number(value, decimals)]);
    }
    report.table(table);
    report.note(run.ledger.to_string());
    report.finish()
}

fn figures(run: &Run, nothing: f64, payloads: usize) -> Vec<(&'static str, f64, usize)> {
    let invocations = 1e6 / run::float(payloads as u64);
    vec![
        ("documents accepted /s", run.documents_a_second(), 0),
        ("documents failed", run::float(run.posted.failed), 0),
        ("payloads stored under load /s", run.stored_a_second(), 0),
        ("answer p50, ms", run.posted.percentile_ms(0.5), 1),
        ("answer p99, ms", run.posted.percentile_ms(0.99), 1),
        ("answer p99.9, ms", run.posted.percentile_ms(0.999), 1),
        ("CPU s a million payloads: ingest", run.a_million(run.cpu.ingest), 2),
        ("CPU s a million payloads: deliver", run.a_million(run.cpu.deliver), 2),
        ("CPU s a million payloads: functions together", run.a_million(run.cpu.functions()), 2),
        ("CPU s a million payloads: of that, invocations of ingest that do nothing", nothing * invocations, 2),
        ("CPU s a million payloads: front and emulators", run.a_million(run.cpu.emulators), 2),
        ("CPU s a million payloads: load", run.a_million(run.cpu.load), 2),
        ("CPU µs of an invocation of ingest that does nothing", nothing * 1e6, 1),
        ("peak memory MB: ingest", run::float(run.ingest.peak >> 20), 0),
        ("peak memory MB: deliver", run::float(run.deliver.peak >> 20), 0),
        ("load average before", run.load_average, 2),
        ("cores used by others meanwhile", run.others, 2),
    ]
}
