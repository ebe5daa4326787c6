//! The whole server ends, orderly or not, and starts again on the same data folder: nothing that was answered is lost.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use spillway_local::client::{Client, Document};
use tokio::time::sleep;

use super::command::{Server, spillway, text};
use crate::support::harness::{KEY, accepted_ids, lines_in};

/// How often the server is killed, after how long, and under how many clients.
struct Plan {
    kills: u32,
    after: Duration,
    clients: usize,
}

fn address(server: &Server) -> SocketAddr {
    let url = server.word_after("-i");
    url.strip_prefix("http://").unwrap().split('/').next().unwrap().parse().unwrap()
}

/// Posts until the connection breaks; answers the ids of the records that were answered with 200.
async fn post_until_broken(address: SocketAddr) -> Vec<String> {
    let document = Document::new("clicks", KEY, r#"[{"n":1},{"n":2},{"n":3}]"#);
    let Ok(mut client) = Client::connect(address).await else { return Vec::new() };
    let mut ids = Vec::new();
    while let Ok(answer) = client.post(&document).await {
        if answer.status == 200 {
            ids.extend(accepted_ids(&answer));
        }
    }
    ids
}

/// The number behind a row's name in the printed ledger.
fn row(printed: &str, name: &str) -> u64 {
    let line = printed.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap_or_else(|| panic!("{printed}"));
    line.trim().replace(',', "").parse().unwrap()
}

/// Drains a last server; all of `answered` must be stored, and the ledger of all runs must add up.
fn ends_with_everything_stored(server: Server, data: &Path, answered: &BTreeSet<String>) {
    server.signal("-TERM");
    let (code, printed) = server.end();
    let stored = lines_in(&data.join("spillway/records"));
    let missing = answered.iter().filter(|id| !stored.contains_key(*id)).count();
    println!("{} records answered, {} stored, {missing} missing\n{printed}", answered.len(), stored.len());
    assert_eq!((missing, code), (0, Some(0)), "{printed}");
    assert!(printed.contains("Ledger of all runs on this data folder"), "{printed}");
    let accepted = row(&printed, "accepted by SQS");
    let places = ["stored ", "quarantined", "dead-lettered", "queued"].map(|name| row(&printed, name));
    assert_eq!((accepted, row(&printed, "missing")), (places.iter().sum(), 0), "{printed}");
    assert!(accepted >= answered.len() as u64, "{printed}");
}

async fn nothing_is_missing_after(plan: Plan) {
    let data = tempfile::tempdir().unwrap();
    let start = || Server::start_with(&["--window", "200ms"], data.path());
    let mut answered = BTreeSet::new();
    for _ in 0..plan.kills {
        let server = start();
        let address = address(&server);
        let clients: Vec<_> = (0..plan.clients).map(|_| tokio::spawn(post_until_broken(address))).collect();
        sleep(plan.after).await;
        server.signal("-KILL");
        server.end();
        answered.extend(join_all(clients).await.into_iter().flat_map(Result::unwrap));
    }
    assert!(answered.len() > 100, "{} records answered", answered.len());
    ends_with_everything_stored(start(), data.path(), &answered);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_answered_is_missing_when_the_server_is_killed() {
    nothing_is_missing_after(Plan { kills: 3, after: Duration::from_millis(800), clients: 8 }).await;
}

// cargo test -p spillway --test end_to_end restarts -- --ignored --nocapture
#[tokio::test(flavor = "multi_thread")]
#[ignore = "ten kills under full load take half a minute"]
async fn nothing_is_missing_when_the_server_is_killed_ten_times_under_full_load() {
    nothing_is_missing_after(Plan { kills: 10, after: Duration::from_secs(2), clients: 64 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_stay_in_the_queue_at_the_second_signal() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start_with(&["--fault", "s3.error=1"], data.path());
    let mut client = Client::connect(address(&server)).await.unwrap();
    let answer = client.post(&Document::new("clicks", KEY, "[{},{}]")).await.unwrap();
    let answered = accepted_ids(&answer).into_iter().collect::<BTreeSet<_>>();
    server.signal("-TERM");
    server.read_until("draining the queue");
    server.signal("-TERM");
    let (code, printed) = server.end();
    assert_eq!(code, Some(1));
    assert!(printed.contains("queued messages stay in the data folder"), "{printed}");
    assert!(!data.path().join("spillway/records").exists());
    ends_with_everything_stored(Server::start(data.path()), data.path(), &answered);
}

#[test]
fn a_second_server_on_the_same_data_folder_refuses_to_start() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    for command in ["serve", "backends"] {
        let output = spillway(&[command], data.path()).output().unwrap();
        let refused = format!("{} is in use by another server", data.path().display());
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(&refused), "{}", text(&output.stderr));
    }
    server.signal("-TERM");
    assert_eq!(server.end().0, Some(0));
}
