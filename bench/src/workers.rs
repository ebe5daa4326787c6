//! The pool: deliver alone against an S3 that takes 30 ms for a PUT, one object a payload, by number of workers.

mod function;

use std::fs;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use spillway_local::invoke::Invoke as _;
use spillway_local::runtime::{Function, FunctionSettings};
use tokio::time::Instant;

use crate::load::percentile;
use crate::messages;
use crate::plot::Plot;
use crate::process::{cpu_seconds, peak_bytes};
use crate::report::Report;
use crate::run::float;
use crate::slow_s3::{Behaviour, SlowS3};
use crate::table::{Table, number, text};
pub(crate) use function::become_deliver_if_asked;

/// Numbers of workers; the last stands for a pool without bound.
const WORKERS: [usize; 9] = [1, 2, 5, 15, 50, 100, 200, 500, UNBOUNDED];
const UNBOUNDED: usize = 1_000_000;
/// Payloads of a message.
const A_MESSAGE: usize = 100;
/// What a process on Lambda may open (its quota of file descriptors).
const OPEN_FILES: u32 = 1_024;
/// Where the times of the PUTs are written.
const TIMES: &str = "target/bench/workers.times";
/// The curve of the article about the pool of workers: how many, and how much faster.
const ARTICLE: [(f64, f64); 3] = [(1.0, 1.0), (15.0, 1.66), (50.0, 2.49)];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Milliseconds that S3 takes for a PUT
    #[arg(long, default_value_t = 30)]
    latency_ms: u64,
    /// PUTs a second beyond which the second S3 answers `SlowDown`
    #[arg(long, default_value_t = 2_000)]
    limit: u64,
    /// How many seconds each number of workers is measured at least
    #[arg(long, default_value_t = 4)]
    seconds: u64,
}

/// What one number of workers came to.
struct Step {
    workers: usize,
    payloads_a_second: f64,
    /// What each PUT took, sorted, in microseconds.
    micros: Vec<u64>,
    /// PUTs that S3 refused.
    refused: f64,
    /// The share of PUTs that never came to S3, since no connection could be opened.
    not_sent: f64,
    /// The share of messages that were handed back.
    handed_back: f64,
    cpu_a_million: f64,
    peak: u64,
    load_average: f64,
}

/// Measures every number of workers against both S3s.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("workers");
    let latency = Duration::from_millis(arguments.latency_ms);
    let free = arguments.steps(Behaviour { latency, limit: None }).await?;
    let limited = arguments.steps(Behaviour { latency, limit: Some(arguments.limit) }).await?;
    report.table(table(&free, &format!("{} ms a PUT", arguments.latency_ms)));
    let limit = format!("{} ms a PUT, SlowDown beyond {} PUT/s", arguments.latency_ms, arguments.limit);
    report.table(table(&limited, &limit));
    report.plot("", plot(&free));
    report.plot("-slowdown", plot_limited(&limited));
    fs::remove_file(TIMES)?;
    report.finish()
}

impl Arguments {
    async fn steps(&self, behaviour: Behaviour) -> anyhow::Result<Vec<Step>> {
        let mut steps = Vec::new();
        for workers in WORKERS {
            eprintln!("workers: {workers}, {behaviour:?}");
            steps.push(self.step(workers, behaviour).await?);
        }
        Ok(steps)
    }

    async fn step(&self, workers: usize, behaviour: Behaviour) -> anyhow::Result<Step> {
        let load_average = crate::machine::load_average();
        fs::create_dir_all("target/bench")?;
        fs::write(TIMES, "")?;
        let s3 = SlowS3::start(behaviour).await?;
        let function = Function::start(deliver(workers, &s3)?).await?;
        let invoked = invoke_for(Duration::from_secs(self.seconds), &function, messages_for(workers)).await?;
        let (cpu, peak) = (cpu_seconds(&function.pids()), peak_bytes(&function.pids()));
        function.stop().await;
        let micros = times()?;
        let puts = float(micros.len() as u64);
        Ok(Step {
            workers,
            payloads_a_second: float(s3.stored()) / invoked.time.as_secs_f64(),
            refused: float(s3.refused()) / puts,
            not_sent: (puts - float(s3.stored() + s3.refused())).max(0.0) / puts,
            handed_back: float(invoked.failed as u64) / float(invoked.messages as u64),
            cpu_a_million: cpu / float(s3.stored()) * 1e6,
            peak,
            load_average,
            micros,
        })
    }
}

