//! Oversized and endless heads.

use std::time::Duration;

use futures::future::join_all;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::raw::{PATIENCE, exchange};
use super::target::Target;

/// More bytes than a client can write into a head: the front buffers 64 KiB, and the sockets buffer some unread bytes.
const MOST_WRITTEN: usize = 32 << 20;
/// Clients with endless heads.
const ENDLESS: usize = 50;

fn post(target: &str, headers: &str) -> Vec<u8> {
    let body = r#"[{"n":1}]"#;
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nhost: x\r\nx-write-key: local\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_heads_get_one_error() {
    let target = Target::impatient().await;
    let uri = |bytes: usize| format!("/v1/streams/clicks?{}", "q".repeat(bytes));
    let clicks = uri(0);
    let many = (0..1_000).map(|number| format!("x-{number}: y\r\n")).collect::<Vec<_>>().concat();
    for (request, expected) in [
        (post(&uri(10_240), ""), &[414][..]),
        (post(&uri(40_000), ""), &[414]),
        (post(&uri(100_000), ""), &[414, 431]),
        (post(&clicks, &format!("x: {}\r\n", "y".repeat(10_240))), &[431]),
        (post(&clicks, &format!("{}: y\r\n", "x".repeat(10_240))), &[431]),
        (post(&clicks, &format!("x: {}\r\n", "y".repeat(1 << 20))), &[431]),
        (post(&clicks, &format!("{}: y\r\n", "x".repeat(1 << 20))), &[431]),
        (post(&clicks, &"x: y\r\n".repeat(90)), &[200]),
        (post(&clicks, &"x: y\r\n".repeat(200)), &[431]),
        (post(&clicks, &many), &[431]),
    ] {
        let head = String::from_utf8_lossy(&request[..60]).into_owned();
        let replies = exchange(target.address(), &request).await;
        let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
        assert!(statuses.len() == 1 && expected.contains(&statuses[0]), "{head}: {statuses:?}, not {expected:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_head_is_read_only_up_to_the_limit() {
    let mut target = Target::impatient().await;
    let address = target.address();
    let clients = (0..ENDLESS).map(|number| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let piece = if number % 2 == 0 { vec![b'x'; 64 << 10] } else { b"x: y\r\n".repeat(10_000) };
        stream.write_all(b"POST /v1/streams/clicks HTTP/1.1\r\nx-write-key: local\r\nx: ").await.unwrap();
        let mut written = 0;
        let until_closed = async {
            while stream.write_all(&piece).await.is_ok() {
                written += piece.len();
                assert!(written < MOST_WRITTEN, "the front still reads");
            }
        };
        timeout(PATIENCE, until_closed).await.expect("the front closes the connection");
    });
    let attack = tokio::spawn(join_all(clients.collect::<Vec<_>>()));
    while !attack.is_finished() {
        target.assert_good_client_is_served().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    attack.await.unwrap();
    target.end().await;
}
