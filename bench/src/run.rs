//! One run: a separate pipeline under a load, and its counts until the last record is stored.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use spillway_local::faults::{Plan, parse};
use spillway_local::ledger::Report as Ledger;
use spillway_local::pipeline::{Drained, Pipeline, Settings};
use spillway_local::runtime::Function;
use spillway_local::sqs::Calls;
use tokio::time::{Instant, sleep};

use crate::lag::{self, Lag};
use crate::load::{Load, Posted, Target};
use crate::machine::{self, cpu_seconds_of, peak_bytes};
use crate::report::FOLDER;
use crate::table::float;

/// The maximum time in which a pipeline stores the queued records.
const DRAIN_TIMEOUT: Duration = Duration::from_mins(5);
/// The duration of the same load before each measurement.
const WARM_UP: Duration = Duration::from_secs(1);
/// Round trips inside a region of AWS: about 5 ms to SQS and 30 ms to S3.
///
/// On loopback a call takes less than a millisecond. Pollers and group commit then make far more calls, and use far
/// more CPU, than with AWS.
const REGION: [&str; 2] = ["sqs.latency=1:5ms", "s3.latency=1:30ms"];

/// The options of every measurement that loads a pipeline.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Options {
    /// The number of payloads of each document, about 500 bytes each
    #[arg(long, default_value_t = 10)]
    pub(crate) payloads: usize,
    /// Omit the latency of a region, which is 5 ms to SQS and 30 ms to S3
    #[arg(long)]
    loopback: bool,
}

/// The results of a run. CPU and stored records exclude the warm-up; calls, invocations and the ledger include it.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) posted: Posted,
    /// The duration of the load.
    time: Duration,
    /// Records stored during the load.
    stored_under_load: u64,
    /// Records stored until the queue was empty.
    stored: u64,
    /// CPU seconds of front, SQS, event source and S3.
    pub(crate) emulators_cpu: f64,
    /// Cores that other programs used in that time.
    pub(crate) others: f64,
    /// The load average before the run.
    pub(crate) load_average: f64,
    pub(crate) ingest: Counts,
    pub(crate) deliver: Counts,
    pub(crate) sqs: Calls,
    pub(crate) puts: u64,
    pub(crate) lag: Lag,
    pub(crate) ledger: Ledger,
}

/// The counts of one function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    /// CPU seconds of its processes.
    pub(crate) cpu: f64,
    pub(crate) invocations: u64,
    /// The sum of their durations.
    pub(crate) busy: Duration,
    /// The sum of the maximum memory of its processes, in bytes.
    pub(crate) peak: u64,
}

impl Options {
    /// The settings of a local pipeline in the benchmark's folder, with the variables of this process.
    pub(crate) fn settings(self) -> anyhow::Result<Settings> {
        let latencies: &[&str] = if self.loopback { &[] } else { &REGION };
        let faults: Vec<_> = latencies.iter().copied().map(parse).collect::<Result<_, _>>()?;
        let data = Path::new(FOLDER).join("data");
        Ok(Settings { data, faults: Plan::new(0, faults), ..Settings::of_this_process()? })
    }

    /// A closed loop on the pipeline at `address`.
    pub(crate) fn load(self, address: SocketAddr, connections: usize, seconds: u64) -> Load {
        Load::new(Target::pipeline(address), connections, self.payloads, Duration::from_secs(seconds))
    }
}

/// Runs a pipeline under the load for its address, until every record is stored. A loss or a duplicate is an error.
pub(crate) async fn run(settings: Settings, load: impl FnOnce(SocketAddr) -> Load) -> anyhow::Result<Run> {
    let data = settings.data.clone();
    let load_average = machine::load_average();
    let pipeline = Pipeline::start(settings).await?;
    let load = load(pipeline.address());
    if load.documents.is_none() {
        Load { time: WARM_UP, ..load.clone() }.run().await?;
    }
    let run = measure(pipeline, &load, load_average).await?;
    std::fs::remove_dir_all(data)?;
    ensure!(run.ledger.holds() && run.ledger.duplicates == 0, "records are missing or duplicated:\n{}", run.ledger);
    Ok(run)
}

async fn measure(pipeline: Pipeline, load: &Load, load_average: f64) -> anyhow::Result<Run> {
    let (before, stored_before, started) = (cpu(&pipeline), pipeline.status().await?.stored, Instant::now());
    let posted = load.run().await?;
    let time = started.elapsed();
    let stored_under_load = pipeline.status().await?.stored.saturating_sub(stored_before);
    wait_until_stored(&pipeline).await?;
    let stored = pipeline.status().await?.stored.saturating_sub(stored_before);
    let (after, whole_time) = (cpu(&pipeline), started.elapsed().as_secs_f64());
    let [ingest, deliver, emulators_cpu, machine] = std::array::from_fn(|at| after[at] - before[at]);
    let others = (machine - ingest - deliver - emulators_cpu - posted.cpu_seconds).max(0.0) / whole_time;
    let (ingest, deliver) = (Counts::of(pipeline.ingest(), ingest), Counts::of(pipeline.deliver(), deliver));
    let Drained { ledger, objects, sqs, puts } = pipeline.drain().await?;
    let lag = lag::of(&objects)?;
    Ok(Run {
        posted,
        time,
        stored_under_load,
        stored,
        emulators_cpu,
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

/// CPU seconds so far: ingest, deliver, the emulators in this process, and the whole machine.
fn cpu(pipeline: &Pipeline) -> [f64; 4] {
    let [ingest, deliver] = [pipeline.ingest(), pipeline.deliver()].map(|function| cpu_seconds_of(&function.pids()));
    [ingest, deliver, cpu_seconds_of(&[std::process::id()]), machine::cpu_seconds()]
}

/// Waits until the queue is empty: every accepted record is then stored, and every message deleted.
async fn wait_until_stored(pipeline: &Pipeline) -> anyhow::Result<()> {
    let deadline = Instant::now() + DRAIN_TIMEOUT;
    loop {
        let status = pipeline.status().await?;
        if status.queued + status.in_flight == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "some records were not stored within {DRAIN_TIMEOUT:?}: {status:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

impl Run {
    /// Accepted documents per second.
    pub(crate) fn documents_per_second(&self) -> f64 {
        float(self.posted.accepted) / self.time.as_secs_f64()
    }

    /// Records stored per second of the load.
    pub(crate) fn stored_per_second(&self) -> f64 {
        float(self.stored_under_load) / self.time.as_secs_f64()
    }

    /// CPU seconds of both functions.
    pub(crate) fn functions_cpu(&self) -> f64 {
        self.ingest.cpu + self.deliver.cpu
    }

    /// CPU seconds per million stored records.
    pub(crate) fn per_million(&self, seconds: f64) -> f64 {
        seconds / float(self.stored) * 1e6
    }

    /// A count of the whole run, including the warm-up, per million records.
    pub(crate) fn count_per_million(&self, count: u64) -> f64 {
        float(count) / float(self.ledger.stored) * 1e6
    }
}

impl Counts {
    fn of(function: &Function, cpu: f64) -> Self {
        let (invocations, busy) = (function.counts().invocations, function.busy());
        Self { cpu, invocations, busy, peak: peak_bytes(&function.pids()) }
    }
}