/// What some invocations came to.
struct Invoked {
    time: Duration,
    messages: usize,
    /// Messages that were handed back.
    failed: usize,
}

/// Invokes deliver with batches of so many messages, one after the other, for some time.
async fn invoke_for(least: Duration, function: &Function, messages: usize) -> anyhow::Result<Invoked> {
    let bodies = (0..messages).map(|_| messages::message(A_MESSAGE)).collect::<Result<Vec<_>, _>>()?;
    let event = messages::event(&bodies);
    let (started, mut invoked) = (Instant::now(), Invoked { time: Duration::ZERO, messages: 0, failed: 0 });
    while invoked.time < least {
        let answer = function.invoke(event.clone()).await;
        invoked.messages += messages;
        invoked.failed += answer.map_or(messages, |answer| failures(&answer));
        invoked.time = started.elapsed();
    }
    Ok(invoked)
}

/// About three seconds of work for a pool that gets through all of it, at most 5,000 payloads.
fn messages_for(workers: usize) -> usize {
    workers.clamp(2, 50)
}

/// The program is started by a shell, which sets the limit of open files that Lambda sets.
fn deliver(workers: usize, s3: &SlowS3) -> anyhow::Result<FunctionSettings> {
    let program = std::env::current_exe()?.display().to_string();
    let script = format!("ulimit -n {OPEN_FILES} && exec \"$0\" \"$@\"");
    let variables = [
        ("BUCKET", "spillway"),
        // Nothing is there: what fails is not delayed, which costs a refused connection.
        ("QUEUE_URL", "http://127.0.0.1:1/none"),
        ("AWS_ENDPOINT_URL_S3", &s3.endpoint),
        ("MAX_OBJECT_RECORDS", "1"),
        // What is measured is the pool, not the compressor.
        ("COMPRESSION", "none"),
        ("AWS_LAMBDA_LOG_LEVEL", "ERROR"),
        (function::WORKERS, &workers.to_string()),
        (function::TIMES, TIMES),
    ];
    Ok(FunctionSettings {
        args: vec!["-c".to_owned(), script, program, function::MEASURED.to_owned()],
        variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        timeout: Duration::from_secs(20),
        ..FunctionSettings::new("deliver", "/bin/sh")
    })
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

fn table(steps: &[Step], setting: &str) -> Table {
    let head = [
        "workers",
        "payloads/s",
        "times one",
        "PUT p50 ms",
        "PUT p99 ms",
        "SlowDown %",
        "not sent %",
        "messages handed back %",
        "CPU s a million",
        "peak MB",
        "load average before",
    ];
    let mut table = Table::new(format!("Deliver alone, an object a payload, {setting}"), &head);
    let one = steps.first().map_or(f64::NAN, |step| step.payloads_a_second);
    for step in steps {
        table.row([
            text(name(step.workers)),
            number(step.payloads_a_second, 0),
            number(step.payloads_a_second / one, 2),
            number(percentile(&step.micros, 0.5) / 1e3, 1),
            number(percentile(&step.micros, 0.99) / 1e3, 1),
            number(step.refused * 100.0, 1),
            number(step.not_sent * 100.0, 1),
            number(step.handed_back * 100.0, 1),
            number(step.cpu_a_million, 0),
            number(float(step.peak >> 20), 0),
            number(step.load_average, 2),
        ]);
    }
    table
}

/// Where the unbounded pool stands on the axis: at the payloads of a batch.
fn place(step: &Step) -> f64 {
    let all = messages_for(step.workers) * A_MESSAGE;
    float(step.workers.min(all) as u64)
}

fn plot(steps: &[Step]) -> Plot {
    let one = steps.first().map_or(f64::NAN, |step| step.payloads_a_second);
    let mut plot =
        Plot::new("What the pool does: 30 ms a PUT", "workers (5,000: unbounded)", "times one worker").log(true, true);
    plot.add("Spillway", steps.iter().map(|step| (place(step), step.payloads_a_second / one)));
    plot.add("linear", [(1.0, 1.0), (500.0, 500.0)]);
    plot.add("the article's pool", ARTICLE);
    plot
}

fn plot_limited(steps: &[Step]) -> Plot {
    let mut plot = Plot::new("An S3 that says SlowDown", "workers (5,000: unbounded)", "%").log(true, false);
    plot.add("PUTs answered with SlowDown", steps.iter().map(|step| (place(step), step.refused * 100.0)));
    plot.add("messages handed back", steps.iter().map(|step| (place(step), step.handed_back * 100.0)));
    plot
}
