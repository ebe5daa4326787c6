//! Requests through the front to real processes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use spillway_local::front::Front;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::{Marks, front_settings, fronted, post, read, send, settings, start, until};

#[tokio::test]
async fn a_request_becomes_an_event_and_the_output_a_response() {
    let (_function, front) = fronted(settings()).await;
    let reply = send(front.address(), post("content-type: application/json\r\nx-a: 1\r\nX-A: 2\r\n", b"[1]")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.head.contains("content-type: application/json"));
    let event = reply.json();
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("[1]"), &json!(false)));
    assert_eq!(event["headers"]["x-a"], "1,2");
    assert_eq!(event["headers"]["host"], front.address().to_string());
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
    front.close().await;
}

#[tokio::test]
async fn a_failed_invocation_is_500_and_a_crashed_process_is_replaced() {
    let (function, front) = fronted(settings()).await;
    for what in ["fail", "panic", "crash", "large", "nonsense"] {
        let reply = send(front.address(), post(&format!("x-do: {what}\r\n"), b"")).await;
        assert_eq!((reply.status, reply.json()), (500, json!({"message": "Internal Server Error"})), "{what}");
    }
    assert_eq!(send(front.address(), post("", b"")).await.status, 200);
    assert_eq!(function.counts().restarts, 1);
}

#[tokio::test]
async fn a_timeout_and_a_missing_environment_are_503() {
    let mut settings = settings();
    settings.timeout = Duration::from_millis(600);
    settings.max_wait = Duration::from_millis(100);
    let (function, front) = fronted(settings).await;
    let marks = Marks::new();
    let hanging = send(front.address(), post(&format!("x-do: hang\r\nx-mark: {}\r\n", marks.path()), b""));
    let waiting = async {
        marks.reach(1).await;
        send(front.address(), post("", b"")).await
    };
    let (hanging, waiting) = tokio::join!(hanging, waiting);
    for reply in [hanging, waiting] {
        assert_eq!((reply.status, reply.json()), (503, json!({"message": "Service Unavailable"})));
    }
    assert_eq!((function.counts().timed_out, function.counts().without_environment), (1, 1));
    until("the environment is replaced", || function.pids().len() == 1).await;
}

#[tokio::test]
async fn an_invocation_over_the_timeout_of_the_front_is_503() {
    let function = start(settings()).await;
    let mut front = front_settings();
    front.function_timeout = Duration::from_millis(100);
    let front = Front::start(front, Arc::new(function)).await.unwrap();
    assert_eq!(send(front.address(), post("x-do: hang\r\n", b"")).await.status, 503);
}

#[tokio::test]
async fn closing_finishes_running_requests_and_accepts_no_connection() {
    let (function, front) = fronted(settings()).await;
    let address = front.address();
    let _idle = TcpStream::connect(address).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    let request = post("", b"[1]");
    let (begin, end) = request.split_at(request.len() - 1);
    half.write_all(begin).await.unwrap();
    send(address, post("", b"")).await;
    let finish = async {
        while TcpStream::connect(address).await.is_ok() {}
        half.write_all(end).await.unwrap();
        read(half).await
    };
    let (reply, ()) = tokio::join!(finish, front.close());
    assert_eq!(reply.status, 200);
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(function.counts().invocations, 2);
}
