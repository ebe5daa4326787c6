//! More clients than the process may open files.
//!
//! If clients used up the files, the server could not accept deliver's connections. Deliver would give up its PUTs, and
//! S3 would take them later: when SQS delivers these messages again, in other batches, their records are stored twice.

use std::collections::BTreeMap;
use std::time::Duration;

use spillway_local::client::{Client, Document};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, sleep, timeout};

use super::idle::{Serving, connect};
use super::raw::PATIENCE;
use crate::support::harness::{KEY, accepted_ids, lines_in};

/// The files that the server may open.
const LIMIT: &str = "ulimit -n 256";
const HALF_OPEN: usize = 400;
const POSTS: usize = 200;
/// Shorter than the time that the front gives half-open clients, so that they are still there.
const STORED_IN: Duration = Duration::from_secs(15);
const TIMES: [&str; 6] = ["--deliver-timeout", "1s", "--window", "200ms", "--visibility-timeout", "7s"];

impl Serving {
    /// The lines of all objects of records, by id.
    fn stored(&self) -> BTreeMap<String, Vec<String>> {
        lines_in(&self.data.path().join("spillway/records"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_use_up_the_files_hinder_no_function_and_cause_no_duplicates() {
    let mut serving = Serving::start(LIMIT, &TIMES);
    let mut client = Client::connect(serving.address).await.unwrap();
    let document = Document::new("clicks", KEY, "[{},{}]");
    // The connection is accepted before those of the others.
    let mut sent = accepted_ids(&client.post(&document).await.unwrap()).len();
    let mut half_open = connect(serving.address, HALF_OPEN).await;
    for connection in &mut half_open {
        connection.write_all(b"POST /v1/streams/clicks HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    }
    for _ in 0..POSTS {
        let answer = timeout(PATIENCE, client.post(&document)).await.expect("an answer").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        sent += accepted_ids(&answer).len();
    }
    let posted = Instant::now();
    while serving.stored().len() < sent {
        assert!(posted.elapsed() < STORED_IN, "{} of {sent} records are stored", serving.stored().len());
        sleep(Duration::from_millis(100)).await;
    }
    drop(half_open);
    serving.end().await;
    let stored = serving.stored();
    assert_eq!((stored.values().filter(|lines| lines.len() > 1).count(), stored.len()), (0, sent));
}
