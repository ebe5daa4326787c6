//! The pool of uploads by number of workers: deliver alone, with 30 ms per PUT and one object per payload.

pub(crate) mod function;

use std::fs;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use spillway_local::invoke::Invoke as _;
use spillway_local::runtime::{Function, FunctionSettings};
use tokio::time::Instant;

use crate::load::percentile;
use crate::machine::{self, cpu_seconds_of, peak_bytes};
use crate::messages;
use crate::plot::Plot;
use crate::report::{FOLDER, Report};
use crate::slow_s3::{Behaviour, SlowS3};
use crate::table::{Column, Table, count, float, number, text};

/// Numbers of workers; the last one is an unbounded pool.
const WORKERS: [usize; 9] = [1, 2, 5, 15, 50, 100, 200, 500, UNBOUNDED];
const UNBOUNDED: usize = 1_000_000;
/// The number of payloads of a message.
const PAYLOADS: usize = 100;
/// The number of files that a process on Lambda may open (its quota of file descriptors).
const OPEN_FILES: u32 = 1_024;
/// The file of the durations of the PUTs.
const TIMES: &str = "target/bench/workers.times";
/// The speedups of the worker pool in the article of 2015: workers, times one worker.
const ARTICLE: [(f64, f64); 3] = [(1.0, 1.0), (15.0, 1.66), (50.0, 2.49)];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The duration of a PUT in milliseconds
    #[arg(long, default_value_t = 30)]
    latency_ms: u64,
    /// The rate of PUTs per second over which the second S3 answers `SlowDown`
    #[arg(long, default_value_t = 2_000)]
    limit: u64,
    /// The minimum duration of each number of workers in seconds
    #[arg(long, default_value_t = 4)]
    seconds: u64,
}

/// The results of one number of workers.
struct Step {
    workers: usize,
    payloads_per_second: f64,
    /// The durations of the PUTs in microseconds, sorted.
    micros: Vec<u64>,
    /// The share of PUTs that S3 refused.
    refused: f64,
    /// The share of PUTs that S3 never got, because no connection could be opened.
    not_sent: f64,
    /// The share of messages that deliver returned to the queue.
    returned: f64,
    /// CPU seconds per million stored payloads.
    cpu: f64,
    peak: u64,
    load_average: f64,
}

/// Measures every number of workers with both S3s.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("workers");
    let latency = Duration::from_millis(arguments.latency_ms);
    let unlimited = arguments.steps(Behaviour { latency, limit: None }).await?;
    let limited = arguments.steps(Behaviour { latency, limit: Some(arguments.limit) }).await?;
    let title = format!("Deliver alone, one object per payload, {} ms per PUT", arguments.latency_ms);
    let slow_down = format!("{title}, SlowDown over {} PUT/s", arguments.limit);
    report.tables.extend([table(&unlimited, title), table(&limited, slow_down)]);
    report.plots.extend([("", plot(&unlimited)), ("-slowdown", plot_limited(&limited))]);
    fs::remove_file(TIMES)?;
    report.finish()
}

impl Arguments {
    async fn steps(&self, behaviour: Behaviour) -> anyhow::Result<Vec<Step>> {
        let mut steps = Vec::new();
        for workers in WORKERS {
            eprintln!("workers: {}, {behaviour:?}", name(workers));
            steps.push(self.step(workers, behaviour).await?);
        }
        Ok(steps)
    }

    async fn step(&self, workers: usize, behaviour: Behaviour) -> anyhow::Result<Step> {
        let load_average = machine::load_average();
        fs::create_dir_all(FOLDER)?;
        fs::write(TIMES, "")?;
        let s3 = SlowS3::start(behaviour).await?;
        let function = Function::start(deliver(workers, &s3)?).await?;
        let invoked = invoke_for(Duration::from_secs(self.seconds), &function, batch(workers)).await?;
        let (cpu, peak) = (cpu_seconds_of(&function.pids()), peak_bytes(&function.pids()));
        function.stop().await;
        let micros = times()?;
        let (puts, stored, refused) = (float(micros.len()), float(s3.stored()), float(s3.refused()));
        Ok(Step {
            workers,
            payloads_per_second: stored / invoked.time.as_secs_f64(),
            refused: refused / puts,
            not_sent: (puts - stored - refused).max(0.0) / puts,
            returned: float(invoked.returned) / float(invoked.messages),
            cpu: cpu / stored * 1e6,
            peak,
            load_average,
            micros,
        })
    }
}

/// The results of some invocations.
struct Invoked {
    time: Duration,
    messages: usize,
    /// Messages that deliver returned to the queue.
    returned: usize,
}

