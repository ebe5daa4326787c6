//! The memory of the functions' processes under many documents of the maximum size at once.

use std::time::Duration;

use futures::future::join_all;
use spillway_local::client::{Client, Document, Response};
use spillway_local::faults::{Plan, parse};
use tokio::time::{Instant, sleep};

use crate::support::harness::{KEY, Run, json};

/// The peak memory allowed for a process of ingest and of deliver, in KiB.
const MOST_OF_INGEST: u64 = 256 << 10;
const MOST_OF_DELIVER: u64 = 512 << 10;
/// Bytes of a document; with the front's additions and escaped quotes, the event has 6 MiB.
const DOCUMENT: usize = 6_080_000;
/// The longest time until every document is accepted.
const AT_LAST: Duration = Duration::from_mins(10);
const PAYLOAD: usize = 490;

/// A document of random payloads, which hardly compress, or of equal ones, which compress very well.
fn document(is_random: bool) -> Document {
    let mut random = fastrand::Rng::with_seed(1);
    let mut body = String::with_capacity(DOCUMENT + PAYLOAD);
    while body.len() < DOCUMENT - PAYLOAD {
        body.push_str(if body.is_empty() { "[{\"a\":\"" } else { ",{\"a\":\"" });
        let text = (0..PAYLOAD - 10).map(|_| if is_random { random.alphanumeric() } else { 'x' });
        body.extend(text);
        body.push_str("\"}");
    }
    body.push(']');
    // The front would pass another content type in base64, a third larger.
    Document::new("clicks", KEY, body).header("content-type", "application/json")
}

/// Posts once, or until the document is accepted.
async fn post(run: &Run, document: &Document, until_accepted: bool) -> Response {
    let started = Instant::now();
    loop {
        let answer = Client::connect(run.pipeline.address()).await.unwrap().post(document).await.unwrap();
        assert!(answer.status == 200 || answer.status == 503, "{answer:?}");
        if answer.status == 200 || !until_accepted {
            return answer;
        }
        assert!(started.elapsed() < AT_LAST, "ingest never accepts the document");
        sleep(Duration::from_millis(fastrand::u64(200..1_000))).await;
    }
}

/// The peak memory of a process, in KiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Posts documents at once under a fault and checks the peak memory of all processes.
async fn run(documents: usize, is_random: bool, fault: Option<&str>, until_accepted: bool) {
    let run = Run::start(|settings| {
        settings.variables.insert("MAX_PAYLOADS".to_owned(), "20000".to_owned());
        settings.variables.insert("AWS_LAMBDA_LOG_LEVEL".to_owned(), "ERROR".to_owned());
        settings.faults = Plan::new(1, fault.map(|fault| parse(fault).unwrap()));
        // Long timeouts, because this test measures memory and a debug build is slow.
        (settings.ingest_timeout, settings.front_timeout) = (Duration::from_mins(1), Duration::from_secs(90));
        (settings.deliver_timeout, settings.visibility_timeout) = (Duration::from_mins(1), Duration::from_secs(361));
        settings.drain_timeout = AT_LAST;
    })
    .await;
    let pids = (run.pipeline.ingest().pids(), run.pipeline.deliver().pids());
    let (document, started) = (document(is_random), Instant::now());
    let answers = join_all((0..documents).map(|_| post(&run, &document, until_accepted))).await;
    let accepted = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(accepted == documents || !until_accepted, "{accepted} were accepted");
    run.pipeline.faults().set(Plan::default());
    let records: u64 = answers.iter().filter_map(|answer| json(answer)["accepted"].as_u64()).sum();
    let deadline = Instant::now() + AT_LAST;
    while run.pipeline.status().await.unwrap().stored < records {
        assert!(Instant::now() < deadline, "{:?}", run.pipeline.status().await);
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((run.pipeline.ingest().pids(), run.pipeline.deliver().pids()), pids, "a process has ended");
    let [ingest, deliver] = [pids.0, pids.1].map(|pids| pids.into_iter().map(peak).max().unwrap());
    println!(
        "{accepted} of {documents} documents of 6 MB accepted ({}, fault {fault:?}): ingest {} MiB, deliver {} MiB, after {:.1} s",
        if is_random { "random" } else { "equal" },
        ingest >> 10,
        deliver >> 10,
        started.elapsed().as_secs_f64()
    );
    assert!(ingest < MOST_OF_INGEST && deliver < MOST_OF_DELIVER, "ingest {ingest} KiB, deliver {deliver} KiB");
    let ledger = run.end().await.drained.ledger;
    assert!(ledger.is_settled() && ledger.dead_lettered == 0, "{ledger}");
    // After a 503 a part of the document may be stored.
    let may_be_more = accepted < documents;
    assert!(ledger.accepted == records || (may_be_more && ledger.accepted > records), "{records} answered: {ledger}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_documents_stay_within_the_memory_limits() {
    run(32, true, None, false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes 2 min; run by `just long`"]
async fn large_documents_during_an_outage_stay_within_the_memory_limits() {
    for fault in ["s3.error=1", "sqs.error=1"] {
        run(32, true, Some(fault), false).await;
        run(32, false, Some(fault), false).await;
    }
}

/// The same with more documents, until all are accepted.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; run by `just long`"]
async fn sixty_four_large_documents_stay_within_the_memory_limits_under_any_fault() {
    for is_random in [true, false] {
        run(64, is_random, None, true).await;
        run(64, is_random, Some("s3.error=1"), true).await;
        run(64, is_random, Some("sqs.error=1"), false).await;
    }
}
