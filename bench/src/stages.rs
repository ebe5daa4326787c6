//! The CPU time of each stage of both functions, compared with its limit: the fastest code for the same bytes.

mod deliver;
mod ingest;
pub(crate) mod timing;

use clap::Args;
use serde_json::Value;

use crate::machine;
use crate::report::Report;
use crate::table::{Table, count, float, number, text};
use timing::{Pair, measure};

/// A number of documents per call at which no message is large enough for a separate frame.
const FEW: usize = 10;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The number of payloads of each document, about 500 bytes each
    #[arg(long, default_value_t = 10)]
    payloads: usize,
    /// The number of documents whose records are one batch of deliver
    #[arg(long, default_value_t = 1_000)]
    documents: u64,
}

/// A stage and its CPU time.
struct Stage {
    name: String,
    limit: &'static str,
    /// The number of input bytes.
    bytes: usize,
    pair: Pair,
}

/// Measures every stage.
pub(crate) async fn run(Arguments { payloads, documents }: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("stages");
    let load_average = machine::load_average();
    report.tables.push(table(format!("Ingest, a document of {payloads} payloads"), &ingest::stages(payloads)?));
    let batch = |together| deliver::Batch::new(documents, payloads, together);
    let batches = [batch(usize::MAX)?, batch(FEW)?];
    for batch in &batches {
        report.tables.push(table(format!("Deliver, a batch of {}", batch.describe()), &deliver::stages(batch)?));
    }
    report.tables.push(deliver::process(&batches).await?);
    report.notes.push(format!("load average before {load_average:.2}; CPU time, medians of alternating turns"));
    report.finish()
}

impl Stage {
    /// Measures a stage of `bytes` input bytes and its limit.
    fn new<A, B>(
        name: impl Into<String>,
        bytes: usize,
        work: impl FnMut() -> A,
        limit: &'static str,
        limit_work: impl FnMut() -> B,
    ) -> Self {
        Self { name: name.into(), limit, bytes, pair: measure(work, limit_work) }
    }
}

fn table(title: String, stages: &[Stage]) -> Table {
    Table::new(
        title,
        stages,
        &[
            ("stage", &|stage| text(&stage.name)),
            ("bytes in", &|stage| count(stage.bytes)),
            ("µs", &|stage| number(stage.pair.work * 1e6, 2)),
            ("MB/s", &|stage| number(float(stage.bytes) / stage.pair.work / 1e6, 0)),
            ("limit", &|stage| text(stage.limit)),
            ("limit µs", &|stage| number(stage.pair.limit * 1e6, 2)),
            ("ratio", &|stage| number(stage.pair.ratio(), 2)),
        ],
    )
}

/// The schema of the payloads: 13 properties, five of them nested.
pub(crate) fn schema() -> Value {
    let definition: Value =
        serde_json::from_str(include_str!("../benches/config/streams/telemetry.json")).unwrap_or_default();
    definition["schema"].clone()
}
