//! The pipeline under faults: each fault alone, then all at once.
//!
//! Every run posts documents with clients that retry like real ones, then reads the bucket's files and the dead-letter
//! queue and checks by record id: no acknowledged payload is missing, none is foreign, every byte is preserved, and
//! duplicates have the same id. Duplicates occur only under faults that imply them.

mod command;
mod compaction;
mod kept;
mod mix;
mod outage;

use std::time::Duration;

use crate::support::scenario::{Outcome, Scenario};

/// The duration of the load if processes are killed or frozen about twice a second.
const KILLING: Duration = Duration::from_millis(1_500);

/// Runs under these faults and checks the promise.
async fn run(faults: &[&str]) -> Outcome {
    let outcome = Scenario::of(faults).run().await;
    outcome.assert_promise(faults);
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn without_faults_every_payload_is_stored_once() {
    let outcome = run(&[]).await;
    outcome.assert_no_duplicates();
    assert_eq!(outcome.found.there, outcome.found.sent);
}

mod s3 {
    use super::run;

    #[tokio::test(flavor = "multi_thread")]
    async fn latency_only_costs_time() {
        run(&["s3.latency=0.5:100ms"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn stalls_with_late_puts_lose_nothing() {
        run(&["s3.stall=0.5:1s"]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn connection_resets_neither_lose_nor_duplicate() {
        run(&["s3.reset=0.5"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn errors_neither_lose_nor_duplicate() {
        run(&["s3.error=0.5"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn slow_down_answers_neither_lose_nor_duplicate() {
        run(&["s3.slow_down=0.5"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn conflicts_of_puts_neither_lose_nor_duplicate() {
        run(&["s3.conflict=0.5"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn temporary_403s_neither_lose_nor_duplicate() {
        run(&["s3.forbidden=0.5"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn errors_after_the_put_lose_nothing() {
        run(&["s3.lost_answer=0.5"]).await;
    }
}

mod sqs {
    use super::run;

    #[tokio::test(flavor = "multi_thread")]
    async fn latency_only_costs_time() {
        run(&["sqs.latency=0.5:100ms"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn stalls_with_late_sends_lose_nothing() {
        run(&["sqs.stall=0.05:4s"]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn connection_resets_neither_lose_nor_duplicate() {
        run(&["sqs.reset=0.1"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn errors_neither_lose_nor_duplicate() {
        run(&["sqs.error=0.1"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn throttling_neither_loses_nor_duplicates() {
        run(&["sqs.throttle=0.1"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn failures_of_single_entries_neither_lose_nor_duplicate() {
        run(&["sqs.partial=0.1"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn errors_after_the_send_lose_nothing() {
        run(&["sqs.lost_answer=0.2"]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_double_delivery_keeps_the_record_ids() {
        run(&["sqs.twice=0.5:300ms"]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn reordering_neither_loses_nor_duplicates() {
        run(&["sqs.out_of_order=0.5:1s"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_early_redelivery_keeps_the_record_ids() {
        run(&["sqs.early=0.5:100ms"]).await;
    }
}

mod functions {
    use std::time::Duration;

    use super::KILLING;
    use crate::support::scenario::{Outcome, Scenario};

    async fn run(faults: &[&str]) -> Outcome {
        let outcome = Scenario::of(faults).lasting(KILLING).run().await;
        outcome.assert_promise(faults);
        outcome
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn kills_of_ingest_lose_no_acknowledged_record() {
        let outcome = run(&["ingest.kill=2"]).await;
        assert!(outcome.ingest_ended > 0);
        outcome.assert_duplicates_by_clients_alone();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn kills_of_deliver_lose_nothing() {
        let outcome = run(&["deliver.kill=2"]).await;
        assert!(outcome.deliver_ended > 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn freezes_of_ingest_beyond_its_timeout_lose_no_acknowledged_record() {
        let faults = ["ingest.freeze=2:4s"];
        let mut scenario = Scenario::of(&faults).lasting(KILLING).variable("CALL_TIMEOUT_MS", "300");
        scenario.ingest_timeout = Duration::from_secs(2);
        let outcome = scenario.run().await;
        outcome.assert_promise(&faults);
        assert!(outcome.ingest_ended > 0);
        outcome.assert_duplicates_by_clients_alone();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn freezes_of_deliver_beyond_its_timeout_lose_nothing() {
        let outcome = run(&["deliver.freeze=2:4s"]).await;
        assert!(outcome.deliver_ended > 0);
    }
}

/// With one message per object, the object's name depends on that message alone.
mod one_message_per_object {
    use super::KILLING;
    use crate::support::scenario::{Outcome, Scenario};

    async fn run(faults: &[&str]) -> Outcome {
        let outcome = Scenario::of(faults).lasting(KILLING).variable("MAX_OBJECT_MESSAGES", "1").run().await;
        outcome.assert_promise(faults);
        assert_eq!(outcome.found.duplicates_of_posted_once, 0, "{}", outcome.found);
        outcome
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn repeated_deliveries_in_changing_batches_store_once() {
        run(&["sqs.twice=0.5:300ms", "sqs.early=0.5:100ms", "sqs.out_of_order=0.3:1s"]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn lost_answers_store_once() {
        run(&["s3.lost_answer=0.5", "sqs.lost_answer=0.2"]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn only_client_retries_store_twice() {
        run(&["ingest.kill=2", "sqs.twice=0.3:300ms"]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn kills_of_deliver_during_an_upload_store_once() {
        let outcome = run(&["deliver.kill=2", "s3.latency=0.5:300ms", "s3.lost_answer=0.2"]).await;
        assert!(outcome.deliver_ended > 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn all_faults_together_store_once() {
        let outcome = run(&[
            "sqs.twice=0.5:300ms",
            "sqs.early=0.3:100ms",
            "sqs.out_of_order=0.3:1s",
            "sqs.lost_answer=0.1",
            "s3.lost_answer=0.3",
            "s3.latency=0.5:200ms",
            "deliver.kill=2",
        ])
        .await;
        assert!(outcome.deliver_ended > 0);
    }
}
