//! `spillway redrive` as an operator runs it.

use std::net::SocketAddr;
use std::process::{Command, Output};
use std::time::Duration;

use spillway_local::faults::Faults;
use spillway_local::sqs::{MAX_MESSAGE_BYTES, Queue, QueueSettings};

use super::command::{Server, get, text, wait_until};

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

/// Runs `spillway redrive`; returns the code, the output and what it prints to standard error.
fn redrive(arguments: &[&str]) -> (Option<i32>, String, String) {
    spillway(&[&["redrive"], arguments].concat())
}

fn spillway(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    let command = command.args(arguments).env_remove("BUCKET").env_remove("QUEUE_URL");
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), text(&stdout), text(&stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_messages_that_an_interrupted_run_has_received() {
    let queue = hidden(4).await;
    let (code, printed, progress) = redrive(&["--queue-url", &queue.url]);
    assert_eq!(printed, "10 messages moved, 0 left, 0 now in both queues, 0 hidden by another reader\n");
    let (target, progress) = progress.split_once('\n').unwrap();
    assert!(target.starts_with("on AWS, queue http://127.0.0.1:"), "{target}");
    assert!(progress.starts_with("10 messages are hidden: ") && progress.contains("2m 10s at most"), "{progress}");
    assert_eq!(code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reports_messages_that_stay_hidden() {
    let queue = hidden(3_600).await;
    let (code, printed, _) = redrive(&["--queue-url", &queue.url, "--wait", "1s"]);
    assert!(printed.starts_with("0 messages moved, 0 left, 0 now in both queues, 10 hidden by another reader\n"));
    assert!(printed.contains("run this command again"), "{printed}");
    assert_eq!(code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_flags_it_works_on_the_server_of_this_machine() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let status = server.word_after("status");
    let url = get(&status.replace("/status", "/endpoints"))["queue_url"].as_str().unwrap().to_owned();
    let client = spillway_local::sqs::connect(&url[..url.find("/0").unwrap()], "us-east-1", "local");
    // Deliver quarantines this message once it is back on the queue.
    client.send_message().queue_url(format!("{url}-dead")).message_body("not one of ours").send().await.unwrap();
    wait_until("the message is dead-lettered", || get(&status)["dead_lettered"] == 1);
    let admin = status.strip_prefix("http://").unwrap().strip_suffix("/status").unwrap();
    let (code, printed, target) = redrive(&["--admin", admin, "--json"]);
    let place = format!("on spillway serve at {admin}, bucket spillway at ");
    assert!(target.starts_with(&place) && target.contains(&format!(", queue {url} at ")), "{target}");
    let moved = r#"{"failure":null,"hidden":0,"in_both_queues":0,"left":0,"moved":1}"#;
    assert_eq!((code, printed.trim_end()), (Some(0), moved));
    wait_until("deliver has it", || get(&status)["quarantined"] == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_moves_the_dead_letters_of_a_destination() {
    let (data, config) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in ["streams", "destinations"] {
        std::fs::create_dir(config.path().join(folder)).unwrap();
    }
    std::fs::write(config.path().join("streams/clicks.json"), r#"{"table":false}"#).unwrap();
    let file = r#"{"url":"http://127.0.0.1:1/","allow_private":true,"streams":["clicks"]}"#;
    std::fs::write(config.path().join("destinations/acme.json"), file).unwrap();
    let server = Server::start_in(config.path(), &[], &[], data.path());
    let status = server.word_after("status");
    let url = get(&status.replace("/status", "/endpoints"))["destinations"]["acme"].as_str().unwrap().to_owned();
    let endpoint = &url[..url.find("/0").unwrap()];
    let client = spillway_local::sqs::connect(endpoint, "us-east-1", "local");
    let bury = async || {
        // Forward ignores a message for the object of another stream.
        let body = r#"{"key":"records/stream=orders/a","reason":"no"}"#;
        client.send_message().queue_url(format!("{url}-dead")).message_body(body).send().await.unwrap();
    };
    let admin = status.strip_prefix("http://").unwrap().strip_suffix("/status").unwrap();
    let moved = r#"{"failure":null,"hidden":0,"in_both_queues":0,"left":0,"moved":1}"#;
    bury().await;
    // Listing leaves it where it is.
    for _ in 0..2 {
        let (code, printed, _) = spillway(&["quarantine", "list", "--admin", admin, "--destination", "acme"]);
        assert_eq!((code, printed.as_str()), (Some(0), "records/stream=orders/a\tall lines\t–\tno\n"));
    }
    let (code, printed, _) = redrive(&["--admin", admin, "--destination", "acme", "--json"]);
    assert_eq!((code, printed.trim_end()), (Some(0), moved));
    bury().await;
    let (code, printed, _) = redrive(&["--aws", "--sqs-endpoint", endpoint, "--destination", "acme", "--json"]);
    assert_eq!((code, printed.trim_end()), (Some(0), moved));
    let (code, _, error) = redrive(&["--admin", admin, "--destination", "other"]);
    assert!(code == Some(1) && error.contains("no destination `other` runs at"), "{error}");
    let (code, _, error) = redrive(&["--aws", "--sqs-endpoint", endpoint, "--destination", "other"]);
    assert!(code == Some(1) && error.contains("there is no queue spillway-other-objects"), "{error}");
}

#[test]
fn without_flags_and_without_a_server_it_says_how_to_name_a_place() {
    let (code, printed, error) = redrive(&["--admin", "127.0.0.1:1"]);
    assert_eq!((code, printed.as_str()), (Some(1), ""));
    assert!(error.contains("no `spillway serve` answers at 127.0.0.1:1; start it, name its admin address"), "{error}");
}
