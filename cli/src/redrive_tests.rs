use std::net::SocketAddr;

use aws_sdk_sqs::config::retry::RetryConfig;
use spillway_local::faults::{Faults, Plan, parse};
use spillway_local::sqs::{MAX_MESSAGE_BYTES, Queue as Sqs, QueueSettings};

use super::*;
use crate::aws;

const WAIT: Duration = Duration::from_secs(20);

async fn sqs() -> Sqs {
    sqs_with(Faults::default()).await
}

async fn sqs_with(faults: Faults) -> Sqs {
    let settings = QueueSettings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: None,
        name: "spillway".to_owned(),
        region: "us-east-1".to_owned(),
        visibility_timeout: Duration::from_mins(1),
        max_receive_count: 3,
        max_message_bytes: MAX_MESSAGE_BYTES,
        accepted: None,
        faults,
    };
    Sqs::start(settings).await.unwrap()
}

/// The queue and its dead-letter queue with `dead_letters` messages.
async fn queues(sqs: &Sqs, dead_letters: usize, bytes: usize) -> (Queue, Queue) {
    let config = aws::config(aws::endpoint_of_queue(None, &sqs.url)).await;
    // The command repeats each call by itself. With the attempts of the SDK, its tests with errors would take minutes.
    let config = config.into_builder().retry_config(RetryConfig::disabled()).build();
    let queue = Queue::new(&config, &sqs.url);
    let dead = queue.dead_letter_queue().await.unwrap();
    for number in 0..dead_letters {
        let body = format!("{number}{}", "x".repeat(bytes));
        assert_eq!(dead.send(&[&body]).await.unwrap(), [0]);
    }
    (queue, dead)
}

/// The numbers of messages moved back, in both queues, left and hidden.
async fn moved(dead: &Queue, queue: &Queue, rate: u32, most: Option<u64>) -> [u64; 4] {
    let pace = Pace { rate, most: most.unwrap_or(u64::MAX), wait: WAIT };
    let ended = redrive(dead, queue, pace, &ProgressBar::hidden()).await;
    assert!(ended.failure.is_none(), "{ended:?}");
    numbers(&ended)
}

fn numbers(ended: &Ended) -> [u64; 4] {
    [ended.back, ended.doubled, ended.left, ended.hidden]
}

/// Receives all dead letters and hides them for some seconds, as a run that is killed.
async fn hide(sqs: &Sqs, count: usize, seconds: i32) {
    let mut hidden = 0;
    while hidden < count {
        let call = sqs.client().receive_message().queue_url(&sqs.dead_letter_url).max_number_of_messages(10);
        hidden += call.visibility_timeout(seconds).send().await.unwrap().messages().len();
    }
}

#[tokio::test]
async fn all_dead_lettered_messages_move_to_the_queue() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 25, 10).await;
    assert_eq!(dead.waiting().await.unwrap(), 25);
    assert_eq!(moved(&dead, &queue, 10_000, None).await, [25, 0, 0, 0]);
    let counts = sqs.counts().await.unwrap();
    assert_eq!((counts.queued, counts.dead_lettered), (25, 0));
}

#[tokio::test]
async fn messages_too_large_for_one_call_are_sent_in_several() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 9, 250_000).await;
    assert_eq!(moved(&dead, &queue, 10_000, None).await, [9, 0, 0, 0]);
    assert_eq!(sqs.counts().await.unwrap().queued, 9);
}

#[tokio::test]
async fn at_most_the_requested_number_is_moved() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 15, 10).await;
    assert_eq!(moved(&dead, &queue, 10_000, Some(12)).await, [12, 0, 0, 0]);
    let counts = sqs.counts().await.unwrap();
    assert_eq!((counts.queued, counts.dead_lettered), (12, 3));
}

