//! One run: a pipeline of its own, a load, and everything that was counted until the last record was stored.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use spillway_local::ledger::Report as Ledger;
use spillway_local::pipeline::{Drained, Pipeline, Settings};
use spillway_local::sqs::Calls;
use tokio::time::{Instant, sleep};

use crate::distance::Distance;
use crate::lag::{self, Lag};
use crate::load::{Load, Posted};
use crate::machine;
use crate::process::{cpu_seconds, peak_bytes};

/// The folder under which the objects lie while a pipeline runs.
const DATA: &str = "target/bench/data";
/// How long a pipeline may take to store what is queued.
const LONGEST_DRAIN: Duration = Duration::from_mins(5);
/// How long the same load warms a pipeline up.
const WARM_UP: Duration = Duration::from_secs(1);

/// What was measured. CPU and what is stored exclude the warm-up; calls, invocations and the ledger include it.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) posted: Posted,
    /// How long the load ran.
    pub(crate) time: Duration,
    /// Records stored while it ran.
    pub(crate) stored_under_load: u64,
    /// Records stored until everything was.
    pub(crate) stored: u64,
    pub(crate) cpu: Cpu,
    /// How many cores something else was using meanwhile.
    pub(crate) others: f64,
    /// The load average before.
    pub(crate) load_average: f64,
    pub(crate) ingest: Counted,
    pub(crate) deliver: Counted,
    pub(crate) sqs: Calls,
    pub(crate) puts: u64,
    pub(crate) lag: Lag,
    pub(crate) ledger: Ledger,
}

/// CPU seconds by process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    pub(crate) ingest: f64,
    pub(crate) deliver: f64,
    /// Front, SQS, event source and S3.
    pub(crate) emulators: f64,
    pub(crate) load: f64,
    machine: f64,
}

/// What was counted of one function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) invocations: u64,
    /// How long they ran, added up.
    pub(crate) busy: Duration,
    /// The largest memory of its processes together, in bytes.
    pub(crate) peak: u64,
}

/// The defaults of a local pipeline with this process's variables, in the benchmark's folder.
pub(crate) fn settings(distance: Distance) -> anyhow::Result<Settings> {
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let variables: BTreeMap<_, _> = variables.collect();
    let faults = distance.plan()?;
    Ok(Settings { data: PathBuf::from(DATA), variables, faults, ..Settings::new(std::env::current_exe()?) })
}

/// Runs a pipeline under the load that `load` makes for it, until everything is stored and nothing is lost.
pub(crate) async fn run(settings: Settings, load: impl FnOnce(&Pipeline) -> Load) -> anyhow::Result<Run> {
    let data = settings.data.clone();
    let load_average = machine::load_average();
    let pipeline = Pipeline::start(settings).await?;
    let load = load(&pipeline);
    if load.documents.is_none() {
        Load { time: WARM_UP, ..load.clone() }.run().await?;
    }
    let run = measure(pipeline, &load, load_average).await?;
    std::fs::remove_dir_all(data)?;
    ensure!(run.ledger.holds() && run.ledger.duplicates == 0, "the ledger does not hold:\n{}", run.ledger);
    Ok(run)
}

async fn measure(pipeline: Pipeline, load: &Load, load_average: f64) -> anyhow::Result<Run> {
    let (before, stored_before, started) = (Cpu::now(&pipeline), pipeline.status().await?.stored, Instant::now());
    let posted = load.run().await?;
    let time = started.elapsed();
    let stored_under_load = pipeline.status().await?.stored.saturating_sub(stored_before);
    until_stored(&pipeline).await?;
    let stored = pipeline.status().await?.stored.saturating_sub(stored_before);
    let mut cpu = Cpu::now(&pipeline).since(before);
    cpu.load = posted.cpu_seconds;
    let others = cpu.others() / started.elapsed().as_secs_f64();
    let (ingest, deliver) = (Counted::of(pipeline.ingest()), Counted::of(pipeline.deliver()));
    let Drained { ledger, objects, sqs, puts } = pipeline.drain().await?;
    let lag = lag::of(&objects)?;
    Ok(Run {
        posted,
        time,
        stored_under_load,
        stored,
        cpu,
        others,
        load_average,
        ingest,
        deliver,
        sqs,
        puts,
        lag,
        ledger,
    })
}

/// Until the queue is empty: then everything that was accepted is stored, and every message is deleted.
async fn until_stored(pipeline: &Pipeline) -> anyhow::Result<()> {
    let deadline = Instant::now() + LONGEST_DRAIN;
    loop {
        let status = pipeline.status().await?;
        if status.queued + status.in_flight == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "not everything was stored in {LONGEST_DRAIN:?}: {status:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

impl Run {
    /// Documents that were answered with success, a second.
    pub(crate) fn documents_a_second(&self) -> f64 {
        float(self.posted.taken) / self.time.as_secs_f64()
    }

    /// Records stored while the load ran, a second.
    pub(crate) fn stored_a_second(&self) -> f64 {
        float(self.stored_under_load) / self.time.as_secs_f64()
    }

    /// CPU seconds a million records that were stored.
    pub(crate) fn a_million(&self, seconds: f64) -> f64 {
        seconds / float(self.stored) * 1e6
    }

    /// A count of the whole run, warm-up included, a million records.
    pub(crate) fn count_a_million(&self, count: u64) -> f64 {
        float(count) / float(self.ledger.stored) * 1e6
    }
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

impl Cpu {
    fn now(pipeline: &Pipeline) -> Self {
        Self {
            ingest: cpu_seconds(&pipeline.ingest().pids()),
            deliver: cpu_seconds(&pipeline.deliver().pids()),
            emulators: cpu_seconds(&[std::process::id()]),
            load: 0.0,
            machine: machine::cpu_seconds(),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            ingest: self.ingest - before.ingest,
            deliver: self.deliver - before.deliver,
            emulators: self.emulators - before.emulators,
            load: 0.0,
            machine: self.machine - before.machine,
        }
    }

    /// Both functions together.
    pub(crate) fn functions(&self) -> f64 {
        self.ingest + self.deliver
    }

    fn others(&self) -> f64 {
        (self.machine - self.functions() - self.emulators - self.load).max(0.0)
    }
}

impl Counted {
    fn of(function: &spillway_local::runtime::Function) -> Self {
        let (invocations, busy) = (function.counts().invocations, function.busy());
        Self { invocations, busy, peak: peak_bytes(&function.pids()) }
    }
}
