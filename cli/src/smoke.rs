//! `spillway smoke`: sends every kind of request to a deployed stack and compares what it stores, byte for byte.
//!
//! A run passes the modules in this order: `documents` and `refusals` list the requests with their expected answers;
//! `client` sends them; `answer` judges the answers; `stored` reads the bucket; `compare` judges what it found;
//! `athena` runs one query; `table` shows every check.

mod answer;
mod athena;
mod call;
mod client;
mod compare;
mod documents;
mod payload;
mod refusals;
mod stored;
mod table;

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::Args;

use crate::aws::bucket::Bucket;
use crate::place::Place;
use crate::report::say;
use answer::{Exchange, Judged};
use athena::Athena;
use client::Client;
use payload::Run;
use stored::{Found, Hours};
use table::Table;

/// The stream of the smoke test, in `config/streams/smoke.json`.
const STREAM: &str = "smoke";

/// The arguments of `spillway smoke`.
#[derive(Debug, Args)]
pub(crate) struct Smoke {
    /// The address of the API: the output `Url` of the stack, or an address in front of it
    #[arg(long)]
    url: String,
    #[command(flatten)]
    place: Place,
    /// The prefix of the keys of records
    #[arg(long, env = "OBJECT_PREFIX", default_value = "records/")]
    prefix: String,
    /// A write key that may write the stream `smoke`
    #[arg(long, env = "KEY", hide_env_values = true, default_value = "local")]
    key: String,
    /// An origin that `CorsOrigins` lists; its CORS headers are then checked too
    #[arg(long)]
    origin: Option<String>,
    /// How long to wait for the records in the bucket
    #[arg(long, default_value = "5m", value_parser = humantime::parse_duration)]
    wait: Duration,
    /// Also count the records through Athena, in a table such as `spillway.lines`; runs the command `aws`
    #[arg(long, value_name = "DATABASE.TABLE")]
    athena: Option<athena::TableName>,
    /// The work group of the query, which must set where results go
    #[arg(long, default_value = "spillway", requires = "athena")]
    work_group: String,
}

/// Runs every check and prints the table. A check that could not run counts as failed.
pub(crate) async fn run(arguments: Smoke) -> anyhow::Result<ExitCode> {
    let client = Client::new(&arguments.url)?;
    let bucket = arguments.place.target().await?.bucket().await?;
    let run = Run::new(&arguments.key, arguments.origin.as_deref());
    let (mut table, mut hours) = (Table::default(), Hours::from(SystemTime::now()));
    let judged = post_all(&client, &run, &mut table).await?;
    compare::repeated(&judged, &mut table);
    hours.extend_to(SystemTime::now());
    let found = wait_for(&arguments, &bucket, &run, &hours, &judged).await;
    compare::all(&judged, &found, &mut table);
    if let Some(name) = &arguments.athena {
        let athena = Athena { name, work_group: &arguments.work_group, wait: arguments.wait };
        athena.count(&run, &hours, &judged, &mut table);
    }
    say!("{table}");
    Ok(if table.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends the requests one after the other. An address that does not answer the first one is an error at once.
async fn post_all(client: &Client, run: &Run, table: &mut Table) -> anyhow::Result<Vec<Judged>> {
    let exchanges = exchanges(run);
    eprintln!("sending {} requests to {}", exchanges.len(), client.base());
    let mut judged = Vec::new();
    for exchange in exchanges {
        let response = client.send(&exchange.call).await;
        if judged.is_empty() && response.is_err() {
            return response.map(|_| judged).with_context(|| format!("{} does not answer", client.base()));
        }
        judged.push(exchange.judge(response, table));
    }
    Ok(judged)
}

/// The document of the open question first. Refusals come before the other documents: once those are stored, a payload
/// that was wrongly accepted would be stored too.
fn exchanges(run: &Run) -> Vec<Exchange> {
    let mut exchanges = documents::all(run);
    exchanges.splice(1..1, refusals::all(run));
    exchanges
}

/// Reads the bucket until it has every record, or the time is over.
async fn wait_for(arguments: &Smoke, bucket: &Bucket, run: &Run, hours: &Hours, judged: &[Judged]) -> Found {
    let ids: Vec<_> = judged.iter().flat_map(Judged::ids).collect();
    eprintln!(
        "waiting for {} records in the bucket, {} at most",
        ids.len(),
        humantime::format_duration(arguments.wait)
    );
    let mut found = Found::new(run.marker());
    let prefixes = hours.prefixes(&arguments.prefix);
    found.wait_for(bucket, &prefixes, &ids, arguments.wait).await;
    found
}

impl Exchange {
    /// Adds the line of the answer.
    fn judge(self, response: anyhow::Result<spillway_local::client::Response>, table: &mut Table) -> Judged {
        let got = response.map_err(|error| format!("{error:#}")).and_then(|response| self.expected.check(&response));
        let expected = self.expected.to_string();
        let request_id = match got {
            Ok(answer) => {
                table.ok(&self.name, &expected, &answer.text);
                answer.request_id
            }
            Err(got) => {
                table.failed(&self.name, &expected, &got);
                None
            }
        };
        Judged { name: self.name, request_id, records: self.expected.records }
    }
}
