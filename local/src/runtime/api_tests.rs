use bytes::Bytes;
use futures::FutureExt;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::event::EventBody;
use super::*;
use crate::invoke::InvokeError;
use crate::runtime::Function;
use crate::runtime::settings::FunctionSettings;

/// The Runtime API of a process that the test simulates.
struct Simulated {
    api: Arc<Api>,
    server: Server,
}

impl Simulated {
    async fn start() -> Self {
        let api = Arc::new(Api::new(&Function::new(FunctionSettings::new("simulated", "")).shared));
        let server = serve(Arc::clone(&api)).await.unwrap();
        Self { api, server }
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> String {
        let mut connection = TcpStream::connect(self.server.address()).await.unwrap();
        let length = body.len();
        let head = format!("{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        let request = format!("{head}content-length: {length}\r\n\r\n{body}");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        connection.read_to_string(&mut response).await.unwrap();
        response
    }

    /// Takes an event, and returns its id.
    async fn next(&self, event: &str) -> String {
        let response = self.send("GET", "invocation/next", "").await;
        assert!(response.starts_with("HTTP/1.1 200") && response.ends_with(event), "{response}");
        let id = response.lines().find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "));
        id.unwrap().to_owned()
    }

    async fn status(&self, method: &str, path: &str, body: &str) -> u16 {
        self.send(method, path, body).await.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn a_response_reaches_the_caller_and_is_accepted_once() {
    let simulated = Simulated::start().await;
    let result = simulated.api.dispatch.submit("[1]".into());
    let id = simulated.next("[1]").await;
    assert_eq!(simulated.status("POST", &format!("invocation/{id}/response"), "[2]").await, 202);
    assert_eq!(result.await.unwrap(), Ok("[2]".into()));
    for end in ["response", "error"] {
        assert_eq!(simulated.status("POST", &format!("invocation/{id}/{end}"), "[2]").await, 400);
    }
}

#[tokio::test]
async fn an_error_reaches_the_caller() {
    let simulated = Simulated::start().await;
    let result = simulated.api.dispatch.submit("[1]".into());
    let id = simulated.next("[1]").await;
    assert_eq!(simulated.status("POST", &format!("invocation/{id}/error"), "why").await, 202);
    assert_eq!(result.await.unwrap(), Err(InvokeError::Failed("why".into())));
}

#[tokio::test]
async fn a_response_to_an_ended_or_unknown_invocation_is_refused() {
    let simulated = Simulated::start().await;
    let result = simulated.api.dispatch.submit("[1]".into());
    let id = simulated.next("[1]").await;
    simulated.api.in_flight.end(Instant::now(), "it died");
    assert_eq!(result.await.unwrap(), Err(InvokeError::Failed("it died".into())));
    for id in [id.as_str(), "x", "00000000-0000-4000-8000-000000000000"] {
        assert_eq!(simulated.status("POST", &format!("invocation/{id}/response"), "[2]").await, 400, "{id}");
    }
}

#[tokio::test]
async fn an_ended_process_gets_no_event_and_the_event_is_not_lost() {
    let simulated = Simulated::start().await;
    simulated.api.in_flight.end(Instant::now(), "it died");
    let _result = simulated.api.dispatch.submit("[1]".into());
    assert_eq!(simulated.status("GET", "invocation/next", "").await, 403);
    assert!(simulated.api.dispatch.next().now_or_never().is_some());
}

#[tokio::test]
async fn an_unwritten_event_returns_to_the_queue_and_a_written_one_is_in_flight() {
    let api = Simulated::start().await.api;
    let _result = api.dispatch.submit("[1]".into());
    for number in 0..2 {
        let assignment = api.next().now_or_never().flatten().unwrap();
        let mut body = EventBody::new(assignment, Arc::clone(&api), number, Instant::now());
        if number == 1 {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "[1]");
        }
        drop(body);
        assert_eq!(api.in_flight.is_known(number), number == 1);
    }
    assert!(api.dispatch.next().now_or_never().is_none());
}

#[tokio::test]
async fn the_events_of_a_process_fit_into_its_memory() {
    let simulated = Simulated::start().await;
    let large = Bytes::from(vec![b'1'; FunctionSettings::new("simulated", "").event_bytes() / 2 + 1]);
    let (_first, second) = (simulated.api.dispatch.submit(large.clone()), simulated.api.dispatch.submit(large));
    let id = simulated.next("11").await;
    let mut waiting = Box::pin(simulated.next("11"));
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err());
    assert_eq!(simulated.status("POST", &format!("invocation/{id}/response"), "[2]").await, 202);
    let id = waiting.await;
    assert_eq!(simulated.status("POST", &format!("invocation/{id}/response"), "[2]").await, 202);
    assert_eq!(second.await.unwrap(), Ok("[2]".into()));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_waits_too_long_for_memory_expires_and_the_process_gets_the_next_one() {
    let api = Simulated::start().await.api;
    let large = Bytes::from(vec![b'1'; FunctionSettings::new("simulated", "").event_bytes()]);
    let (_first, second) = (api.dispatch.submit(large.clone()), api.dispatch.submit(large));
    let (_, reservation) = api.next().await.unwrap();
    let mut next = Box::pin(api.next());
    assert!(tokio::time::timeout(Duration::from_mins(1), &mut next).await.is_err());
    assert!(second.await.is_err());
    drop(reservation);
    let _third = api.dispatch.submit("[3]".into());
    assert_eq!(next.await.unwrap().0.len(), 3);
}

#[tokio::test]
async fn the_first_request_and_an_initialisation_error_are_recorded() {
    let simulated = Simulated::start().await;
    assert_eq!(simulated.status("POST", "init/error", "no key").await, 202);
    assert_eq!((simulated.api.init_error.get().map(String::as_str), simulated.api.is_ready()), (Some("no key"), false));
    let _result = simulated.api.dispatch.submit("[1]".into());
    simulated.next("[1]").await;
    assert!(simulated.api.ready().now_or_never().is_some());
}

#[tokio::test]
async fn other_routes_are_not_found() {
    let simulated = Simulated::start().await;
    for (method, path) in [
        ("POST", "invocation/next"),
        ("GET", "invocation/x/response"),
        ("POST", "invocation/x"),
        ("POST", "invocation/x/response/y"),
        ("POST", "invocation//response/"),
        ("GET", "restore/next"),
    ] {
        assert_eq!(simulated.status(method, path, "").await, 404, "{method} {path}");
    }
}
