//! Group commit: how many calls and how much CPU it saves with 1, 8, 64 and 256 concurrent requests.

use std::time::Duration;

use clap::Args;

use crate::noop;
use crate::plot::Plot;
use crate::report::Report;
use crate::run::{self, Options, Run};
use crate::table::{Table, count, float, number};

const CONCURRENCIES: [usize; 4] = [1, 8, 64, 256];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The duration of each concurrency in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[command(flatten)]
    options: Options,
}

/// One concurrency and its run.
struct Step {
    concurrency: usize,
    /// CPU seconds of a no-op invocation at the same concurrency.
    noop: f64,
    run: Run,
}

/// Runs a closed loop at every concurrency. With one request at a time, group commit has no effect.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("group-commit");
    let mut steps = Vec::new();
    for concurrency in CONCURRENCIES {
        eprintln!("group-commit: {concurrency} concurrent requests");
        steps.push(arguments.step(concurrency).await?);
    }
    report.tables.extend([calls(&steps), speed(&steps)]);
    report.plots.push(("", plot(&steps)));
    report.finish()
}

impl Arguments {
    async fn step(&self, concurrency: usize) -> anyhow::Result<Step> {
        let noop = noop::cpu_seconds(self.options, concurrency, Duration::from_secs(self.seconds) / 4).await?;
        let mut settings = self.options.settings()?;
        settings.ingest_concurrency = concurrency;
        let run = run::run(settings, |address| self.options.load(address, concurrency, self.seconds)).await?;
        Ok(Step { concurrency, noop, run })
    }
}

impl Step {
    /// Sends of SQS per document, in units of 64 KiB.
    fn units_per_document(&self) -> f64 {
        float(self.run.sqs.send_units) / float(self.run.ingest.invocations)
    }

    /// CPU µs per document.
    fn micros(&self, seconds: f64) -> f64 {
        seconds / float(self.run.posted.accepted) * 1e6
    }
}

fn calls(steps: &[Step]) -> Table {
    let per = |count: u64, of: u64| float(count) / float(of);
    let documents = |step: &Step| step.run.ingest.invocations;
    Table::new(
        "Calls to SQS",
        steps,
        &[
            ("concurrent requests", &|step| count(step.concurrency)),
            ("documents/s", &|step| number(step.run.documents_per_second(), 0)),
            ("SQS sends per 1,000 documents", &|step| number(per(step.run.sqs.sends, documents(step)) * 1e3, 1)),
            ("64 KiB units per 1,000 documents", &|step| number(step.units_per_document() * 1e3, 1)),
            ("messages per call", &|step| number(per(step.run.sqs.messages, step.run.sqs.sends), 2)),
            ("records per message", &|step| number(per(step.run.sqs.records, step.run.sqs.messages), 1)),
            ("records per call", &|step| number(per(step.run.sqs.records, step.run.sqs.sends), 1)),
            ("KB per message", &|step| number(per(step.run.sqs.message_bytes, step.run.sqs.messages) / 1e3, 1)),
            ("documents per send", &|step| number(per(documents(step), step.run.sqs.sends), 1)),
        ],
    )
}

fn speed(steps: &[Step]) -> Table {
    Table::new(
        "Latency and CPU",
        steps,
        &[
            ("concurrent requests", &|step| count(step.concurrency)),
            ("p50 ms", &|step| number(step.run.posted.percentile_ms(0.5), 2)),
            ("p99 ms", &|step| number(step.run.posted.percentile_ms(0.99), 2)),
            ("p99.9 ms", &|step| number(step.run.posted.percentile_ms(0.999), 2)),
            ("ingest: CPU µs per document", &|step| number(step.micros(step.run.ingest.cpu), 0)),
            ("of that, no-op", &|step| number(step.noop * 1e6, 0)),
            ("deliver: CPU µs per document", &|step| number(step.micros(step.run.deliver.cpu), 0)),
            ("load average before", &|step| number(step.run.load_average, 2)),
            ("cores used by others", &|step| number(step.run.others, 2)),
        ],
    )
}

fn plot(steps: &[Step]) -> Plot {
    let line = |y: fn(&Step) -> f64| steps.iter().map(move |step| (float(step.concurrency), y(step)));
    Plot::new("Savings of group commit", ["concurrent requests", "per document"], [true, true])
        .line("billed SQS requests (64 KiB units) per 1,000 documents", line(|step| step.units_per_document() * 1e3))
        .line("CPU of ingest, µs", line(|step| step.micros(step.run.ingest.cpu)))
        .line("CPU of a no-op invocation, µs", line(|step| step.noop * 1e6))
}
