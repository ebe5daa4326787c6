//! Open-loop load at rising rates up to the knee: throughput, latency, lag and cost.

use std::time::Duration;

use clap::Args;

use crate::load::Load;
use crate::noop;
use crate::plot::Plot;
use crate::report::Report;
use crate::run::{self, Options, Run};
use crate::table::{Table, count, float, number, text};

/// The rates, as shares of the throughput of a closed loop.
const SHARES: [f64; 10] = [0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2];
/// Up to the knee, this share of the documents is accepted during the load, and none fails.
const KEPT: f64 = 0.98;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The number of connections
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// The duration of each rate in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Rates in documents per second, in rising order (default: shares of the throughput of a closed loop)
    #[arg(long, value_delimiter = ',')]
    rates: Vec<f64>,
    #[command(flatten)]
    options: Options,
}

/// One rate and its run.
struct Step {
    name: String,
    /// Offered payloads per second; NaN in a closed loop.
    payloads: f64,
    /// Documents per second; none in a closed loop.
    rate: Option<f64>,
    run: Run,
}

/// Finds the knee, and prints every rate up to it.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new(&format!("pipeline-{}", arguments.options.payloads));
    let (payloads, time) = (float(arguments.options.payloads), Duration::from_secs(arguments.seconds));
    let noop = noop::cpu_seconds(arguments.options, arguments.connections, time / 2).await?;
    let steps = Box::pin(arguments.steps()).await?;
    if let Some(knee) = knee(&steps) {
        report.notes.push(format!("The knee: {knee:.0} documents/s, {:.0} payloads/s.", knee * payloads));
    }
    report.notes.push(format!(
        "A no-op invocation of ingest uses {:.0} µs of CPU, or {:.1} s per million payloads.",
        noop * 1e6,
        noop * 1e6 / payloads
    ));
    let setting = format!("{} connections, documents of {payloads} payloads", arguments.connections);
    report.tables.extend([speed(&steps, &setting, payloads), work(&steps, &setting)]);
    report.plots.extend([("", plot_latency(&steps, payloads)), ("-cpu", plot_cpu(&steps, payloads))]);
    report.finish()
}

impl Arguments {
    /// A closed loop, every rate up to the first one that is too high, and half the knee.
    async fn steps(&self) -> anyhow::Result<Vec<Step>> {
        let mut steps = vec![self.step("closed loop".to_owned(), None).await?];
        let closed = steps[0].run.documents_per_second();
        let shares = || SHARES.map(|share| share * closed).to_vec();
        for rate in if self.rates.is_empty() { shares() } else { self.rates.clone() } {
            steps.push(self.step(format!("{:.0} %", rate / closed * 100.0), Some(rate)).await?);
            if !steps.last().is_some_and(Step::holds) {
                break;
            }
        }
        if let Some(knee) = knee(&steps) {
            steps.push(self.step("half of the knee".to_owned(), Some(knee / 2.0)).await?);
        }
        Ok(steps)
    }

    async fn step(&self, name: String, rate: Option<f64>) -> anyhow::Result<Step> {
        eprintln!("pipeline: {name}, {rate:.0?} documents/s");
        let load = |address| Load { rate, ..self.options.load(address, self.connections, self.seconds) };
        let run = run::run(self.options.settings()?, load).await?;
        Ok(Step { name, payloads: rate.map_or(f64::NAN, |rate| rate * float(self.options.payloads)), rate, run })
    }
}

impl Step {
    /// Whether the pipeline kept up with the rate.
    fn holds(&self) -> bool {
        self.rate.is_some_and(|rate| self.run.documents_per_second() >= KEPT * rate) && self.run.posted.failed == 0
    }
}

/// The highest rate that the pipeline kept up with, in documents per second.
fn knee(steps: &[Step]) -> Option<f64> {
    steps.iter().filter(|step| step.holds()).filter_map(|step| step.rate).reduce(f64::max)
}

fn speed(steps: &[Step], setting: &str, payloads: f64) -> Table {
    Table::new(
        format!("Speed: {setting}"),
        steps,
        &[
            ("load", &|step| text(&step.name)),
            ("offered payloads/s", &|step| number(step.payloads, 0)),
            ("accepted/s", &|step| number(step.run.documents_per_second() * payloads, 0)),
            ("stored/s", &|step| number(step.run.stored_per_second(), 0)),
            ("p50 ms", &|step| number(step.run.posted.percentile_ms(0.5), 1)),
            ("p99 ms", &|step| number(step.run.posted.percentile_ms(0.99), 1)),
            ("p99.9 ms", &|step| number(step.run.posted.percentile_ms(0.999), 1)),
            ("lag p50 s", &|step| number(step.run.lag.median, 2)),
            ("lag p99 s", &|step| number(step.run.lag.p99, 2)),
            ("lag max s", &|step| number(step.run.lag.max, 2)),
            ("failed", &|step| count(step.run.posted.failed)),
            ("load average before", &|step| number(step.run.load_average, 2)),
            ("cores used by others", &|step| number(step.run.others, 2)),
        ],
    )
}

fn work(steps: &[Step], setting: &str) -> Table {
    let cpu = |run: &Run, seconds| number(run.per_million(seconds), 2);
    let calls = |run: &Run, calls| number(run.count_per_million(calls), 0);
    Table::new(
        format!("Work per million payloads: {setting}"),
        steps,
        &[
            ("load", &|step| text(&step.name)),
            ("CPU s: ingest", &|step| cpu(&step.run, step.run.ingest.cpu)),
            ("deliver", &|step| cpu(&step.run, step.run.deliver.cpu)),
            ("functions", &|step| cpu(&step.run, step.run.functions_cpu())),
            ("emulators", &|step| cpu(&step.run, step.run.emulators_cpu)),
            ("load", &|step| cpu(&step.run, step.run.posted.cpu_seconds)),
            ("peak MB: ingest", &|step| count(step.run.ingest.peak >> 20)),
            ("deliver", &|step| count(step.run.deliver.peak >> 20)),
            ("SQS sends", &|step| calls(&step.run, step.run.sqs.sends)),
            ("receives", &|step| calls(&step.run, step.run.sqs.receives)),
            ("deletes", &|step| calls(&step.run, step.run.sqs.deletes)),
            ("PUTs", &|step| calls(&step.run, step.run.puts)),
        ],
    )
}

fn plot_latency(steps: &[Step], payloads: f64) -> Plot {
    let title = format!("Response time by offered load, documents of {payloads}");
    let line = |share| points(steps, move |run| run.posted.percentile_ms(share));
    Plot::new(title, ["offered payloads/s", "milliseconds from the due time"], [false, true])
        .line("p50", line(0.5))
        .line("p99", line(0.99))
        .line("p99.9", line(0.999))
}

fn plot_cpu(steps: &[Step], payloads: f64) -> Plot {
    let title = format!("CPU by offered load, documents of {payloads}");
    Plot::new(title, ["offered payloads/s", "CPU seconds per million stored payloads"], [false, false])
        .line("ingest", points(steps, |run| run.per_million(run.ingest.cpu)))
        .line("deliver", points(steps, |run| run.per_million(run.deliver.cpu)))
        .line("both", points(steps, |run| run.per_million(run.functions_cpu())))
}

/// The value of each open-loop step over its offered load, in rising order.
fn points(steps: &[Step], y: impl Fn(&Run) -> f64) -> Vec<(f64, f64)> {
    let open = steps.iter().filter(|step| step.rate.is_some());
    let mut points: Vec<_> = open.map(|step| (step.payloads, y(&step.run))).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}