#[tokio::test]
async fn messages_are_moved_at_the_requested_rate() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 20, 10).await;
    let started = tokio::time::Instant::now();
    moved(&dead, &queue, 40, Some(20)).await;
    assert!(started.elapsed() >= Duration::from_millis(450), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_message_that_was_not_sent_is_not_deleted() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 3, 10).await;
    let nowhere = queue.sibling(format!("{}-unknown", sqs.url));
    let pace = Pace { rate: 100, most: u64::MAX, wait: WAIT };
    let ended = redrive(&dead, &nowhere, pace, &ProgressBar::hidden()).await;
    assert_eq!((numbers(&ended), ended.failure.is_some()), ([0, 0, 3, 0], true));
    assert_eq!(sqs.counts().await.unwrap().dead_lettered, 3);
}

#[tokio::test]
async fn an_empty_dead_letter_queue_moves_nothing() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 0, 0).await;
    assert_eq!(moved(&dead, &queue, 100, None).await, [0; 4]);
}

#[tokio::test]
async fn a_message_that_is_dead_lettered_again_is_moved_once() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 1, 10).await;
    let began = tokio::time::Instant::now();
    let dies_again = async {
        loop {
            for message in queue.receive().await.unwrap() {
                dead.send(&[&message.body]).await.unwrap();
                queue.delete(&[&message.handle]).await.unwrap();
            }
        }
    };
    let moved = tokio::select! {
        moved = moved(&dead, &queue, 10_000, None) => moved,
        () = dies_again => [0; 4],
    };
    assert_eq!(moved, [1, 0, 1, 0], "{:?}", began.elapsed());
    assert_eq!(sqs.counts().await.unwrap().dead_lettered, 1);
}

#[tokio::test]
async fn messages_that_a_killed_run_has_received_are_moved_when_they_are_visible_again() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 10, 10).await;
    hide(&sqs, 10, 2).await;
    assert_eq!(dead.hidden().await.unwrap(), 10);
    assert_eq!(moved(&dead, &queue, 10_000, None).await, [10, 0, 0, 0]);
}

#[tokio::test]
async fn messages_that_stay_hidden_are_reported() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 12, 10).await;
    hide(&sqs, 12, 3_600).await;
    queues(&sqs, 3, 10).await;
    let pace = Pace { rate: 10_000, most: u64::MAX, wait: Duration::from_millis(10) };
    let ended = redrive(&dead, &queue, pace, &ProgressBar::hidden()).await;
    assert_eq!(numbers(&ended), [3, 0, 0, 12]);
    assert_eq!(format!("{:?}", ended.exit_code()), format!("{:?}", ExitCode::FAILURE));
}

#[tokio::test]
async fn errors_of_sqs_that_pass_do_not_end_a_run() {
    let faults = Faults::default();
    let sqs = sqs_with(faults.clone()).await;
    let (queue, dead) = queues(&sqs, 20, 10).await;
    faults.set(Plan::new(7, ["sqs.error=0.4"].map(|fault| parse(fault).unwrap())));
    assert_eq!(moved(&dead, &queue, 10_000, None).await, [20, 0, 0, 0]);
    faults.set(Plan::default());
    assert_eq!(sqs.counts().await.unwrap().queued, 20);
}

#[tokio::test]
async fn a_lasting_error_of_sqs_ends_a_run_with_its_counts() {
    let faults = Faults::default();
    let sqs = sqs_with(faults.clone()).await;
    let (queue, dead) = queues(&sqs, 20, 10).await;
    let pace = Pace { rate: 10, most: u64::MAX, wait: WAIT };
    let breaks = async {
        while sqs.counts().await.unwrap().queued == 0 {
            tokio::task::yield_now().await;
        }
        faults.set(Plan::new(7, ["sqs.error=1"].map(|fault| parse(fault).unwrap())));
    };
    let progress = ProgressBar::hidden();
    let (ended, ()) = tokio::join!(redrive(&dead, &queue, pace, &progress), breaks);
    assert!(ended.failure.is_some() && ended.back + ended.doubled >= 10, "{ended:?}");
    assert_eq!(format!("{:?}", ended.exit_code()), format!("{:?}", ExitCode::FAILURE));
}
