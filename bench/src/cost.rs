//! What AWS would bill for a run, counted at the emulators, at list price.

mod prices;

use std::time::Duration;

use clap::Args;
use spillway_local::pipeline::Settings;

use crate::distance::Distance;
use crate::load::{Load, Target};
use crate::report::Report;
use crate::run::{self, Run};
use crate::table::{Table, count, number, text};
use prices::Bill;

/// Nobody waits this long: the load ends with its documents.
const LONGEST: Duration = Duration::from_mins(10);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How many connections post
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Payloads of a document, about 500 bytes each
    #[arg(long, default_value_t = 10)]
    payloads: usize,
    /// How many documents are posted where each payload becomes an object
    #[arg(long, default_value_t = 1_000)]
    single_documents: u64,
    /// How many documents are posted where objects hold many payloads
    #[arg(long, default_value_t = 50_000)]
    documents: u64,
    #[command(flatten)]
    distance: Distance,
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

/// Runs every way and prints its bill.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("cost");
    let mut runs = Vec::new();
    for way in WAYS {
        eprintln!("cost: {}", way.name);
        let load_average = crate::machine::load_average();
        runs.push((
            way,
            run::run(way.settings(&arguments)?, |pipeline| arguments.load(way, pipeline.address())).await?,
        ));
        report.note(format!("{}: load average before {load_average:.2}", way.name));
    }
    report.table(counts(&runs));
    report.table(dollars(&runs));
    report.finish()
}

impl Way {
    fn settings(self, arguments: &Arguments) -> anyhow::Result<Settings> {
        let mut settings = run::settings(arguments.distance)?;
        if self.object_per_payload {
            settings.variables.insert("MAX_OBJECT_RECORDS".to_owned(), "1".to_owned());
            // So many PUTs take longer than the time-out of a local pipeline; these are the template's.
            settings.deliver_timeout = Duration::from_secs(20);
            settings.visibility_timeout = Duration::from_secs(125);
        }
        if !self.shared {
            // As Lambda does it: an environment for each request that is there at once.
            settings.ingest_concurrency = 1;
            settings.ingest_environments = arguments.connections;
        }
        Ok(settings)
    }
}

impl Arguments {
    fn load(&self, way: Way, address: std::net::SocketAddr) -> Load {
        let documents = if way.object_per_payload { self.single_documents } else { self.documents };
        let load = Load::new(Target::pipeline(address), self.connections, LONGEST);
        Load { payloads: self.payloads, documents: Some(documents), ..load }
    }
}

fn counts(runs: &[(Way, Run)]) -> Table {
    let head = [
        "way",
        "payloads",
        "ingest requests",
        "ingest GB-s",
        "SQS sends",
        "send units",
        "receive units",
        "deletes",
        "deliver requests",
        "deliver GB-s",
        "PUTs",
    ];
    let mut table = Table::new("Billable a million payloads, counted", &head);
    for (way, run) in runs {
        let bill = Bill::of(run, way.shared);
        let a_million = |value: u64| number(run.count_a_million(value), 0);
        table.row([
            text(way.name),
            count(run.ledger.stored),
            a_million(run.ingest.invocations),
            number(bill.ingest_gb_seconds, 1),
            a_million(run.sqs.sends),
            a_million(run.sqs.send_units),
            a_million(run.sqs.receive_units),
            a_million(run.sqs.deletes),
            a_million(run.deliver.invocations),
            number(bill.deliver_gb_seconds, 2),
            a_million(run.puts),
        ]);
    }
    table
}

fn dollars(runs: &[(Way, Run)]) -> Table {
    let head =
        ["way", "HTTP API", "ingest", "SQS", "deliver", "S3 PUT", "together", "without the front", "times the last"];
    let mut table = Table::new("Dollars a million payloads", &head);
    let bills: Vec<_> = runs.iter().map(|(way, run)| (way, Bill::of(run, way.shared))).collect();
    let last = bills.last().map_or(f64::NAN, |(_, bill)| bill.without_front());
    for (way, bill) in &bills {
        let lines = [bill.front, bill.ingest, bill.sqs, bill.deliver, bill.puts, bill.front + bill.without_front()];
        let lines = lines.map(|dollars| number(dollars, 4));
        let without = bill.without_front();
        let rest = [number(without, 4), number(without / last, 1)];
        table.row([text(way.name)].into_iter().chain(lines).chain(rest));
    }
    table
}