/// Invokes deliver with one batch of `messages` messages after the other, until the minimum duration is over.
async fn invoke_for(duration: Duration, function: &Function, messages: usize) -> anyhow::Result<Invoked> {
    let event = messages::event(&messages::packed(messages as u64, PAYLOADS, 1));
    let (started, mut invoked) = (Instant::now(), Invoked { time: Duration::ZERO, messages: 0, returned: 0 });
    while invoked.time < duration {
        let answer = function.invoke(event.clone()).await;
        invoked.messages += messages;
        invoked.returned += answer.map_or(messages, |answer| failures(&answer));
        invoked.time = started.elapsed();
    }
    Ok(invoked)
}

/// The number of messages of a batch: about three seconds of work for a bounded pool, at most 5,000 payloads.
fn batch(workers: usize) -> usize {
    workers.clamp(2, 50)
}

/// A shell starts the program, because it can set the limit of open files that Lambda has.
fn deliver(workers: usize, s3: &SlowS3) -> anyhow::Result<FunctionSettings> {
    let program = std::env::current_exe()?.display().to_string();
    let script = format!("ulimit -n {OPEN_FILES} && exec \"$0\" \"$@\"");
    let variables = [
        ("MAX_OBJECT_RECORDS", "1"),
        // The measurement is of the pool, not of the compressor.
        ("COMPRESSION", "none"),
        ("AWS_LAMBDA_LOG_LEVEL", "ERROR"),
        (function::WORKERS, &workers.to_string()),
        (function::TIMES, TIMES),
    ];
    Ok(s3.deliver("/bin/sh", &["-c", &script, &program, function::MEASURED], &variables))
}

fn failures(answer: &[u8]) -> usize {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    answer["batchItemFailures"].as_array().map_or(0, Vec::len)
}

fn times() -> anyhow::Result<Vec<u64>> {
    let mut micros: Vec<u64> = fs::read_to_string(TIMES)?.lines().filter_map(|line| line.parse().ok()).collect();
    micros.sort_unstable();
    Ok(micros)
}

fn name(workers: usize) -> String {
    if workers == UNBOUNDED { "unbounded".to_owned() } else { workers.to_string() }
}

fn table(steps: &[Step], title: String) -> Table {
    let speedup = speedup(steps);
    let columns: [Column<'_, Step>; 11] = [
        ("workers", &|step| text(name(step.workers))),
        ("payloads/s", &|step| number(step.payloads_per_second, 0)),
        ("times one", &|step| number(speedup(step), 2)),
        ("PUT p50 ms", &|step| number(percentile(&step.micros, 0.5) / 1e3, 1)),
        ("PUT p99 ms", &|step| number(percentile(&step.micros, 0.99) / 1e3, 1)),
        ("SlowDown %", &|step| number(step.refused * 100.0, 1)),
        ("not sent %", &|step| number(step.not_sent * 100.0, 1)),
        ("returned messages %", &|step| number(step.returned * 100.0, 1)),
        ("CPU s per million", &|step| number(step.cpu, 0)),
        ("peak MB", &|step| count(step.peak >> 20)),
        ("load average before", &|step| number(step.load_average, 2)),
    ];
    Table::new(title, steps, &columns)
}

/// Throughput relative to one worker.
fn speedup(steps: &[Step]) -> impl Fn(&Step) -> f64 {
    let one = steps.first().map_or(f64::NAN, |step| step.payloads_per_second);
    move |step| step.payloads_per_second / one
}

const AXIS: &str = "workers (5,000: unbounded)";

/// The place of a pool on the axis; the unbounded pool is at the number of payloads of a batch.
fn place(step: &Step) -> f64 {
    float(step.workers.min(batch(step.workers) * PAYLOADS))
}

fn plot(steps: &[Step]) -> Plot {
    let speedup = speedup(steps);
    Plot::new("Speedup of the pool, 30 ms per PUT", [AXIS, "times one worker"], [true, true])
        .line("Spillway", steps.iter().map(|step| (place(step), speedup(step))))
        .line("linear", [(1.0, 1.0), (500.0, 500.0)])
        .line("the article's pool", ARTICLE)
}

fn plot_limited(steps: &[Step]) -> Plot {
    Plot::new("An S3 that limits the rate", [AXIS, "%"], [true, false])
        .line("PUTs answered with SlowDown", steps.iter().map(|step| (place(step), step.refused * 100.0)))
        .line("returned messages", steps.iter().map(|step| (place(step), step.returned * 100.0)))
}
