use bytes::Bytes;
use futures::FutureExt;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::event::EventBody;
use super::*;
use crate::invoke::InvokeError;
use crate::runtime::Function;
use crate::runtime::settings::FunctionSettings;

/// The Runtime API of a process that the test itself plays.
struct Played {
    api: Arc<Api>,
    address: SocketAddr,
    _server: JoinSet<()>,
}

impl Played {
    async fn start() -> Self {
        let api = Arc::new(Api::new(&Function::new(FunctionSettings::new("played", "")).shared));
        let (listener, address) = listen().await.unwrap();
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&api)));
        Self { api, address, _server: server }
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> String {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let head = format!("{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        let request = format!("{head}content-length: {length}\r\n\r\n{body}");
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Takes an event, and returns its id.
    async fn next(&self, event: &str) -> String {
        let answer = self.send("GET", "invocation/next", "").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(event), "{answer}");
        let id = answer.lines().find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "));
        id.unwrap().to_owned()
    }

    async fn status(&self, method: &str, path: &str, body: &str) -> u16 {
        self.send(method, path, body).await.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn an_answer_reaches_whoever_waits_for_it_and_counts_once() {
    let played = Played::start().await;
    let outcome = played.api.dispatch.submit("[1]".into());
    let id = played.next("[1]").await;
    assert_eq!(played.status("POST", &format!("invocation/{id}/response"), "[2]").await, 202);
    assert_eq!(outcome.await.unwrap(), Ok("[2]".into()));
    for end in ["response", "error"] {
        assert_eq!(played.status("POST", &format!("invocation/{id}/{end}"), "[2]").await, 400);
    }
}

#[tokio::test]
async fn an_error_reaches_whoever_waits_for_it() {
    let played = Played::start().await;
    let outcome = played.api.dispatch.submit("[1]".into());
    let id = played.next("[1]").await;
    assert_eq!(played.status("POST", &format!("invocation/{id}/error"), "why").await, 202);
    assert_eq!(outcome.await.unwrap(), Err(InvokeError::Failed("why".into())));
}

#[tokio::test]
async fn an_answer_after_the_end_or_to_nothing_is_refused() {
    let played = Played::start().await;
    let outcome = played.api.dispatch.submit("[1]".into());
    let id = played.next("[1]").await;
    played.api.in_flight().end(Instant::now(), "it died");
    assert_eq!(outcome.await.unwrap(), Err(InvokeError::Failed("it died".into())));
    for id in [id.as_str(), "x", "00000000-0000-4000-8000-000000000000"] {
        assert_eq!(played.status("POST", &format!("invocation/{id}/response"), "[2]").await, 400, "{id}");
    }
}

#[tokio::test]
async fn after_the_end_no_event_is_handed_out_and_none_is_lost() {
    let played = Played::start().await;
    played.api.in_flight().end(Instant::now(), "it died");
    let _outcome = played.api.dispatch.submit("[1]".into());
    assert_eq!(played.status("GET", "invocation/next", "").await, 403);
    assert!(played.api.dispatch.next().now_or_never().is_some());
}

#[tokio::test]
async fn an_event_that_was_not_written_goes_back_and_one_that_was_is_in_flight() {
    let api = Played::start().await.api;
    let _outcome = api.dispatch.submit("[1]".into());
    for number in 0..2 {
        let handed = api.next().now_or_never().flatten().unwrap();
        let mut body = EventBody::new(handed, Arc::clone(&api), number, Instant::now());
        if number == 1 {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "[1]");
        }
        drop(body);
        assert_eq!(api.in_flight().is_known(number), number == 1);
    }
    assert!(api.dispatch.next().now_or_never().is_none());
}

#[tokio::test]
async fn a_process_has_no_more_events_at_once_than_fit_into_its_memory() {
    let played = Played::start().await;
    let large = Bytes::from(vec![b'1'; FunctionSettings::new("played", "").event_bytes() / 2 + 1]);
    let (_first, second) = (played.api.dispatch.submit(large.clone()), played.api.dispatch.submit(large));
    let id = played.next("11").await;
    let mut waiting = Box::pin(played.next("11"));
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err());
    assert_eq!(played.status("POST", &format!("invocation/{id}/response"), "[2]").await, 202);
    let id = waiting.await;
    assert_eq!(played.status("POST", &format!("invocation/{id}/response"), "[2]").await, 202);
    assert_eq!(second.await.unwrap(), Ok("[2]".into()));
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_for_room_is_let_go_and_the_process_gets_the_next() {
    let api = Played::start().await.api;
    let large = Bytes::from(vec![b'1'; FunctionSettings::new("played", "").event_bytes()]);
    let (_first, second) = (api.dispatch.submit(large.clone()), api.dispatch.submit(large));
    let (_, held) = api.next().await.unwrap();
    let mut next = Box::pin(api.next());
    assert!(tokio::time::timeout(Duration::from_mins(1), &mut next).await.is_err());
    assert!(second.await.is_err());
    drop(held);
    let _third = api.dispatch.submit("[3]".into());
    assert_eq!(next.await.unwrap().0.len(), 3);
}

#[tokio::test]
async fn the_first_next_and_an_error_of_the_start_are_noted() {
    let played = Played::start().await;
    assert_eq!(played.status("POST", "init/error", "no key").await, 202);
    assert_eq!((played.api.init_error(), played.api.is_ready()), (Some("no key"), false));
    let _outcome = played.api.dispatch.submit("[1]".into());
    played.next("[1]").await;
    assert!(played.api.ready().now_or_never().is_some());
}

#[tokio::test]
async fn there_are_four_routes() {
    let played = Played::start().await;
    for (method, path) in [
        ("POST", "invocation/next"),
        ("GET", "invocation/x/response"),
        ("POST", "invocation/x"),
        ("POST", "invocation/x/response/y"),
        ("POST", "invocation//response/"),
        ("GET", "restore/next"),
    ] {
        assert_eq!(played.status(method, path, "").await, 404, "{method} {path}");
    }
}
