//! The pipeline under faults: each alone, then all at once.
//!
//! Every run posts documents by clients that retry as real ones do, then reads the bucket's files and the dead-letter queue,
//! and checks by record id: nothing answered with 200 is missing, nothing was sent by nobody, every payload is the same
//! byte for byte, and what is there twice has one id. Where no fault implies it, nothing is there twice.

#[path = "faults/command.rs"]
mod command;
#[path = "faults/mix.rs"]
mod mix;
#[path = "faults/outage.rs"]
mod outage;
mod support;

use support::scenario::{Outcome, Scenario};

/// Runs with these faults; what always holds is checked.
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
    async fn that_is_slow_costs_time_alone() {
        run(&["s3.latency=0.5:100ms"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_stalls_and_stores_late_loses_nothing() {
        run(&["s3.stall=0.5:1s"]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_breaks_connections_loses_nothing_and_doubles_nothing() {
        run(&["s3.reset=0.5"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_answers_500_loses_nothing_and_doubles_nothing() {
        run(&["s3.error=0.5"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_asks_to_slow_down_loses_nothing_and_doubles_nothing() {
        run(&["s3.slow_down=0.5"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_forbids_for_a_while_loses_nothing_and_doubles_nothing() {
        run(&["s3.forbidden=0.5"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_answers_500_after_storing_loses_nothing() {
        run(&["s3.lost_answer=0.5"]).await;
    }
}

mod sqs {
    use super::run;

    #[tokio::test(flavor = "multi_thread")]
    async fn that_is_slow_costs_time_alone() {
        run(&["sqs.latency=0.5:100ms"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_stalls_and_enqueues_late_loses_nothing() {
        run(&["sqs.stall=0.02:4s"]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_breaks_connections_loses_nothing_and_doubles_nothing() {
        run(&["sqs.reset=0.1"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_answers_500_loses_nothing_and_doubles_nothing() {
        run(&["sqs.error=0.1"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_throttles_loses_nothing_and_doubles_nothing() {
        run(&["sqs.throttle=0.1"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_fails_single_entries_loses_nothing_and_doubles_nothing() {
        run(&["sqs.partial=0.1"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_loses_answers_after_enqueuing_loses_no_record() {
        run(&["sqs.lost_answer=0.2"]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_delivers_twice_stores_under_the_same_id() {
        run(&["sqs.twice=0.5:300ms"]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_delivers_out_of_order_loses_nothing_and_doubles_nothing() {
        run(&["sqs.out_of_order=0.5:1s"]).await.assert_no_duplicates();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn that_delivers_again_too_early_stores_under_the_same_id() {
        run(&["sqs.early=0.5:100ms"]).await;
    }
}

mod functions {
    use std::time::Duration;

    use super::run;
    use super::support::scenario::Scenario;

    #[tokio::test(flavor = "multi_thread")]
    async fn ingest_that_is_killed_loses_nothing_that_was_answered() {
        let outcome = run(&["ingest.kill=2"]).await;
        assert!(outcome.ingest_ended > 0);
        outcome.assert_duplicates_by_clients_alone();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn deliver_that_is_killed_loses_nothing() {
        let outcome = run(&["deliver.kill=2"]).await;
        assert!(outcome.deliver_ended > 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn ingest_that_freezes_past_its_time_out_loses_nothing_that_was_answered() {
        let faults = ["ingest.freeze=2:4s"];
        let mut scenario = Scenario::of(&faults).variable("CALL_TIMEOUT_MS", "300");
        scenario.ingest_timeout = Duration::from_secs(2);
        let outcome = scenario.run().await;
        outcome.assert_promise(&faults);
        assert!(outcome.ingest_ended > 0);
        outcome.assert_duplicates_by_clients_alone();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn deliver_that_freezes_past_its_time_out_loses_nothing() {
        let outcome = run(&["deliver.freeze=2:4s"]).await;
        assert!(outcome.deliver_ended > 0);
    }
}

/// With one message an object, its name depends on that message alone.
mod one_message_an_object {
    use super::support::scenario::{Outcome, Scenario};

    async fn run(faults: &[&str]) -> Outcome {
        let outcome = Scenario::of(faults).variable("MAX_OBJECT_MESSAGES", "1").run().await;
        outcome.assert_promise(faults);
        assert_eq!(outcome.found.duplicates_of_posted_once, 0, "{}", outcome.found);
        outcome
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn is_stored_once_however_often_and_in_whatever_batches_it_is_delivered() {
        run(&["sqs.twice=0.5:300ms", "sqs.early=0.5:100ms", "sqs.out_of_order=0.3:1s"]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn is_stored_once_when_answers_are_lost() {
        run(&["s3.lost_answer=0.5", "sqs.lost_answer=0.2"]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn is_stored_twice_only_by_a_client_that_posts_again() {
        run(&["ingest.kill=2", "sqs.twice=0.3:300ms"]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn is_stored_once_when_deliver_is_killed_in_the_middle() {
        let outcome = run(&["deliver.kill=2", "s3.latency=0.5:300ms", "s3.lost_answer=0.2"]).await;
        assert!(outcome.deliver_ended > 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn is_stored_once_under_all_of_it_at_once() {
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
