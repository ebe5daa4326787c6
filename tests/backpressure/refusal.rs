//! Requests that cannot be accepted get 503: before the deadline if SQS fails, immediately if ingest is full.

use std::time::Duration;

use futures::future::join_all;
use spillway_local::client::{Document, Response};
use spillway_local::faults::{Plan, parse};
use spillway_local::pipeline::Settings;
use tokio::time::Instant;

use crate::support::harness::{KEY, Run, accepted_ids, json};

/// Ingest's timeout.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The tolerance for an answer on a busy machine.
const WAY: Duration = Duration::from_secs(2);

async fn start(variables: &[(&str, &str)], fault: &str) -> Run {
    Run::start(|settings: &mut Settings| {
        settings.ingest_timeout = TIMEOUT;
        settings.faults = Plan::new(1, [parse(fault).unwrap()]);
        settings.variables.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        settings.variables.insert("CALL_TIMEOUT_MS".to_owned(), "900".to_owned());
        settings.variables.insert("AWS_LAMBDA_LOG_LEVEL".to_owned(), "ERROR".to_owned());
    })
    .await
}

/// Posts documents of five records at once; returns each answer and its time.
async fn post_at_once(run: &Run, documents: usize) -> Vec<(Response, Duration)> {
    let document = Document::new("clicks", KEY, "[{},{},{},{},{}]");
    let started = Instant::now();
    let post = async || (run.post(&document).await, started.elapsed());
    join_all((0..documents).map(|_| post())).await
}

/// Checks a 503 of this kind with `Retry-After`.
fn assert_refused(answer: &Response, kind: &str) {
    assert_eq!(answer.status, 503, "{answer:?}");
    let after = answer.headers.get("retry-after").unwrap_or_else(|| panic!("no Retry-After: {answer:?}"));
    let after: u64 = after.to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&after), "{after} s");
    assert!(json(answer)["type"].as_str().unwrap().ends_with(kind), "{answer:?}");
}

/// Ends the faults: clients are served again, and all acknowledged records are stored.
async fn end(run: Run, answered: &[Response]) {
    run.pipeline.faults().set(Plan::default());
    let last = run.post(&Document::new("clicks", KEY, "[{}]")).await;
    assert_eq!(last.status, 200, "{last:?}");
    let ids: Vec<_> = answered.iter().chain([&last]).flat_map(accepted_ids).collect();
    let records = run.end().await.records();
    assert!(ids.iter().all(|id| records.contains_key(id)), "one is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_sqs_requests_get_503_before_the_deadline() {
    for fault in ["sqs.error=1", "sqs.stall=1:1m"] {
        let run = start(&[], fault).await;
        for (answer, took) in post_at_once(&run, 20).await {
            assert_refused(&answer, "not-enqueued");
            assert!(took < TIMEOUT + WAY, "{took:?}");
        }
        assert_eq!(run.pipeline.ingest().counts().timed_out, 0, "ingest answers before its timeout");
        // A stalled call still counts as pending, so the ledger is not compared.
        if fault.starts_with("sqs.error") {
            end(run, &[]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_max_queue_get_503_immediately() {
    // One call at a time, which takes 700 ms; meanwhile two documents of five records may wait.
    let run = start(&[("MAX_WORKERS", "1"), ("MAX_QUEUE", "10")], "sqs.latency=1:700ms").await;
    let answers = post_at_once(&run, 12).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(answer, _)| answer.status == 200);
    assert!(taken.len() >= 2 && refused.len() >= 6, "{} taken, {} refused", taken.len(), refused.len());
    let first = taken.iter().map(|(_, took)| *took).min().unwrap();
    for (answer, took) in &refused {
        assert_refused(answer, "busy");
        assert!(*took < first, "it waited {took:?}; the first call ended after {first:?}");
    }
    let taken: Vec<_> = taken.into_iter().map(|(answer, _)| answer).collect();
    end(run, &taken).await;
}
