//! Every stage of both functions beside its limit: the one thing on the same bytes that cannot be left out.

mod deliver;
mod ingest;
mod timing;

use clap::Args;
use serde_json::Value;

use crate::report::Report;
use crate::table::{Table, number, text};
use timing::Pair;

/// So few documents share a message that none is worth a frame of its own.
const FEW: usize = 10;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Payloads of a document, about 500 bytes each
    #[arg(long, default_value_t = 10)]
    payloads: usize,
    /// Documents whose records make up a batch of deliver
    #[arg(long, default_value_t = 1_000)]
    documents: u64,
}

/// A stage and what it took.
struct Stage {
    name: &'static str,
    limit: &'static str,
    /// Bytes that go in.
    bytes: usize,
    pair: Pair,
}

/// Measures every stage.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("stages");
    let load_average = crate::machine::load_average();
    let stages: Vec<_> = ingest::stages(arguments.payloads)?;
    report.table(table(&format!("Ingest, a document of {}", arguments.payloads), &stages));
    let batch = |together| deliver::Batch::new(arguments.documents, arguments.payloads, together);
    let batches = [batch(usize::MAX)?, batch(FEW)?];
    for batch in &batches {
        report.table(table(&format!("Deliver, a batch of {}", batch.describe()), &deliver::stages(batch)?));
    }
    report.table(deliver::process(&batches).await?);
    report.note(format!("load average before {load_average:.2}; CPU time, medians of turns side by side"));
    report.finish()
}

fn table(title: &str, stages: &[Stage]) -> Table {
    let head = ["stage", "bytes in", "µs", "MB/s", "limit", "limit µs", "ratio"];
    let mut table = Table::new(title, &head);
    for Stage { name, limit, bytes, pair } in stages {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let bytes = *bytes as f64;
        table.row([
            text(name),
            number(bytes, 0),
            number(pair.work * 1e6, 2),
            number(bytes / pair.work / 1e6, 0),
            text(limit),
            number(pair.limit * 1e6, 2),
            number(pair.ratio, 2),
        ]);
    }
    table
}

/// The schema of the load's payloads: 13 properties, five of them nested.
pub(crate) fn schema() -> Value {
    let definition: Value = serde_json::from_str(include_str!("../benches/telemetry.json")).unwrap_or_default();
    definition["schema"].clone()
}
