//! The same when everything fails: error paths know the most of what they are about.

use std::time::{Duration, Instant};

use spillway_local::event_source::connect;

use super::{Spillway, ask, assert_silent, good, messages, odd, until};

/// How long documents are posted under faults, at least.
const UNDER_FAULTS: Duration = Duration::from_secs(3);

/// Everything that can fail, fails: documents are posted again until they are taken, and their way through all the errors
/// leaves nothing of them but counts and names.
async fn run_under(faults: &[&str], log_level: &str) {
    let data = tempfile::tempdir().unwrap();
    let spillway = Spillway::start(data.path(), log_level, faults);
    let address = spillway.address().await;
    let (started, mut taken) = (Instant::now(), 0);
    while started.elapsed() < UNDER_FAULTS {
        for request in good().iter().chain(&odd()) {
            let answer = ask(address, request).await;
            assert_silent("an answer", &answer);
            taken += u32::from(answer.starts_with("HTTP/1.1 200 "));
        }
        // One of a newer version would come back until somebody reads it.
        for body in messages().iter().filter(|body| !body.contains("\"v\":2")) {
            send_message(&spillway, body).await;
        }
    }
    assert_silent("the faults", &spillway.admin("PUT /faults", r#"{"faults":{}}"#).await.to_string());
    // Whatever is not dead-lettered is stored or quarantined now.
    let is_empty = async || {
        let status = spillway.status().await;
        ["queued", "in_flight"].iter().all(|name| status[name].as_u64() == Some(0))
    };
    until("the queue is empty", is_empty).await;
    let injected = spillway.admin("GET /faults", "").await["injected"].clone();
    for fault in faults {
        let name = fault.split('=').next().unwrap();
        assert!(injected[name].as_u64() > Some(0), "{name} never struck: {injected}");
    }
    let printed = spillway.end().await;
    println!("{} lines were printed, {taken} documents taken", printed.lines().count());
    assert_silent("what it printed", &printed);
}

/// Puts a message on the queue, if SQS takes it.
async fn send_message(spillway: &Spillway, body: &str) {
    let queue_url = spillway.told("  SQS      ").await;
    let client = connect(queue_url.rsplitn(3, '/').last().unwrap(), "us-east-1", "local");
    let _ = client.send_message().queue_url(&queue_url).message_body(body).send().await;
}

#[tokio::test]
async fn no_client_data_in_logs_under_faults_of_s3() {
    let faults = [
        "s3.latency=0.2:50ms",
        "s3.stall=0.1:4s",
        "s3.reset=0.2",
        "s3.error=0.2",
        "s3.slow_down=0.2",
        "s3.forbidden=0.2",
        "s3.lost_answer=0.2",
    ];
    run_under(&faults, "TRACE").await;
}

#[tokio::test]
async fn no_client_data_in_logs_under_faults_of_sqs() {
    let faults = [
        "sqs.latency=0.1:50ms",
        "sqs.reset=0.1",
        "sqs.error=0.1",
        "sqs.throttle=0.1",
        "sqs.lost_answer=0.1",
        "sqs.partial=0.2",
        "sqs.twice=0.2:300ms",
        "sqs.early=0.2:100ms",
    ];
    run_under(&faults, "TRACE").await;
}

#[tokio::test]
async fn no_client_data_in_logs_when_functions_are_killed() {
    run_under(&["ingest.kill=1", "deliver.kill=2", "s3.latency=0.5:200ms"], "TRACE").await;
}
