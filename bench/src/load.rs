//! The load: a process of its own, so that its CPU time is told apart from the emulators'.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use spillway_local::client::{Client, Document};
use spillway_local::sample;
use tokio::process::Command;
use tokio::time::Instant;

/// The first argument that makes this program a load; its setting follows as JSON.
const LOAD: &str = "load";
/// How many different documents there are.
const DOCUMENTS: u64 = 64;

/// What is posted where, by how many, for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Where the pipeline listens.
    pub(crate) address: SocketAddr,
    /// How many connections post.
    pub(crate) connections: usize,
    /// Payloads of a document.
    pub(crate) payloads: usize,
    /// How long they post.
    pub(crate) time: Duration,
}

/// What a load came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Posted {
    /// Documents that were answered with 200.
    pub(crate) taken: u64,
    /// Documents that were answered otherwise, or not at all.
    pub(crate) failed: u64,
    /// How long the answers took, sorted, in microseconds.
    pub(crate) latencies: Vec<u64>,
    /// CPU seconds of the load's process.
    pub(crate) cpu_seconds: f64,
}

/// Posts and never returns, if this process was started as a load.
pub(crate) fn become_load_if_asked() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(LOAD) {
        return Ok(());
    }
    let setting: Value = serde_json::from_str(&arguments.next().unwrap_or_default())?;
    let load = Load::read(&setting).context("a load's setting")?;
    let posted = tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(post(load))?;
    println!("{}", posted.write());
    std::process::exit(0)
}

/// Runs a load in a process of its own.
pub(crate) async fn run(load: Load) -> anyhow::Result<Posted> {
    let program = std::env::current_exe()?;
    let child = Command::new(program).args([LOAD, &load.write().to_string()]).stdout(Stdio::piped()).spawn()?;
    let output = child.wait_with_output().await?;
    ensure!(output.status.success(), "the load failed: {}", output.status);
    Posted::read(&serde_json::from_slice(&output.stdout)?).context("what the load came to")
}

async fn post(load: Load) -> anyhow::Result<Posted> {
    let bodies: Vec<_> = (0..DOCUMENTS).map(|seed| sample::document(seed, load.payloads)).collect();
    let documents: Vec<_> = bodies.into_iter().map(|body| Document::new("telemetry", "local", body)).collect();
    let end = Instant::now() + load.time;
    let posts = (0..load.connections).map(|first| post_on(load.address, &documents, first, end));
    let mut sum = Posted::default();
    for part in futures::future::join_all(posts).await {
        sum.add(part?);
    }
    sum.latencies.sort_unstable();
    sum.cpu_seconds = crate::process::cpu_seconds(&[std::process::id()]);
    Ok(sum)
}

async fn post_on(address: SocketAddr, documents: &[Document], first: usize, end: Instant) -> anyhow::Result<Posted> {
    let mut client = Client::connect(address).await?;
    let mut posted = Posted::default();
    for document in documents.iter().cycle().skip(first) {
        let started = Instant::now();
        if started >= end {
            break;
        }
        match client.post(document).await {
            Ok(answer) if answer.status == 200 => {
                posted.taken += 1;
                posted.latencies.push(u64::try_from(started.elapsed().as_micros())?);
            }
            Ok(_) => posted.failed += 1,
            Err(_) => {
                posted.failed += 1;
                client = Client::connect(address).await?;
            }
        }
    }
    Ok(posted)
}

impl Load {
    fn write(&self) -> Value {
        json!([self.address.to_string(), self.connections, self.payloads, self.time.as_secs_f64()])
    }

    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            address: value[0].as_str()?.parse().ok()?,
            connections: usize::try_from(value[1].as_u64()?).ok()?,
            payloads: usize::try_from(value[2].as_u64()?).ok()?,
            time: Duration::try_from_secs_f64(value[3].as_f64()?).ok()?,
        })
    }
}

impl Posted {
    /// The time within which a share of the answers came.
    pub(crate) fn percentile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index"
        )]
        let index = (self.latencies.len() as f64 * share) as usize;
        let found = self.latencies.get(index.min(self.latencies.len().saturating_sub(1)));
        Duration::from_micros(found.copied().unwrap_or_default())
    }

    fn add(&mut self, part: Self) {
        self.taken += part.taken;
        self.failed += part.failed;
        self.latencies.extend(part.latencies);
    }

    fn write(&self) -> Value {
        json!([self.taken, self.failed, self.latencies, self.cpu_seconds])
    }

    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            taken: value[0].as_u64()?,
            failed: value[1].as_u64()?,
            latencies: value[2].as_array()?.iter().filter_map(Value::as_u64).collect(),
            cpu_seconds: value[3].as_f64()?,
        })
    }
}
