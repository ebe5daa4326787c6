//! The same under faults: error paths handle most of the client data.

use std::time::{Duration, Instant};

use spillway_local::sqs::connect;

use super::{PATIENCE, Spillway, ask, assert_silent, good, messages, odd, until};

/// The shortest time under faults.
const UNDER_FAULTS: Duration = Duration::from_secs(1);

/// Posts documents and sends messages until every fault has struck; logs and answers contain counts and names only.
async fn run_under(faults: &[&str], log_level: &str) {
    let data = tempfile::tempdir().unwrap();
    let spillway = Spillway::start(data.path(), log_level, faults);
    let address = spillway.address().await;
    let (started, mut accepted) = (Instant::now(), 0);
    while started.elapsed() < UNDER_FAULTS || !have_struck(faults, &spillway).await {
        assert!(started.elapsed() < PATIENCE, "some faults never strike: {}", spillway.admin("GET /faults", "").await);
        for request in good().iter().chain(&odd()) {
            let answer = ask(address, request).await;
            assert_silent("an answer", &answer);
            accepted += u32::from(answer.starts_with("HTTP/1.1 200 "));
        }
        // A message of a newer version would come back until a newer deliver reads it.
        for body in messages().iter().filter(|body| !body.contains("\"v\":3")) {
            send_message(&spillway, body).await;
        }
    }
    assert_silent("the faults", &spillway.admin("PUT /faults", r#"{"faults":{}}"#).await.to_string());
    // Now every message is stored, quarantined or dead-lettered.
    let is_empty = async || {
        let status = spillway.status().await;
        ["queued", "in_flight"].iter().all(|name| status[name].as_u64() == Some(0))
    };
    until("the queue is empty", is_empty).await;
    let printed = spillway.end().await;
    println!("{} lines were printed, {accepted} documents accepted", printed.lines().count());
    assert_silent("the output", &printed);
}

/// Whether each of these faults has struck at least once.
async fn have_struck(faults: &[&str], spillway: &Spillway) -> bool {
    let injected = spillway.admin("GET /faults", "").await["injected"].clone();
    faults.iter().all(|fault| injected[fault.split('=').next().unwrap()].as_u64() > Some(0))
}

/// Sends a message to the queue; an error of SQS is one of the faults.
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
