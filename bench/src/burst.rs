//! A burst on this machine next to the model of `spillway plan`: a hundredth of a million documents a minute.

use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use futures::future::{Either, join, select};
use spillway_local::faults::{Plan, parse};
use spillway_local::pipeline::{Pipeline, Settings};
use spillway_plan::burst::{Outcome, Sizes, simulate};
use spillway_plan::load::{Burst, Front, Ingest, Load as Planned};
use tokio::time::{Instant, sleep};

use crate::lag;
use crate::load::Load;
use crate::report::Report;
use crate::run::Options;
use crate::table::{Table, float, number, text};

/// Documents a second: a hundredth of a million a minute.
const RATE: f64 = 1e6 / 60.0 / 100.0;
/// The time from one look at the queue to the next.
const LOOK: Duration = Duration::from_millis(100);
/// The batching window.
const WINDOW: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The factor of the burst
    #[arg(long, default_value_t = 3.0)]
    factor: f64,
    /// The duration of the burst in seconds
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// The messages of a batch; one process of deliver stores one batch at a time
    #[arg(long, default_value_t = 80)]
    batch: usize,
    /// The duration of each PUT in milliseconds
    #[arg(long, default_value_t = 300)]
    put_ms: u32,
    #[command(flatten)]
    options: Options,
}

/// What the model says or what this machine did.
struct Course {
    name: &'static str,
    max_queued: f64,
    max_lag: f64,
    drained_after: f64,
}

/// Runs the burst and prints both courses.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::new("burst");
    let planned = arguments.planned();
    let outcome = simulate(&planned, &arguments.sizes());
    let measured = arguments.measure(&planned, &outcome).await?;
    let Outcome { max_queued, max_lag, drained_after, .. } = outcome;
    let courses = [Course { name: "model", max_queued, max_lag, drained_after }, measured];
    let title = format!(
        "A burst of {} × {RATE:.0} documents/s for {} s; deliver stores {:.0} documents/s",
        arguments.factor,
        arguments.seconds,
        arguments.capacity()
    );
    report.tables.push(Table::new(
        title,
        &courses,
        &[
            ("course", &|course| text(course.name)),
            ("documents in the queue, at most", &|course| number(course.max_queued, 0)),
            ("lag max s", &|course| number(course.max_lag, 1)),
            ("empty after s", &|course| number(course.drained_after, 0)),
        ],
    ));
    report.finish()
}

impl Arguments {
    fn planned(&self) -> Planned {
        Planned {
            documents_per_second: RATE,
            payloads: float(self.options.payloads),
            bytes: 490.0,
            burst: Burst { factor: self.factor, seconds: self.seconds },
            front: Front::FunctionUrl,
            ingest: Ingest::Environments,
            objective_seconds: 300.0,
        }
    }

    /// Documents that deliver stores in a second; each document is a message.
    fn capacity(&self) -> f64 {
        float(self.batch) / self.put_seconds()
    }

    fn put_seconds(&self) -> f64 {
        f64::from(self.put_ms) / 1e3
    }

    fn sizes(&self) -> Sizes {
        Sizes {
            throttle_rate: f64::INFINITY,
            throttle_burst: f64::INFINITY,
            ingest_seconds: 0.01,
            ingest_concurrency: f64::MAX,
            unit_rate: self.capacity(),
            units: [1.0, 1.0],
            unit_step: 0.0,
            gather_seconds: WINDOW.as_secs_f64(),
            deliver_seconds: self.put_seconds(),
        }
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let settings = self.options.settings()?;
        let latencies = ["sqs.latency=1:5ms".to_owned(), format!("s3.latency=1:{}ms", self.put_ms)];
        let faults: Vec<_> = latencies.iter().map(|latency| parse(latency)).collect::<Result<_, _>>()?;
        Ok(Settings {
            faults: Plan::new(0, faults),
            batch_size: self.batch,
            window: WINDOW,
            deliver_environments: 1,
            // As on Lambda: each request makes its own call.
            ingest_concurrency: 1,
            ingest_environments: 16,
            visibility_timeout: Duration::from_mins(10),
            ..settings
        })
    }

    async fn measure(&self, planned: &Planned, predicted: &Outcome) -> anyhow::Result<Course> {
        let settings = self.settings()?;
        let data = settings.data.clone();
        let pipeline = Pipeline::start(settings).await?;
        let load = |rate, seconds| Load { rate: Some(rate), ..self.options.load(pipeline.address(), 16, seconds) };
        load(RATE, 5).run().await?;
        let (posted, during) = watched(&pipeline, load(planned.peak(), self.seconds.into()).run()).await?;
        let (accepted, offered) = (float(posted?.accepted), planned.peak() * f64::from(self.seconds));
        ensure!(accepted > 0.95 * offered, "only {accepted:.0} of {offered:.0} documents of the burst were accepted");
        let after = Instant::now();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a short run")]
        let rest = load(RATE, predicted.drained_after as u64 + 20);
        let both = join(drained(&pipeline, after), rest.run());
        let ((drained_after, rest), later) = watched(&pipeline, both).await?;
        rest?;
        let drained = pipeline.drain().await?;
        let max_lag = lag::of(&drained.objects)?.max;
        std::fs::remove_dir_all(data)?;
        let max_queued = float(during.max(later));
        Ok(Course { name: "this machine", max_queued, max_lag, drained_after: drained_after?.as_secs_f64() })
    }
}

/// The result of some work, and the largest number of messages in the queue meanwhile.
async fn watched<T>(pipeline: &Pipeline, work: impl Future<Output = T>) -> anyhow::Result<(T, u64)> {
    let mut work = Box::pin(work);
    let mut most = 0;
    loop {
        match select(work, Box::pin(sleep(LOOK))).await {
            Either::Left((result, _)) => return Ok((result, most)),
            Either::Right(((), rest)) => work = rest,
        }
        most = most.max(waiting(pipeline).await?);
    }
}

/// How long after `start` the queue holds only the documents of a window.
async fn drained(pipeline: &Pipeline, start: Instant) -> anyhow::Result<Duration> {
    while float(waiting(pipeline).await?) > RATE * 2.0 {
        sleep(LOOK).await;
    }
    Ok(start.elapsed())
}

/// The messages in the queue, in flight or not.
async fn waiting(pipeline: &Pipeline) -> anyhow::Result<u64> {
    let status = pipeline.status().await?;
    Ok(status.queued + status.in_flight)
}
