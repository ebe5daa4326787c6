//! The load generator: a separate process, so that its CPU time can be separated from that of the emulators.

mod post;

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::machine::cpu_seconds_of;

/// The first argument that makes this program a load generator; the load follows as JSON.
pub(crate) const LOAD: &str = "load";

/// The destination of documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    /// The status that counts as accepted; `None` is any 2xx.
    pub(crate) status: Option<u16>,
}

/// A load on one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) target: Target,
    /// The number of connections.
    pub(crate) connections: usize,
    /// The number of payloads of each document.
    pub(crate) payloads: usize,
    /// The duration.
    pub(crate) time: Duration,
    /// Documents per second in an open loop. In a closed loop, each connection posts when it receives a response.
    pub(crate) rate: Option<f64>,
    /// The number of documents that ends the load early.
    pub(crate) documents: Option<u64>,
}

/// The results of a load.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Posted {
    /// Documents with the expected status.
    pub(crate) accepted: u64,
    /// Documents with another status or no response.
    pub(crate) failed: u64,
    /// Response times in microseconds, sorted. In an open loop they count from the due time of the document.
    latencies: Vec<u64>,
    /// CPU seconds of the load generator.
    pub(crate) cpu_seconds: f64,
}

impl Target {
    /// The stream `telemetry` of a pipeline.
    pub(crate) fn pipeline(address: SocketAddr) -> Self {
        Self { address, path: "/v1/streams/telemetry".to_owned(), status: Some(200) }
    }

    /// A route that ingest refuses immediately, so that an invocation with the same document is a no-op.
    pub(crate) fn noop(address: SocketAddr) -> Self {
        Self { address, path: "/health".to_owned(), status: Some(405) }
    }

    fn accepts(&self, status: u16) -> bool {
        self.status.map_or((200..300).contains(&status), |wanted| wanted == status)
    }
}

impl Load {
    /// A closed loop.
    pub(crate) fn new(target: Target, connections: usize, payloads: usize, time: Duration) -> Self {
        Self { target, connections, payloads, time, rate: None, documents: None }
    }

    /// Runs the load in a separate process.
    pub(crate) async fn run(&self) -> anyhow::Result<Posted> {
        let load = serde_json::to_string(self)?;
        let child = Command::new(std::env::current_exe()?).args([LOAD, &load]).stdout(Stdio::piped()).spawn()?;
        let output = child.wait_with_output().await?;
        ensure!(output.status.success(), "the load generator failed: {}", output.status);
        serde_json::from_slice(&output.stdout).context("invalid output of the load generator")
    }
}

impl Posted {
    /// A percentile of the response times, in milliseconds.
    pub(crate) fn percentile_ms(&self, share: f64) -> f64 {
        percentile(&self.latencies, share) / 1e3
    }
}

/// The value that a share of sorted values does not exceed; NaN without values.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index, and microseconds"
)]
pub(crate) fn percentile(sorted: &[u64], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).map_or(f64::NAN, |value| *value as f64)
}

/// Runs a load, given as JSON, in this process and prints its results.
pub(crate) fn generate(load: &str) -> anyhow::Result<()> {
    let load: Load = serde_json::from_str(load).context("invalid load")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let posted = runtime.block_on(post::all(&load))?;
    let posted = Posted { cpu_seconds: cpu_seconds_of(&[std::process::id()]), ..posted };
    println!("{}", serde_json::to_string(&posted)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_value_that_a_share_does_not_exceed() {
        let sorted: Vec<u64> = (1..=1_000).collect();
        assert!((percentile(&sorted, 0.5) - 501.0).abs() < f64::EPSILON);
        assert!((percentile(&sorted, 0.999) - 1_000.0).abs() < f64::EPSILON);
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn a_load_survives_json() {
        let load = Load::new(Target::pipeline(([127, 0, 0, 1], 80).into()), 64, 10, Duration::from_millis(1_500));
        let text = serde_json::to_string(&load).unwrap();
        assert_eq!(serde_json::from_str::<Load>(&text).unwrap(), load);
    }
}
