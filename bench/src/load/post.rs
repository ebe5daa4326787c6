//! The inside of the load generator: connections that share one schedule.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures::future::try_join_all;
use spillway_local::client::{Client, Document, Response};
use spillway_local::sample;
use tokio::time::{Instant, sleep_until};

use super::{Load, Posted, Target};

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
    let posted = RefCell::default();
    try_join_all(clients.into_iter().map(|client| post(client, &documents, &schedule, &posted))).await?;
    let mut posted: Posted = posted.into_inner();
    posted.latencies.sort_unstable();
    Ok(posted)
}

fn document(load: &Load, seed: u64) -> Document {
    let document = Document::new("telemetry", "local", sample::document(seed, load.payloads));
    Document { path: load.target.path.clone(), ..document.header("content-type", "application/json") }
}

/// Posts over one connection.
async fn post(
    mut client: Client,
    documents: &[Document],
    schedule: &Schedule<'_>,
    posted: &RefCell<Posted>,
) -> anyhow::Result<()> {
    let target = &schedule.load.target;
    while let Some((number, due)) = schedule.next().await {
        let response = client.post(&documents[number % documents.len()]).await;
        posted.borrow_mut().count(target, response.as_ref().ok(), due.elapsed());
        if response.is_err() {
            client = Client::connect(target.address).await?;
        }
    }
    Ok(())
}

impl Posted {
    fn count(&mut self, target: &Target, response: Option<&Response>, time: Duration) {
        if response.is_some_and(|response| target.accepts(response.status.as_u16())) {
            self.accepted += 1;
            self.latencies.extend(u64::try_from(time.as_micros()));
        } else {
            self.failed += 1;
        }
    }
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
