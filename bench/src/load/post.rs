//! The inside of the load: connections that take their turns from one schedule.

use std::cell::Cell;
use std::time::Duration;

use spillway_local::client::{Client, Document};
use spillway_local::sample;
use tokio::time::{Instant, sleep_until};

use super::{Load, Posted};

/// How many different documents there are.
const DOCUMENTS: u64 = 64;

/// Whose turn it is, and when.
struct Schedule<'a> {
    load: &'a Load,
    start: Instant,
    next: Cell<u64>,
}

/// Posts until the time is over.
pub(super) async fn all(load: &Load) -> anyhow::Result<Posted> {
    let bodies = (0..DOCUMENTS).map(|seed| sample::document(seed, load.payloads));
    let documents: Vec<_> = bodies.map(|body| document(load, body)).collect();
    let mut clients = Vec::new();
    for _ in 0..load.connections {
        clients.push(Client::connect(load.target.address).await?);
    }
    let schedule = Schedule { load, start: Instant::now(), next: Cell::new(0) };
    let posts = clients.into_iter().map(|client| on_one(client, &documents, &schedule));
    let mut sum = Posted::default();
    for part in futures::future::join_all(posts).await {
        sum.add(part?);
    }
    sum.latencies.sort_unstable();
    Ok(sum)
}

fn document(load: &Load, body: String) -> Document {
    let document = Document::new("telemetry", "local", body).header("content-type", "application/json");
    Document { path: load.target.path.clone(), ..document }
}

async fn on_one(mut client: Client, documents: &[Document], schedule: &Schedule<'_>) -> anyhow::Result<Posted> {
    let mut posted = Posted::default();
    while let Some((turn, intended)) = schedule.turn().await {
        match client.post(&documents[turn % documents.len()]).await {
            Ok(answer) if schedule.load.target.takes(answer.status.as_u16()) => {
                posted.taken += 1;
                posted.latencies.push(u64::try_from(intended.elapsed().as_micros())?);
            }
            Ok(_) => posted.failed += 1,
            Err(_) => {
                posted.failed += 1;
                client = Client::connect(schedule.load.target.address).await?;
            }
        }
    }
    Ok(posted)
}

impl Schedule<'_> {
    /// Waits for the next turn and tells its number and its intended start; nothing when the time is over.
    ///
    /// Where all connections are busy a turn comes late, and its intended start stays what it was.
    async fn turn(&self) -> Option<(usize, Instant)> {
        let turn = self.next.replace(self.next.get() + 1);
        let intended = self.intended(turn);
        let end = self.start + self.load.time;
        if intended.max(Instant::now()) >= end || self.load.documents.is_some_and(|documents| turn >= documents) {
            return None;
        }
        if intended > Instant::now() {
            sleep_until(intended).await;
        }
        Some((usize::try_from(turn).unwrap_or_default(), intended))
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn intended(&self, turn: u64) -> Instant {
        match self.load.rate {
            Some(rate) => self.start + Duration::from_secs_f64(turn as f64 / rate),
            None => Instant::now(),
        }
    }
}

impl Posted {
    fn add(&mut self, part: Self) {
        self.taken += part.taken;
        self.failed += part.failed;
        self.latencies.extend(part.latencies);
    }
}
