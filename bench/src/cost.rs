//! The list price of a run on AWS; the emulators count the calls.

mod prices;

use std::time::Duration;

use clap::Args;
use spillway_local::pipeline::Settings;

use crate::load::Load;
use crate::report::Report;
use crate::run::{self, Options, Run};
use crate::table::{Column, Table, count, number, text};
use prices::Bill;

/// The maximum duration of a load in seconds; it ends earlier, with its documents.
const MAX_SECONDS: u64 = 600;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The number of connections
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// The number of documents in runs with one object per payload
    #[arg(long, default_value_t = 1_000)]
    single_documents: u64,
    /// The number of documents in runs with aggregated objects
    #[arg(long, default_value_t = 50_000)]
    documents: u64,
    #[command(flatten)]
    options: Options,
}

/// A way to run the pipeline.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    /// Whether each payload becomes an object, as in the 2015 article.
    object_per_payload: bool,
    /// Whether requests share a process, and with it their calls to SQS.
    shared: bool,
}

const WAYS: [Way; 4] = [
    Way { name: "object per payload, one request at a time", object_per_payload: true, shared: false },
    Way { name: "object per payload, group commit", object_per_payload: true, shared: true },
    Way { name: "aggregated, one request at a time", object_per_payload: false, shared: false },
    Way { name: "aggregated, group commit", object_per_payload: false, shared: true },
];

/// A run and its bill.
struct Billed {
    way: &'static str,
    run: Run,
    bill: Bill,
}

/// Runs the pipeline in every way and prints the bills.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("cost");
    let mut billed = Vec::new();
    for way in WAYS {
        eprintln!("cost: {}", way.name);
        let run = run::run(way.settings(&arguments)?, |address| arguments.load(way, address)).await?;
        report.notes.push(format!("{}: load average before {:.2}", way.name, run.load_average));
        billed.push(Billed { way: way.name, bill: Bill::of(&run, way.shared), run });
    }
    report.tables.extend([counts(&billed), dollars(&billed)]);
    report.finish()
}

impl Way {
    fn settings(self, arguments: &Arguments) -> anyhow::Result<Settings> {
        let mut settings = arguments.options.settings()?;
        if self.object_per_payload {
            settings.variables.insert("MAX_OBJECT_RECORDS".to_owned(), "1".to_owned());
            // These PUTs take longer than the timeout of a local pipeline, so the timeouts are those of the template.
            settings.deliver_timeout = Duration::from_secs(20);
            settings.visibility_timeout = Duration::from_secs(125);
        }
        if !self.shared {
            // As on Lambda: an environment for each concurrent request.
            settings.ingest_concurrency = 1;
            settings.ingest_environments = arguments.connections;
        }
        Ok(settings)
    }
}

impl Arguments {
    fn load(&self, way: Way, address: std::net::SocketAddr) -> Load {
        let documents = if way.object_per_payload { self.single_documents } else { self.documents };
        Load { documents: Some(documents), ..self.options.load(address, self.connections, MAX_SECONDS) }
    }
}

fn counts(billed: &[Billed]) -> Table {
    let per_million = |run: &Run, count| number(run.count_per_million(count), 0);
    let columns: [Column<'_, Billed>; 11] = [
        ("way", &|of| text(of.way)),
        ("payloads", &|of| count(of.run.ledger.stored)),
        ("ingest requests", &|of| per_million(&of.run, of.run.ingest.invocations)),
        ("ingest GB-s", &|of| number(of.bill.ingest_gb_seconds, 1)),
        ("SQS sends", &|of| per_million(&of.run, of.run.sqs.sends)),
        ("send units", &|of| per_million(&of.run, of.run.sqs.send_units)),
        ("receive units", &|of| per_million(&of.run, of.run.sqs.receive_units)),
        ("deletes", &|of| per_million(&of.run, of.run.sqs.deletes)),
        ("deliver requests", &|of| per_million(&of.run, of.run.deliver.invocations)),
        ("deliver GB-s", &|of| number(of.bill.deliver_gb_seconds, 2)),
        ("PUTs", &|of| per_million(&of.run, of.run.puts)),
    ];
    Table::new("Billed units per million payloads", billed, &columns)
}

fn dollars(billed: &[Billed]) -> Table {
    let last = billed.last().map_or(f64::NAN, |of| of.bill.without_front());
    let columns: [Column<'_, Billed>; 9] = [
        ("way", &|of| text(of.way)),
        ("HTTP API", &|of| number(of.bill.front, 4)),
        ("ingest", &|of| number(of.bill.ingest, 4)),
        ("SQS", &|of| number(of.bill.sqs, 4)),
        ("deliver", &|of| number(of.bill.deliver, 4)),
        ("S3 PUT", &|of| number(of.bill.puts, 4)),
        ("total", &|of| number(of.bill.front + of.bill.without_front(), 4)),
        ("without the front", &|of| number(of.bill.without_front(), 4)),
        ("times the last", &|of| number(of.bill.without_front() / last, 1)),
    ];
    Table::new("Dollars per million payloads", billed, &columns)
}
