//! Every stage of both functions beside its limit: the one thing on the same bytes that cannot be left out.

mod deliver;
mod ingest;
mod timing;

use clap::Args;
use serde_json::{Value, json};

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

/// What the load's payloads keep to: a schema of 13 properties, with what is nested in five of them.
pub(crate) fn schema() -> Value {
    let number = |least: f64, most: f64| json!({"type": "number", "minimum": least, "maximum": most});
    json!({
        "type": "object",
        "required": ["device", "at", "session"],
        "properties": {
            "device": {"type": "string", "pattern": "^device-[0-9]{4}$"},
            "at": {"type": "string", "maxLength": 32},
            "temperature_c": number(-60.0, 80.0),
            "humidity_percent": {"type": "integer", "minimum": 0, "maximum": 100},
            "battery_v": number(0.0, 5.0),
            "position": {"type": "object", "required": ["lat", "lon"],
                "properties": {"lat": number(-90.0, 90.0), "lon": number(-180.0, 180.0)}},
            "network": {"type": "object", "properties": {
                "type": {"enum": ["lte-m", "nb-iot", "wifi"]}, "rssi_dbm": {"type": "integer"}, "retries": {"type": "integer"}}},
            "events": {"type": "array", "items": {"type": "string"}},
            "firmware": {"type": "object", "properties": {"version": {"type": "string"}, "channel": {"type": "string"}}},
            "power": {"type": "object", "properties": {"source": {"enum": ["mains", "battery", "solar"]},
                "solar_w": number(0.0, 50.0), "charge_percent": {"type": "integer", "minimum": 0, "maximum": 100}}},
            "site": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
            "uptime_s": {"type": "integer", "minimum": 0},
            "session": {"type": "string", "minLength": 32, "maxLength": 32}
        },
        "additionalProperties": false
    })
}
