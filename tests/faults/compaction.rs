//! Compaction under faults: whatever happens to compact, S3 and SQS, every stored record is one row in the end.

use std::time::{Duration, SystemTime};

use spillway_shared::hour::Hour;

use crate::support::scenario::Scenario;

/// Compacts again and again while documents are posted, until every fault has struck.
async fn run(faults: &[&str]) {
    let mut scenario = Scenario::of(faults);
    scenario.compacts = true;
    scenario.load.lasts = Duration::from_secs(1);
    let began = Hour::of(SystemTime::now());
    let outcome = scenario.run().await;
    outcome.assert_promise(faults);
    let ledger = &outcome.ledger;
    assert!(ledger.stored > 0 && ledger.in_tables == ledger.stored, "{ledger}");
    // A client that repeats a request in the next hour makes a second row.
    assert!(ledger.rows_again == 0 || began != Hour::of(SystemTime::now()), "{ledger}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_of_compact_leave_no_record_out_and_none_twice() {
    run(&["compact.kill=8"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn freezes_of_compact_beyond_its_timeout_leave_no_record_out_and_none_twice() {
    run(&["compact.freeze=4:4s"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_s3_leave_no_record_out_and_none_twice() {
    run(&["s3.error=0.2", "s3.slow_down=0.1", "s3.reset=0.1", "s3.forbidden=0.02", "s3.lost_answer=0.2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_lost_messages_leave_no_record_out_and_none_twice() {
    run(&["sqs.twice=0.3:200ms", "sqs.early=0.3:100ms", "sqs.lost_answer=0.1", "compact.kill=4"]).await;
}
