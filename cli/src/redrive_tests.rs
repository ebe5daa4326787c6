use std::net::SocketAddr;

use spillway_local::faults::Faults;
use spillway_local::sqs::{Queue as Sqs, QueueSettings};

use super::*;

async fn sqs() -> Sqs {
    let settings = QueueSettings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: None,
        name: "spillway".to_owned(),
        region: "us-east-1".to_owned(),
        visibility_timeout: Duration::from_mins(1),
        max_receive_count: 3,
        accepted: None,
        faults: Faults::default(),
    };
    Sqs::start(settings).await.unwrap()
}

/// The queue and its dead-letter queue with `dead_letters` messages.
async fn queues(sqs: &Sqs, dead_letters: usize, bytes: usize) -> (Queue, Queue) {
    let config = aws::config(aws::endpoint_of_queue(None, &sqs.url)).await;
    let queue = Queue::new(&config, &sqs.url);
    let dead = queue.dead_letter_queue().await.unwrap();
    for number in 0..dead_letters {
        let body = format!("{number}{}", "x".repeat(bytes));
        assert_eq!(dead.send(&[&body]).await.unwrap(), [0]);
    }
    (queue, dead)
}

async fn moved(dead: &Queue, queue: &Queue, rate: u32, most: Option<u64>) -> Moved {
    redrive(dead, queue, rate, most, &ProgressBar::hidden()).await.unwrap()
}

#[tokio::test]
async fn all_dead_lettered_messages_move_to_the_queue() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 25, 10).await;
    assert_eq!(dead.waiting().await.unwrap(), 25);
    assert_eq!(moved(&dead, &queue, 10_000, None).await, Moved { back: 25, ..Moved::default() });
    let counts = sqs.counts().await.unwrap();
    assert_eq!((counts.queued, counts.dead_lettered), (25, 0));
}

#[tokio::test]
async fn messages_too_large_for_one_call_are_sent_in_several() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 9, 250_000).await;
    assert_eq!(moved(&dead, &queue, 10_000, None).await.back, 9);
    assert_eq!(sqs.counts().await.unwrap().queued, 9);
}

#[tokio::test]
async fn at_most_the_requested_number_is_moved() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 15, 10).await;
    assert_eq!(moved(&dead, &queue, 10_000, Some(12)).await.back, 12);
    let counts = sqs.counts().await.unwrap();
    assert_eq!((counts.queued, counts.dead_lettered), (12, 3));
}

#[tokio::test]
async fn messages_are_moved_at_the_requested_rate() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 20, 10).await;
    let started = Instant::now();
    moved(&dead, &queue, 40, Some(20)).await;
    assert!(started.elapsed() >= Duration::from_millis(450), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_message_that_was_not_sent_is_not_deleted() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 3, 10).await;
    let nowhere = queue.sibling(format!("{}-unknown", sqs.url));
    assert!(redrive(&dead, &nowhere, 100, None, &ProgressBar::hidden()).await.is_err());
    assert_eq!(sqs.counts().await.unwrap().dead_lettered, 3);
}

#[tokio::test]
async fn an_empty_dead_letter_queue_moves_nothing() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 0, 0).await;
    assert_eq!(moved(&dead, &queue, 100, None).await, Moved::default());
}

#[tokio::test]
async fn a_message_that_is_dead_lettered_again_is_moved_once() {
    let sqs = sqs().await;
    let (queue, dead) = queues(&sqs, 1, 10).await;
    let began = Instant::now();
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
        () = dies_again => Moved::default(),
    };
    assert_eq!(moved, Moved { back: 1, left: 1, doubled: 0 }, "{:?}", began.elapsed());
    assert_eq!(sqs.counts().await.unwrap().dead_lettered, 1);
}
