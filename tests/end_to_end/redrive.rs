//! `spillway redrive` as an operator runs it.

use std::net::SocketAddr;
use std::process::{Command, Output};
use std::time::Duration;

use spillway_local::faults::Faults;
use spillway_local::sqs::{MAX_MESSAGE_BYTES, Queue, QueueSettings};

use super::command::text;

/// A queue with ten dead letters that another reader hides for this many seconds.
async fn hidden(seconds: i32) -> Queue {
    let settings = QueueSettings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: None,
        name: "spillway".to_owned(),
        region: "us-east-1".to_owned(),
        visibility_timeout: Duration::from_secs(35),
        max_receive_count: 3,
        max_message_bytes: MAX_MESSAGE_BYTES,
        accepted: None,
        faults: Faults::default(),
    };
    let queue = Queue::start(settings).await.unwrap();
    let (client, dead) = (queue.client(), &queue.dead_letter_url);
    for number in 0..10 {
        client.send_message().queue_url(dead).message_body(number.to_string()).send().await.unwrap();
    }
    let receive = client.receive_message().queue_url(dead).max_number_of_messages(10).visibility_timeout(seconds);
    assert_eq!(receive.send().await.unwrap().messages().len(), 10);
    queue
}

fn redrive(queue: &Queue, more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    let Output { status, stdout, stderr } =
        command.args(["redrive", "--queue-url", &queue.url]).args(more).output().unwrap();
    (status.code(), text(&stdout), text(&stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_messages_that_an_interrupted_run_has_received() {
    let queue = hidden(4).await;
    let (code, printed, progress) = redrive(&queue, &[]);
    assert_eq!(printed, "10 messages moved, 0 left, 0 now in both queues, 0 hidden by another reader\n");
    assert!(progress.starts_with("10 messages are hidden: ") && progress.contains("2m 10s at most"), "{progress}");
    assert_eq!(code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reports_messages_that_stay_hidden() {
    let queue = hidden(3_600).await;
    let (code, printed, _) = redrive(&queue, &["--wait", "1s"]);
    assert!(printed.starts_with("0 messages moved, 0 left, 0 now in both queues, 10 hidden by another reader\n"));
    assert!(printed.contains("run this command again"), "{printed}");
    assert_eq!(code, Some(1));
}
