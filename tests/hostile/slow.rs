//! Clients that send single bytes slowly to hold connections open.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use spillway_local::front::ClientTimeouts;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::raw::{Reply, read_all};
use super::target::Target;

/// Concurrent slow clients.
const CLIENTS: usize = 300;
/// The time between two bytes of a slow client, shorter than the front's limit for a pause.
const BETWEEN_BYTES: Duration = Duration::from_millis(250);
/// The timeouts of the front, shortened for the test.
const FRONT: ClientTimeouts =
    ClientTimeouts { head: Duration::from_secs(3), idle: Duration::from_secs(1), body: Duration::from_secs(4) };
/// The tolerance for closing a connection on a busy machine.
const AT_LAST: Duration = Duration::from_secs(15);

/// Sends `at_once`, then the bytes of `slowly` one by one until the server closes; returns the answers and the time.
async fn drip(address: SocketAddr, at_once: &str, slowly: &str) -> (Vec<Reply>, Duration) {
    let started = Instant::now();
    let stream = TcpStream::connect(address).await.unwrap().into_std().unwrap();
    let mut writing = TcpStream::from_std(stream.try_clone().unwrap()).unwrap();
    let reading = TcpStream::from_std(stream).unwrap();
    writing.write_all(at_once.as_bytes()).await.unwrap();
    let bytes = async {
        for byte in slowly.bytes().cycle() {
            sleep(BETWEEN_BYTES).await;
            if writing.write_all(&[byte]).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        replies = read_all(reading) => (replies, started.elapsed()),
        () = bytes => unreachable!("it never ends"),
    }
}

/// Runs slow clients next to a good one; each slow one gets one of `statuses`, or no answer, after `patience`.
async fn attack(at_once: &'static str, slowly: &'static str, statuses: &[u16], patience: Duration) {
    let mut target = Box::pin(Target::start(FRONT)).await;
    let address = target.address();
    let slow = tokio::spawn(join_all((0..CLIENTS).map(move |_| drip(address, at_once, slowly)).collect::<Vec<_>>()));
    let mut served = 0;
    while !slow.is_finished() {
        let started = Instant::now();
        target.assert_good_client_is_served().await;
        assert!(started.elapsed() < FRONT.head, "slow clients delay a good one: {:?}", started.elapsed());
        served += 1;
        sleep(Duration::from_millis(50)).await;
    }
    assert!(served > 5, "{served} good clients were served meanwhile");
    for (replies, lasted) in slow.await.unwrap() {
        assert!(replies.len() <= 1 && replies.iter().all(|reply| statuses.contains(&reply.status)), "{replies:?}");
        assert!((patience..patience + AT_LAST).contains(&lasted), "{lasted:?}");
    }
    Box::pin(target.end()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_head_gets_408_after_its_timeout() {
    attack("POST /v1/streams/clicks HTTP/1.1\r\n", "x: y\r\n", &[408], FRONT.head).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_gets_408_after_its_timeout() {
    let head = "POST /v1/streams/clicks HTTP/1.1\r\nhost: x\r\nx-write-key: local\r\ncontent-length: 1000000\r\n\r\n";
    attack(head, "[{}]    ", &[408], FRONT.body).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_chunked_body_gets_408_after_a_pause() {
    let head =
        "POST /v1/streams/clicks HTTP/1.1\r\nhost: x\r\nx-write-key: local\r\ntransfer-encoding: chunked\r\n\r\n";
    // The chunk framing does not count as body.
    attack(head, "1\r\n \r\n", &[408], FRONT.idle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_body_gets_408_after_a_pause() {
    let mut target = Box::pin(Target::start(FRONT)).await;
    let head = "POST /v1/streams/clicks HTTP/1.1\r\nhost: x\r\nx-write-key: local\r\ncontent-length: 9\r\n\r\n[{}";
    let address = target.address();
    let stopped = (0..CLIENTS).map(|_| async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        read_all(stream).await
    });
    for replies in join_all(stopped).await {
        assert_eq!(replies.iter().map(|reply| reply.status).collect::<Vec<_>>(), [408]);
    }
    target.assert_good_client_is_served().await;
    Box::pin(target.end()).await;
}
