//! The whole pipeline with a fast partner, alone and next to a slow one.

use std::fs;
use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use spillway_local::pipeline::{Pipeline, Settings};
use tokio::time::{Instant, sleep};

use super::partner::Partner;
use super::{Arguments, configuration, file};
use crate::lag::Lag;
use crate::load::Load;
use crate::table::float;

const CONNECTIONS: usize = 64;
/// The maximum time until the fast partner has every record.
const PATIENCE: Duration = Duration::from_mins(2);

/// The results of one load.
pub(super) struct Run {
    pub(super) name: String,
    pub(super) accepted_per_second: f64,
    /// Different records at the fast partner.
    pub(super) arrived: usize,
    /// Accepted records that did not arrive there.
    pub(super) missing: u64,
    /// Records that arrived there more than once.
    pub(super) repeated: usize,
    pub(super) lag: Lag,
    /// Records at the slow partner when the fast one had them all; `None` without a slow partner.
    pub(super) slow: Option<usize>,
}

/// A closed loop, then half of its rate with the fast partner alone, and with both.
pub(super) async fn measure(arguments: &Arguments) -> anyhow::Result<Vec<Run>> {
    let closed = arguments.one("closed loop".to_owned(), None, false).await?;
    let half = closed.accepted_per_second / float(arguments.options.payloads) / 2.0;
    let alone = arguments.one("half of it".to_owned(), Some(half), false).await?;
    let name = format!("half of it, next to a partner of {} ms", arguments.slow_ms);
    let together = arguments.one(name, Some(half), true).await?;
    Ok(vec![closed, alone, together])
}

impl Arguments {
    async fn one(&self, name: String, rate: Option<f64>, has_slow: bool) -> anyhow::Result<Run> {
        eprintln!("destinations: {name}, {rate:.0?} documents/s");
        let fast = Partner::start(Duration::from_millis(self.latency_ms), true).await?;
        let slow = Partner::start(Duration::from_millis(self.slow_ms), false).await?;
        let files = [("fast", file(&fast.url, self)), ("slow", self.patient(&slow.url))];
        let config = configuration(&files[..=usize::from(has_slow)])?;
        let settings = Settings { config, ..self.options.settings()? };
        let data = settings.data.clone();
        let pipeline = Pipeline::start(settings).await?;
        let started = Instant::now();
        let load = Load { rate, ..self.options.load(pipeline.address(), CONNECTIONS, 2 * self.seconds) };
        let posted = load.run().await?;
        let time = started.elapsed();
        ensure!(posted.failed == 0, "{} documents failed", posted.failed);
        let accepted = pipeline.status().await?.accepted;
        until_arrived(&fast, accepted).await;
        let (arrived, lag, slow) = (fast.distinct(), fast.lag(), has_slow.then(|| slow.records()));
        let repeated = fast.records() - arrived;
        drop(pipeline);
        fs::remove_dir_all(data)?;
        let missing = accepted.saturating_sub(arrived as u64);
        Ok(Run {
            name,
            accepted_per_second: float(accepted) / time.as_secs_f64(),
            arrived,
            missing,
            repeated,
            lag,
            slow,
        })
    }

    /// The file of the slow partner.
    fn patient(&self, url: &str) -> Value {
        let mut file = file(url, self);
        file["timeout_ms"] = json!(2 * self.slow_ms);
        file
    }
}

/// Waits until a partner has all records, but not forever.
async fn until_arrived(partner: &Partner, accepted: u64) {
    let deadline = Instant::now() + PATIENCE;
    while (partner.distinct() as u64) < accepted && Instant::now() < deadline {
        sleep(Duration::from_millis(50)).await;
    }
}
