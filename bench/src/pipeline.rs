//! Open-loop load at rising rates up to the knee: what is taken and stored, how late, and what it costs.

use std::time::Duration;

use clap::Args;

use crate::distance::Distance;
use crate::load::{Load, Target};
use crate::nothing;
use crate::plot::Plot;
use crate::report::Report;
use crate::run::{self, Run, float};
use crate::table::{Cell, Table, count, number, text};

/// Shares of what a closed loop takes, in which the rates rise.
const SHARES: [f64; 10] = [0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2];
/// Up to the knee this share of the documents is answered while the load runs, and none fails.
const KEPT: f64 = 0.98;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How many connections post
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Payloads of a document, about 500 bytes each
    #[arg(long, default_value_t = 10)]
    payloads: usize,
    /// How many seconds a rate is held
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Documents a second to try, in rising order; by default shares of what a closed loop takes
    #[arg(long, value_delimiter = ',')]
    rates: Vec<f64>,
    #[command(flatten)]
    distance: Distance,
}

/// One rate and what came of it.
struct Step {
    name: String,
    /// Documents a second; none where the loop is closed.
    rate: Option<f64>,
    run: Run,
}

/// Finds the knee and prints what happens on the way there.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new(&format!("pipeline-{}", arguments.payloads));
    let time = Duration::from_secs(arguments.seconds);
    let nothing = nothing::cpu_seconds_at(arguments.connections, arguments.payloads, time / 2).await?;
    let mut steps = vec![arguments.step("closed loop".to_owned(), None).await?];
    let most = steps[0].run.documents_a_second();
    for rate in arguments.rates(most) {
        let step = arguments.step(format!("{:.0} %", rate / most * 100.0), Some(rate)).await?;
        let held = step.holds();
        steps.push(step);
        if !held {
            break;
        }
    }
    if let Some(knee) = steps.iter().filter(|step| step.holds()).filter_map(|step| step.rate).reduce(f64::max) {
        report.note(format!(
            "The knee: {:.0} documents/s, {:.0} payloads/s.",
            knee,
            knee * arguments.payloads_a_document()
        ));
        steps.push(arguments.step("half of the knee".to_owned(), Some(knee / 2.0)).await?);
    }
    let floor = nothing * 1e6 / arguments.payloads_a_document();
    report.note(format!(
        "An invocation of ingest that does nothing: {:.0} µs of CPU, {floor:.1} s a million payloads.",
        nothing * 1e6
    ));
    arguments.tell(&steps, report)
}

impl Arguments {
    fn rates(&self, most: f64) -> Vec<f64> {
        if self.rates.is_empty() { SHARES.map(|share| share * most).to_vec() } else { self.rates.clone() }
    }

    async fn step(&self, name: String, rate: Option<f64>) -> anyhow::Result<Step> {
        eprintln!("pipeline: {name}, {rate:.0?} documents/s");
        let run = run::run(run::settings(self.distance)?, |pipeline| Load {
            payloads: self.payloads,
            rate,
            ..Load::new(Target::pipeline(pipeline.address()), self.connections, Duration::from_secs(self.seconds))
        });
        Ok(Step { name, rate, run: run.await? })
    }

    fn payloads_a_document(&self) -> f64 {
        float(self.payloads as u64)
    }

    fn tell(&self, steps: &[Step], mut report: Report) -> anyhow::Result<()> {
        let setting = format!("{} connections, documents of {} payloads", self.connections, self.payloads);
        report.table(self.speed(steps, &setting));
        report.table(work(steps, &setting));
        report.plot("", self.plot_latency(steps));
        report.plot("-cpu", self.plot_cpu(steps));
        report.finish()
    }

    fn speed(&self, steps: &[Step], setting: &str) -> Table {
        let head = [
            "load",
            "offered payloads/s",
            "accepted/s",
            "stored/s",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "lag p50 s",
            "lag p99 s",
            "lag most s",
            "failed",
            "load average before",
            "cores of others",
        ];
        let mut table = Table::new(format!("Speed: {setting}"), &head);
        for Step { name, rate, run } in steps {
            let a_document = self.payloads_a_document();
            table.row([
                text(name),
                number(rate.map_or(f64::NAN, |rate| rate * a_document), 0),
                number(run.documents_a_second() * a_document, 0),
                number(run.stored_a_second(), 0),
                number(run.posted.percentile_ms(0.5), 1),
                number(run.posted.percentile_ms(0.99), 1),
                number(run.posted.percentile_ms(0.999), 1),
                number(run.lag.median, 2),
                number(run.lag.p99, 2),
                number(run.lag.most, 2),
                count(run.posted.failed),
                number(run.load_average, 2),
                number(run.others, 2),
            ]);
        }
        table
    }

    fn plot_latency(&self, steps: &[Step]) -> Plot {
        let title = format!("Answer time by offered load, documents of {}", self.payloads);
        let mut plot = Plot::new(&title, "offered payloads/s", "milliseconds from the intended start").log(false, true);
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            plot.add(name, self.points(steps, |run| run.posted.percentile_ms(share)));
        }
        plot
    }

    fn plot_cpu(&self, steps: &[Step]) -> Plot {
        let title = format!("CPU by offered load, documents of {}", self.payloads);
        let mut plot = Plot::new(&title, "offered payloads/s", "CPU seconds a million payloads stored");
        plot.add("ingest", self.points(steps, |run| run.a_million(run.cpu.ingest)));
        plot.add("deliver", self.points(steps, |run| run.a_million(run.cpu.deliver)));
        plot.add("both", self.points(steps, |run| run.a_million(run.cpu.functions())));
        plot
    }

    fn points(&self, steps: &[Step], y: impl Fn(&Run) -> f64) -> Vec<(f64, f64)> {
        let point = |step: &Step| step.rate.map(|rate| (rate * self.payloads_a_document(), y(&step.run)));
        let mut points: Vec<_> = steps.iter().filter_map(point).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    }
}

impl Step {
    /// Whether the pipeline kept up with the rate.
    fn holds(&self) -> bool {
        self.rate.is_some_and(|rate| self.run.documents_a_second() >= KEPT * rate) && self.run.posted.failed == 0
    }
}

fn work(steps: &[Step], setting: &str) -> Table {
    let head = [
        "load",
        "CPU s: ingest",
        "deliver",
        "functions",
        "emulators",
        "load",
        "peak MB: ingest",
        "deliver",
        "SQS sends",
        "receives",
        "deletes",
        "PUTs",
    ];
    let mut table = Table::new(format!("Work a million payloads: {setting}"), &head);
    for Step { name, run, .. } in steps {
        let seconds = [run.cpu.ingest, run.cpu.deliver, run.cpu.functions(), run.cpu.emulators, run.cpu.load];
        let seconds = seconds.map(|seconds| number(run.a_million(seconds), 2));
        let calls = [run.sqs.sends, run.sqs.receives, run.sqs.deletes, run.puts];
        let calls = calls.map(|calls| number(run.count_a_million(calls), 0));
        let peaks = [run.ingest.peak, run.deliver.peak].map(|bytes| count(bytes >> 20));
        table.row([text(name)].into_iter().chain(seconds).chain(peaks).chain(calls).collect::<Vec<Cell>>());
    }
    table
}
