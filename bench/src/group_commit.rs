//! Group commit: what shared messages and calls save at 1, 8, 64 and 256 concurrent requests.

use std::time::Duration;

use clap::Args;

use crate::distance::Distance;
use crate::load::{Load, Target};
use crate::nothing;
use crate::plot::Plot;
use crate::report::Report;
use crate::run::{self, Run, float};
use crate::table::{Table, number};

const CONCURRENCIES: [usize; 4] = [1, 8, 64, 256];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Payloads of a document, about 500 bytes each
    #[arg(long, default_value_t = 10)]
    payloads: usize,
    /// How many seconds each concurrency is held
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[command(flatten)]
    distance: Distance,
}

/// One concurrency and what came of it.
struct Step {
    concurrency: usize,
    /// CPU seconds of an invocation that does nothing, at the same concurrency.
    nothing: f64,
    run: Run,
}

/// Runs a closed loop at every concurrency; one request at a time is what there is without group commit.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("group-commit");
    let mut steps = Vec::new();
    for concurrency in CONCURRENCIES {
        eprintln!("group-commit: {concurrency} at once");
        steps.push(arguments.step(concurrency).await?);
    }
    report.table(calls(&steps));
    report.table(speed(&steps));
    report.plot("", plot(&steps));
    report.finish()
}

impl Arguments {
    async fn step(&self, concurrency: usize) -> anyhow::Result<Step> {
        let time = Duration::from_secs(self.seconds);
        let nothing = nothing::cpu_seconds_at(concurrency, self.payloads, time / 4).await?;
        let mut settings = run::settings(self.distance)?;
        settings.ingest_concurrency = concurrency;
        let run = run::run(settings, |pipeline| Load {
            payloads: self.payloads,
            ..Load::new(Target::pipeline(pipeline.address()), concurrency, time)
        });
        Ok(Step { concurrency, nothing, run: run.await? })
    }
}

fn calls(steps: &[Step]) -> Table {
    let head = [
        "concurrent requests",
        "documents/s",
        "SQS sends a 1,000 documents",
        "64 KiB units a 1,000 documents",
        "messages a call",
        "records a message",
        "records a call",
        "KB a message",
        "documents a send",
    ];
    let mut table = Table::new("Calls to SQS", &head);
    for Step { concurrency, run, .. } in steps {
        let sqs = run.sqs;
        let documents = float(run.ingest.invocations);
        let per = |count: u64, of: u64| float(count) / float(of);
        table.row([
            number(float(*concurrency as u64), 0),
            number(run.documents_a_second(), 0),
            number(float(sqs.sends) / documents * 1e3, 1),
            number(float(sqs.send_units) / documents * 1e3, 1),
            number(per(sqs.messages, sqs.sends), 2),
            number(per(sqs.records, sqs.messages), 1),
            number(per(sqs.records, sqs.sends), 1),
            number(per(sqs.message_bytes, sqs.messages) / 1e3, 1),
            number(documents / float(sqs.sends), 1),
        ]);
    }
    table
}

fn speed(steps: &[Step]) -> Table {
    let head = [
        "concurrent requests",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "ingest: CPU µs a document",
        "of that, doing nothing",
        "deliver: CPU µs a document",
        "load average before",
        "cores of others",
    ];
    let mut table = Table::new("Latency and CPU", &head);
    for Step { concurrency, nothing, run } in steps {
        let documents = float(run.posted.taken);
        table.row([
            number(float(*concurrency as u64), 0),
            number(run.posted.percentile_ms(0.5), 2),
            number(run.posted.percentile_ms(0.99), 2),
            number(run.posted.percentile_ms(0.999), 2),
            number(run.cpu.ingest / documents * 1e6, 0),
            number(nothing * 1e6, 0),
            number(run.cpu.deliver / documents * 1e6, 0),
            number(run.load_average, 2),
            number(run.others, 2),
        ]);
    }
    table
}

fn plot(steps: &[Step]) -> Plot {
    let mut plot = Plot::new("What sharing calls saves", "concurrent requests", "per document").log(true, true);
    let points =
        |y: fn(&Step) -> f64| steps.iter().map(|step| (float(step.concurrency as u64), y(step))).collect::<Vec<_>>();
    plot.add(
        "SQS requests billed (64 KiB units) per 1,000 documents",
        points(|step| float(step.run.sqs.send_units) / float(step.run.ingest.invocations) * 1e3),
    );
    plot.add("CPU of ingest, µs", points(|step| step.run.cpu.ingest / float(step.run.posted.taken) * 1e6));
    plot.add("CPU of an invocation that does nothing, µs", points(|step| step.nothing * 1e6));
    plot
}
