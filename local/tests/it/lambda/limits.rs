//! Requests that are too large, too slow or malformed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use spillway_local::front::{Front, FrontSettings};
use spillway_local::invoke::{Invoke, InvokeError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::support::{fronted, post, read, send, settings};

/// Returns the length of every event.
struct Measure;

impl Invoke for Measure {
    async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        Ok(event.len().to_string().into())
    }
}

fn quick() -> FrontSettings {
    let mut settings = FrontSettings::new("127.0.0.1:0".parse().unwrap());
    (settings.client_timeouts.head, settings.client_timeouts.idle) =
        (Duration::from_millis(100), Duration::from_millis(100));
    settings
}

async fn measure(settings: FrontSettings) -> Front {
    Front::start(settings, Arc::new(Measure)).await.unwrap()
}

#[tokio::test]
async fn the_limit_of_an_event_is_exact() {
    let front = measure(quick()).await;
    let length = async |body: usize| send(front.address(), post("content-type: text/x\r\n", &vec![b'x'; body])).await;
    let small = length(1_000_000).await.json().as_u64().unwrap();
    let room = usize::try_from(6_291_456 - (small - 1_000_000)).unwrap();
    assert_eq!(length(room).await.json(), 6_291_456);
    let reply = length(room + 1).await;
    assert_eq!((reply.status, reply.json()), (413, json!({"message": "Request Entity Too Large"})));
}

#[tokio::test]
async fn a_body_over_ten_mebibytes_is_413() {
    let front = measure(quick()).await;
    let reply = send(front.address(), post("", &vec![b'x'; (10 << 20) + 1])).await;
    assert_eq!((reply.status, reply.json()), (413, json!({"message": "Request Entity Too Large"})));
}

#[tokio::test]
async fn a_head_over_ten_kibibytes_is_431() {
    let front = measure(quick()).await;
    let with =
        async |filling: usize| send(front.address(), post(&format!("x: {}\r\n", "a".repeat(filling)), b"")).await;
    assert_eq!(with(10_000).await.status, 200);
    assert_eq!(with(10_240).await.status, 431);
    assert_eq!(with(100_000).await.status, 431);
    assert_eq!(send(front.address(), post(&"a: b\r\n".repeat(1_000), b"")).await.status, 431);
}

#[tokio::test]
async fn the_connection_of_a_client_that_pauses_is_closed() {
    let front = measure(quick()).await;
    for (sent, status) in
        [("POST / HTTP/1.1\r\nhost", None), ("POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc", Some(408))]
    {
        let mut connection = TcpStream::connect(front.address()).await.unwrap();
        connection.write_all(sent.as_bytes()).await.unwrap();
        match status {
            Some(status) => assert_eq!(read(connection).await.status, status),
            None => assert_eq!(tokio::io::copy(&mut connection, &mut tokio::io::sink()).await.unwrap(), 0),
        }
    }
}

#[tokio::test]
async fn a_body_over_the_memory_budget_is_503() {
    let mut settings = quick();
    settings.max_inflight_bytes = 10_000;
    let front = measure(settings).await;
    assert_eq!(send(front.address(), post("", &[b'x'; 100])).await.status, 200);
    assert_eq!(send(front.address(), post("", &[b'x'; 10_001])).await.status, 503);
    assert_eq!(send(front.address(), post("", &[b'x'; 100])).await.status, 200);
}

#[tokio::test]
async fn connections_over_the_limit_wait() {
    let mut settings = quick();
    (settings.max_connections, settings.client_timeouts.head) = (1, Duration::from_secs(5));
    let front = measure(settings).await;
    let first = TcpStream::connect(front.address()).await.unwrap();
    let mut second = pin!(send(front.address(), post("", b"")));
    assert!(timeout(Duration::from_millis(100), &mut second).await.is_err());
    drop(first);
    assert_eq!(second.await.status, 200);
}

#[tokio::test]
async fn malformed_requests_never_fail_the_function() {
    let (function, front) = fronted(settings()).await;
    let pids = function.pids();
    let targets = [
        "/",
        "/%00%ff",
        "//",
        "/v1/streams/%2e%2e",
        "/v1/streams/%2F?a=%zz&&",
        "/a%3fb#c",
        "/|^{}`\"",
        "*",
        "http://[::1]:99999/",
    ];
    let hosts = ["", "a b", "1.2.3.999", "[::1", "x:99999", "xn--\u{ff}", "%", "host: two\r\nhost"];
    for target in targets {
        for host in hosts {
            let request = format!(
                "OPTIONS {target} HTTP/1.1\r\nconnection: close\r\nhost: {host}\r\nx-forwarded-proto: \u{7}9\r\n\r\n"
            );
            let status = send(front.address(), request.replace('\u{7}', "")).await.status;
            assert!(matches!(status, 200 | 400), "{target} {host}: {status}");
        }
    }
    for garbage in [
        "GET / HTTP/1.1\r\na b: c\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\nconnection: close\r\n\r\n",
        "GET /\u{7} HTTP/1.1\r\n\r\n",
    ] {
        let reply = send(front.address(), garbage).await;
        assert_eq!(reply.status, 400, "{garbage:?}");
    }
    assert_eq!((function.pids(), function.counts().failed), (pids, 0));
}
