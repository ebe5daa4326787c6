//! The load: a process of its own, so that its CPU time is told apart from the emulators'.

mod post;

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

/// The first argument that makes this program a load; its setting follows as JSON.
const LOAD: &str = "load";

/// Where documents go, and what is answered when all is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    /// The statuses that count as taken: this one, or any 2xx if there is none.
    pub(crate) status: Option<u16>,
}

/// What is posted where, by how many, for how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Load {
    pub(crate) target: Target,
    /// How many connections post.
    pub(crate) connections: usize,
    /// Payloads of a document.
    pub(crate) payloads: usize,
    /// How long they post.
    pub(crate) time: Duration,
    /// Documents a second, whatever becomes of them; without it every connection posts as soon as it is answered.
    pub(crate) rate: Option<f64>,
    /// Ends the load before its time.
    pub(crate) documents: Option<u64>,
}

/// What a load came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Posted {
    /// Documents that were answered as they should.
    pub(crate) taken: u64,
    /// Documents that were answered otherwise, or not at all.
    pub(crate) failed: u64,
    /// How long the answers took, sorted, in microseconds; from the intended start where there is a rate.
    pub(crate) latencies: Vec<u64>,
    /// CPU seconds of the load's process.
    pub(crate) cpu_seconds: f64,
}

impl Target {
    /// The stream of telemetry of a pipeline that listens there.
    pub(crate) fn pipeline(address: SocketAddr) -> Self {
        Self { address, path: "/v1/streams/telemetry".to_owned(), status: Some(200) }
    }

    /// A route of ingest that does nothing: the same document passes everything but ingest's own stages.
    pub(crate) fn nothing(address: SocketAddr) -> Self {
        Self { address, path: "/health".to_owned(), status: Some(405) }
    }

    fn takes(&self, status: u16) -> bool {
        self.status.map_or((200..300).contains(&status), |wanted| wanted == status)
    }
}

impl Load {
    /// A closed loop of documents of ten payloads.
    pub(crate) fn new(target: Target, connections: usize, time: Duration) -> Self {
        Self { target, connections, payloads: 10, time, rate: None, documents: None }
    }

    /// Runs it in a process of its own.
    pub(crate) async fn run(&self) -> anyhow::Result<Posted> {
        let program = std::env::current_exe()?;
        let setting = serde_json::to_string(self)?;
        let child = Command::new(program).args([LOAD, &setting]).stdout(Stdio::piped()).spawn()?;
        let output = child.wait_with_output().await?;
        ensure!(output.status.success(), "the load failed: {}", output.status);
        serde_json::from_slice(&output.stdout).context("what the load came to")
    }
}

impl Posted {
    /// The time within which a share of the answers came, in milliseconds.
    pub(crate) fn percentile_ms(&self, share: f64) -> f64 {
        percentile(&self.latencies, share) / 1e3
    }
}

/// The value that a share of sorted values does not exceed.
pub(crate) fn percentile(sorted: &[u64], share: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index, and microseconds"
    )]
    let value = |share: f64| {
        let index = (sorted.len() as f64 * share) as usize;
        sorted.get(index.min(sorted.len().saturating_sub(1))).map_or(f64::NAN, |value| *value as f64)
    };
    value(share)
}

/// Posts and never returns, if this process was started as a load.
pub(crate) fn become_load_if_asked() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(LOAD) {
        return Ok(());
    }
    let load: Load = serde_json::from_str(&arguments.next().unwrap_or_default()).context("a load's setting")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut posted = runtime.block_on(post::all(&load))?;
    posted.cpu_seconds = crate::process::cpu_seconds(&[std::process::id()]);
    println!("{}", serde_json::to_string(&posted)?);
    std::process::exit(0)
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
    fn a_load_reads_what_it_was_given() {
        let load = Load::new(Target::pipeline(([127, 0, 0, 1], 80).into()), 64, Duration::from_millis(1_500));
        let text = serde_json::to_string(&load).unwrap();
        assert_eq!(serde_json::from_str::<Load>(&text).unwrap(), load);
    }
}
