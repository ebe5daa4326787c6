//! Nothing that clients send appears in logs or answers: it is only in the objects.
//!
//! Every request here carries a marker, in valid documents and in every kind of invalid one. The real command runs as a
//! process, and the test searches everything that it printed.

mod faults;
mod requests;
mod server;

use std::process::Command;
use std::time::Duration;

use spillway_local::sqs::connect;
use tokio::time::timeout;

use requests::{broken, good, messages, odd};
use server::{Spillway, ask, until};

/// In every key, value, user agent, idempotency key, path and message.
const MARKER: &str = "zqx";
/// The configured write key.
const KEY: &str = "zqx-good-key";
/// The address of the clients: a loopback address that nothing else uses.
const CLIENT: &str = "127.9.8.7:0";
const CLIENT_ADDRESS: &str = "127.9.8.7";
/// The longest time that anything may take here.
const PATIENCE: Duration = Duration::from_secs(20);

fn assert_silent(what: &str, text: &str) {
    for line in text.lines().filter(|line| !line.contains("curl -i")) {
        assert!(!line.to_ascii_lowercase().contains(MARKER) && !line.contains(CLIENT_ADDRESS), "{what}: {line}");
    }
}

async fn full_run(log_level: &str) {
    let data = tempfile::tempdir().unwrap();
    let spillway = Spillway::start(data.path(), log_level, &[]);
    let address = spillway.address().await;
    for request in good() {
        let answer = ask(address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_silent("an answer", &answer);
    }
    for request in odd() {
        let answer = ask(address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{}", String::from_utf8_lossy(&request));
        assert_silent("an answer", &answer);
    }
    for request in broken() {
        assert_silent("an answer", &ask(address, &request).await);
    }
    let queue_url = spillway.told("  SQS      ").await;
    let client = connect(queue_url.rsplitn(3, '/').last().unwrap(), "us-east-1", "local");
    let messages = messages();
    for body in &messages {
        client.send_message().queue_url(&queue_url).message_body(body).send().await.unwrap();
    }
    let all_are_settled = async || {
        let status = spillway.status().await;
        let count = |name: &str| status[name].as_u64().unwrap();
        count("quarantined") == messages.len() as u64 - 1 && count("dead_lettered") == 1 && count("stored") >= 6
    };
    until("all messages are settled", all_are_settled).await;
    assert_silent("the status", &spillway.status().await.to_string());
    let printed = spillway.end().await;
    assert!(printed.contains("curl -i") && printed.contains("quarantined"), "{printed}");
    assert_silent("the output", &printed);
}

#[tokio::test]
async fn no_client_data_in_logs_or_answers() {
    full_run("INFO").await;
}

#[tokio::test]
async fn no_client_data_in_trace_logs() {
    full_run("TRACE").await;
}

#[tokio::test]
async fn a_plain_key_in_place_of_a_digest_is_not_printed() {
    let config = tempfile::tempdir().unwrap();
    std::fs::create_dir(config.path().join("streams")).unwrap();
    let keys = r#"{"keys": [{"name": "a", "sha256": "zqx-in-the-file"}]}"#;
    std::fs::write(config.path().join("keys.json"), keys).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    command.args(["serve", "--write-key", KEY, "--data"]).arg(config.path().join("data"));
    command.arg("--config").arg(config.path()).env("WRITE_KEYS", "b=zqx-in-the-variable,zqx,c=zqx:clicks");
    for listen in ["--listen", "--admin", "--s3-listen", "--sqs-listen"] {
        command.args([listen, "127.0.0.1:0"]);
    }
    let output = timeout(PATIENCE, tokio::process::Command::from(command).kill_on_drop(true).output()).await;
    let output = output.unwrap().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(!output.status.success() && printed.contains("WRITE_KEYS") && printed.contains("keys.json"), "{printed}");
    assert_silent("the output", &printed);
}
