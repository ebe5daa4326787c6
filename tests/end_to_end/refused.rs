//! A queue that takes smaller messages than ingest sends: what clients get, and what the log tells the operator.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use spillway_local::client::{Client, Document};
use spillway_local::faults::Faults;
use spillway_local::sqs::{Queue, QueueSettings};

use super::command::{spillway, text};
use super::limits::noise;
use crate::support::harness::{KEY, json};

async fn small_queue() -> Queue {
    let settings = QueueSettings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: None,
        name: "small".to_owned(),
        region: "us-east-1".to_owned(),
        visibility_timeout: Duration::from_secs(35),
        max_receive_count: 3,
        max_message_bytes: 100_000,
        accepted: None,
        faults: Faults::default(),
    };
    Queue::start(settings).await.unwrap()
}

/// `spillway serve` with this queue and its output, and the address that accepts documents.
fn serve(queue: &Queue, folder: &std::path::Path) -> (Child, SocketAddr) {
    let free = ["--listen", "--admin", "--s3-listen", "--sqs-listen"].map(|flag| [flag, "127.0.0.1:0"]).concat();
    let external = ["--sqs-endpoint", &queue.endpoint, "--queue-url", &queue.url, "--write-key", KEY];
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut command = spillway(&[&["serve"], free.as_slice(), &external].concat(), &folder.join("data"));
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let address = lines.find_map(|line| {
        let address = line.split_once("documents at http://")?.1.split_once('/')?.0;
        address.parse().ok()
    });
    std::thread::spawn(move || lines.for_each(drop));
    (child, address.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_the_queue_never_takes_are_refused_and_logged_once() {
    let (queue, folder) = (small_queue().await, tempfile::tempdir().unwrap());
    let (mut child, address) = serve(&queue, folder.path());
    let mut client = Client::connect(address).await.unwrap();
    for _ in 0..3 {
        let document = Document::new("clicks", KEY, format!(r#"{{"a":"{}"}}"#, noise(200_000)));
        let answer = client.post(&document).await.unwrap();
        assert_eq!((answer.status.as_u16(), &json(&answer)["error"]), (500, &"refused".into()), "{answer:?}");
        assert!(!answer.headers.contains_key("retry-after"));
    }
    assert_eq!(client.post(&Document::new("clicks", KEY, "{}")).await.unwrap().status, 200);
    let line = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    child.wait().unwrap();
    let log = text(&std::fs::read(folder.path().join("log")).unwrap());
    assert_eq!(log.matches("MAX_MESSAGE_BYTES exceeds the queue's maximum message size").count(), 1, "{log}");
}
