//! `spillway find`: where a record or the records of a request are.
//!
//! A server on this machine searches by itself, since it knows its queues. On AWS this program searches the bucket.

mod queues;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use form_urlencoded::Serializer;
use indicatif::ProgressBar;
use serde::Serialize;
use spillway_local::client::Client;
use spillway_local::find::{Found, Place as FoundAt, Search, Searched, in_bucket};
use tokio::time::timeout;

use crate::place::{Place, Target};
use crate::report;
use queues::Depths;

/// How long a server may search.
const LONGEST: Duration = Duration::from_mins(20);
/// How often the display of a running search changes.
const TICK: Duration = Duration::from_millis(200);

/// The arguments of `spillway find`.
#[derive(Debug, Args)]
pub(crate) struct Find {
    #[command(flatten)]
    place: Place,
    /// A request id, or a record id: a request id with `-` and a number
    id: String,
    /// The day of receipt (UTC), such as 2026-11-21: needed if the id was derived from an idempotency key or a client's id
    #[arg(long)]
    day: Option<String>,
    /// The prefix of records on AWS, if it is not `records/`
    #[arg(long, value_name = "PREFIX", env = "OBJECT_PREFIX")]
    prefix: Option<String>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    found: &'a Found,
    /// The queues of a stack on AWS, which cannot be searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    queues: Option<&'a Depths>,
}

/// Searches and prints the places; exits with 1 if there are none.
pub(crate) async fn run(arguments: Find) -> anyhow::Result<ExitCode> {
    let search = Search::parse(&arguments.id, arguments.day.as_deref())?;
    let target = arguments.place.target().await?;
    let found = match target.admin() {
        Some(admin) => Box::pin(by_server(admin, &search, arguments.day.as_deref())).await?,
        None => Box::pin(on_aws(&target, &search, arguments.prefix)).await?,
    };
    let is_nowhere = found.places.is_empty();
    let queues = if is_nowhere && target.admin().is_none() { depths(&target).await } else { None };
    if target.json {
        println!("{}", serde_json::to_string(&Answer { found: &found, queues: queues.as_ref() })?);
    } else {
        print(&found, target.admin().is_none(), queues.as_ref());
    }
    Ok(if is_nowhere { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The answer of a server on this machine.
async fn by_server(admin: SocketAddr, search: &Search, day: Option<&str>) -> anyhow::Result<Found> {
    let mut query = Serializer::new(String::new());
    query.append_pair("id", &search.id).extend_pairs(day.map(|day| ("day", day)));
    let path = format!("/find?{}", query.finish());
    let lost = || format!("the server at {admin} does not answer");
    let mut client = Client::connect(admin).await.with_context(lost)?;
    let progress = ProgressBar::new_spinner().with_message("searching");
    progress.enable_steady_tick(TICK);
    let response = timeout(LONGEST, client.get(&path)).await.with_context(lost)?.with_context(lost)?;
    progress.finish_and_clear();
    let text = String::from_utf8_lossy(&response.body);
    ensure!(response.status.is_success(), "the server at {admin} did not search: {} {text}", response.status);
    serde_json::from_str(&text).context("the server's answer cannot be read")
}

async fn on_aws(target: &Target, search: &Search, prefix: Option<String>) -> anyhow::Result<Found> {
    let source = target.source().await?;
    let progress = report::progress(0, "objects");
    let watch = |searched: &Searched| {
        progress.set_length(searched.objects + searched.left);
        progress.set_position(searched.objects);
    };
    let found = in_bucket(&source, &target.records(prefix), search, watch).await;
    progress.finish_and_clear();
    Ok(found?)
}

/// The depths of the queues, which tell whether the records can still be on their way.
async fn depths(target: &Target) -> Option<Depths> {
    let depths = queues::depths(target).await;
    depths.inspect_err(|error| eprintln!("the queues' depths are unknown: {error:#}")).ok()
}

fn print(found: &Found, is_on_aws: bool, queues: Option<&Depths>) {
    for place in &found.places {
        println!("{}", line(place));
    }
    match (found.places.is_empty(), is_on_aws) {
        (true, true) => println!("{} is not in the bucket; the queues cannot be searched", found.id),
        (true, false) => println!("{} is nowhere: not in the bucket and not on a queue", found.id),
        (false, _) => {}
    }
    if let Some(queues) = queues {
        println!("{queues}");
    }
    for key in &found.unreadable {
        eprintln!("{key} is damaged: only its beginning was searched");
    }
    let Searched { objects, bytes, .. } = found.searched;
    eprintln!("searched {objects} objects, {} MB", bytes.div_ceil(1_000_000));
}

/// `stored         records/…/0f3c….ndjson.zst  lines 17 to 26`.
fn line(place: &FoundAt) -> String {
    let FoundAt { place: kind, object, line, row, message, records } = place;
    let numbers = |one: &str, first: u64| match first + records - 1 {
        last if last == first => format!("{one} {first}"),
        last => format!("{one}s {first} to {last}"),
    };
    let object = object.iter().cloned();
    let message = message.iter().map(|id| format!("message {id}"));
    let numbers = line.map(|line| numbers("line", line)).or(row.map(|row| numbers("row", row)));
    let within = numbers.unwrap_or_else(|| format!("{records} records"));
    let parts: Vec<_> = object.chain(message).chain([within]).collect();
    format!("{:<13}  {}", kind.as_str(), parts.join("  "))
}
