//! The inside of the load generator: connections that share one schedule.

use std::cell::Cell;
use std::time::Duration;

use futures::future::try_join_all;
use spillway_local::client::{Client, Document};
use spillway_local::sample;
use tokio::time::{Instant, sleep_until};

use super::{Load, Posted};

/// The number of different documents.
const DOCUMENTS: u64 = 64;

/// When the next document is due.
struct Schedule<'a> {
    load: &'a Load,
    start: Instant,
    next: Cell<u64>,
}

/// Posts until the load ends.
pub(super) async fn all(load: &Load) -> anyhow::Result<Posted> {
    let documents: Vec<_> = (0..DOCUMENTS).map(|seed| document(load, seed)).collect();
    let clients = try_join_all((0..load.connections).map(|_| Client::connect(load.target.address))).await?;
    let schedule = Schedule { load, start: Instant::now(), next: Cell::new(0) };
    let posts = clients.into_iter().map(|client| post(client, &documents, &schedule));
    let mut sum = Posted::default();
    for part in try_join_all(posts).await? {
        sum.accepted += part.accepted;
        sum.failed += part.failed;
        sum.latencies.extend(part.latencies);
    }
    sum.latencies.sort_unstable();
    Ok(sum)
}

fn document(load: &Load, seed: u64) -> Document {
    let document = Document::new("telemetry", "local", sample::document(seed, load.payloads));
    Document { path: load.target.path.clone(), ..document.header("content-type", "application/json") }
}

/// Posts over one connection.
async fn post(mut client: Client, documents: &[Document], schedule: &Schedule<'_>) -> anyhow::Result<Posted> {
    let (target, mut posted) = (&schedule.load.target, Posted::default());
    while let Some((number, due)) = schedule.next().await {
        match client.post(&documents[number % documents.len()]).await {
            Ok(response) if target.accepts(response.status.as_u16()) => {
                posted.accepted += 1;
                posted.latencies.push(u64::try_from(due.elapsed().as_micros())?);
            }
            Ok(_) => posted.failed += 1,
            Err(_) => {
                posted.failed += 1;
                client = Client::connect(target.address).await?;
            }
        }
    }
    Ok(posted)
}

impl Schedule<'_> {
    /// Waits until the next document is due, and returns its number and its due time; none when the load has ended.
    ///
    /// If all connections are busy, the document is late, and its due time does not change.
    async fn next(&self) -> Option<(usize, Instant)> {
        let number = self.next.replace(self.next.get() + 1);
        let due = self.due(number);
        let end = self.start + self.load.time;
        if due.max(Instant::now()) >= end || self.load.documents.is_some_and(|documents| number >= documents) {
            return None;
        }
        if due > Instant::now() {
            sleep_until(due).await;
        }
        Some((usize::try_from(number).unwrap_or_default(), due))
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn due(&self, number: u64) -> Instant {
        match self.load.rate {
            Some(rate) => self.start + Duration::from_secs_f64(number as f64 / rate),
            None => Instant::now(),
        }
    }
}
