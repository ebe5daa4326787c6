//! All faults at once, with processes being killed: for seconds in CI, longer on request.

use std::time::Duration;

use crate::support::clients::Load;
use crate::support::documents::Documents;
use crate::support::scenario::{Outcome, Scenario};

pub(super) const OF_SERVICES: [&str; 18] = [
    "s3.latency=0.1:200ms",
    "s3.stall=0.02:2s",
    "s3.reset=0.05",
    "s3.error=0.05",
    "s3.slow_down=0.05",
    "s3.conflict=0.05",
    "s3.forbidden=0.02",
    "s3.lost_answer=0.05",
    "sqs.latency=0.05:100ms",
    "sqs.stall=0.005:4s",
    "sqs.reset=0.02",
    "sqs.error=0.02",
    "sqs.throttle=0.02",
    "sqs.lost_answer=0.02",
    "sqs.partial=0.02",
    "sqs.twice=0.05:1s",
    "sqs.out_of_order=0.05:2s",
    "sqs.early=0.1:100ms",
];

/// The number of kinds of faults that must strike.
pub(super) const KINDS: usize = 12;

async fn run(of_functions: &[&str], change: impl FnOnce(&mut Scenario)) -> Outcome {
    let faults = [&OF_SERVICES, of_functions].concat();
    let mut scenario = Scenario::of(&faults);
    scenario.strikes = KINDS;
    change(&mut scenario);
    let outcome = scenario.run().await;
    outcome.assert_promise(&[]);
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_at_once_lose_nothing() {
    let of_functions = [
        "ingest.kill=0.5",
        "ingest.freeze=0.2:11s",
        "deliver.kill=0.5",
        "deliver.freeze=0.2:3s",
        "compact.kill=0.5",
        "compact.freeze=0.2:3s",
    ];
    let outcome = run(&of_functions, |scenario| {
        scenario.load.lasts = Duration::from_secs(3);
        scenario.compacts = true;
    });
    let outcome = outcome.await;
    assert!(outcome.injected.len() >= KINDS, "{:?}", outcome.injected);
    assert_eq!(outcome.ledger.in_tables, outcome.ledger.stored, "{}", outcome.ledger);
}

/// Half an hour of all faults at about 12,000 payloads per second.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes 30 min; run by `just soak`"]
async fn soak() {
    under_load(Duration::from_mins(30), 240.0).await;
}

/// A minute of all faults, at a rate that a debug build sustains.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes 2 min; run by `just long`"]
async fn all_faults_for_a_minute_lose_nothing() {
    under_load(Duration::from_mins(1), 40.0).await;
}

async fn under_load(lasts: Duration, rate: f64) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let of_functions = ["ingest.kill=0.02", "ingest.freeze=0.01:11s", "deliver.kill=0.05", "deliver.freeze=0.02:6s"];
    let outcome = run(&of_functions, |scenario| {
        scenario.seed = seed;
        scenario.documents = Documents::new(seed, 10..=100);
        scenario.load = Load { clients: 64, lasts, rate };
        scenario.ingest_environments = 2;
        scenario.deliver_timeout = Duration::from_secs(5);
        scenario.window = Duration::from_secs(1);
        scenario.tell_every = Duration::from_mins(1);
    });
    println!("{}", outcome.await);
}

/// Each process is killed about once a second, at random times.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes 2 min; run by `just long`"]
async fn kills_of_every_process_each_second_for_a_minute_lose_nothing() {
    let faults = ["ingest.kill=1", "deliver.kill=1"];
    let mut scenario = Scenario::of(&faults);
    scenario.load = Load { clients: 64, lasts: Duration::from_mins(1), rate: 500.0 };
    scenario.tell_every = Duration::from_secs(10);
    let outcome = scenario.run().await;
    outcome.assert_promise(&faults);
    println!("{outcome}");
}
