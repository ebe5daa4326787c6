//! S3 or SQS fails for a while under continuing load: nothing is lost, and the backlog drains soon after.

use std::time::Duration;

use spillway_local::faults::{Plan, parse};
use spillway_local::pipeline::Pipeline;
use tokio::time::{Instant, sleep};

use crate::support::clients::{Clients, Load};
use crate::support::documents::Documents;
use crate::support::scenario::{Outcome, Scenario};

/// The longest time until the backlog has drained.
const LONGEST_BACKLOG: Duration = Duration::from_mins(1);
/// The time before the outage.
const BEFORE: Duration = Duration::from_secs(1);
const CLIENTS: u32 = 64;

/// An outage under load.
struct Outage {
    faults: &'static [&'static str],
    lasts: Duration,
    /// The duration of the load after the outage.
    after: Duration,
    /// Documents per second.
    rate: f64,
}

const S3: &[&str] = &["s3.reset=0.3", "s3.error=1"];
const SQS: &[&str] = &["sqs.reset=0.3", "sqs.error=1"];

impl Outage {
    /// Runs the outage; returns the outcome and the time until the backlog had drained. `is_drained` gets the pipeline, the
    /// clients, the time since the start of the load and the time since the end of the outage.
    async fn run(
        &self,
        is_drained: impl AsyncFn(&Pipeline, &Clients, Duration, Duration) -> bool,
    ) -> (Outcome, Duration) {
        let mut scenario = Scenario::of(&[]);
        scenario.documents = Documents::new(1, 1..=4);
        scenario.load = Load { clients: CLIENTS as usize, lasts: BEFORE + self.lasts + self.after, rate: self.rate };
        let (outcome, backlog) = scenario
            .run_with(async |pipeline, clients| {
                let started = Instant::now();
                sleep(BEFORE).await;
                pipeline.faults().set(Plan::new(1, self.faults.iter().map(|fault| parse(fault).expect("a fault"))));
                sleep(self.lasts).await;
                pipeline.faults().set(Plan::default());
                let over = Instant::now();
                while !is_drained(pipeline, clients, started.elapsed(), over.elapsed()).await {
                    assert!(
                        over.elapsed() < LONGEST_BACKLOG,
                        "the backlog does not drain: {:?}",
                        pipeline.status().await
                    );
                    sleep(Duration::from_millis(100)).await;
                }
                over.elapsed()
            })
            .await;
        outcome.assert_promise(self.faults);
        assert_eq!(outcome.dead_letters, 0);
        println!("the backlog had drained after {:.1} s\n{outcome}", backlog.as_secs_f64());
        (outcome, backlog)
    }

    /// Without S3 ingest accepts every document; afterwards all messages from before and during the outage are stored.
    async fn of_s3(self) {
        let nothing_is_older = async |pipeline: &Pipeline, _: &Clients, _, over: Duration| {
            pipeline.status().await.expect("SQS works again").oldest_message_seconds < over.as_secs_f64()
        };
        let (outcome, _) = self.run(nothing_is_older).await;
        assert_eq!(outcome.found.retried, 0, "ingest does not need S3: {outcome}");
    }

    /// Without SQS ingest accepts nothing and clients retry; afterwards they catch up with their schedule.
    async fn of_sqs(self) {
        let all_is_sent = async |_: &Pipeline, clients: &Clients, running: Duration, _| {
            let due = running.min(BEFORE + self.lasts + self.after).as_secs_f64() * self.rate;
            f64::from(clients.begun()) + f64::from(CLIENTS) >= due
        };
        let (outcome, _) = self.run(all_is_sent).await;
        assert!(outcome.found.retried > 0, "{outcome}");
    }
}

/// Shorter and slower than the promise, for a busy machine and a debug build.
fn short(faults: &'static [&'static str]) -> Outage {
    Outage { faults, lasts: Duration::from_secs(2), after: Duration::from_secs(2), rate: 60.0 }
}

/// The outage of the promise.
fn full(faults: &'static [&'static str]) -> Outage {
    Outage { faults, lasts: Duration::from_secs(20), after: Duration::from_mins(1), rate: 500.0 }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_outage_loses_nothing_and_the_backlog_drains() {
    short(S3).of_s3().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqs_outage_loses_nothing_and_clients_catch_up() {
    short(SQS).of_sqs().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes 90 s; run by `just long`"]
async fn s3_outage_of_20_s_at_500_documents_per_second() {
    full(S3).of_s3().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes 90 s; run by `just long`"]
async fn sqs_outage_of_20_s_at_500_documents_per_second() {
    full(SQS).of_sqs().await;
}
