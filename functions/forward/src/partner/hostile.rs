//! Partners that break HTTP, never finish, or are where they must not be.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::*;
use crate::testing::destination as at;

const LIMIT: Duration = Duration::from_millis(500);

/// A server that treats every connection by `serve`, once it has read the beginning of a request; returns its port.
async fn server<F: Future<Output = ()> + Send>(serve: impl Fn(TcpStream) -> F + Send + Sync + Copy + 'static) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = socket.read(&mut [0; 1_024]).await;
                serve(socket).await;
            });
        }
    });
    port
}

/// What the partner answered, or why it failed.
async fn post_to(partner: &Partner) -> Result<Answer, String> {
    let credentials = Arc::new(Credentials { headers: HeaderMap::new(), keys: None });
    let post = Post { id: "a".to_owned(), body: Bytes::from_static(b"{}\n"), credentials };
    match partner.post(&post, SystemTime::now()).await {
        Outcome::Done(answer) => Ok(answer),
        Outcome::Again(Failure(why, None)) => Err(why),
        other => panic!("{other:?}"),
    }
}

async fn post(url: &str) -> Result<Answer, String> {
    post_to(&Partner::new(&at(url, &json!({}))).unwrap()).await
}

async fn answer_and_wait(mut socket: TcpStream, text: &str) {
    let _ = socket.write_all(text.as_bytes()).await;
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn an_answer_that_never_ends_counts_by_its_status() {
    let started = Instant::now();
    let port = server(|socket| answer_and_wait(socket, "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nx")).await;
    assert_eq!(post(&format!("http://127.0.0.1:{port}/")).await, Ok(Answer::Accepted));
    let port = server(|socket| answer_and_wait(socket, "HTTP/1.1 400 No\r\ncontent-length: 99\r\n\r\nbad event")).await;
    assert_eq!(post(&format!("http://127.0.0.1:{port}/")).await, Ok(Answer::Refused(400, "bad event".to_owned())));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn only_the_beginning_of_an_endless_answer_is_read() {
    let port = server(|mut socket| async move {
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await;
        while socket.write_all(&[b'x'; 8 << 10]).await.is_ok() {}
    })
    .await;
    assert_eq!(post(&format!("http://127.0.0.1:{port}/")).await, Ok(Answer::Accepted));
}

#[tokio::test]
async fn resets_and_nonsense_are_failures_and_silence_has_no_end() {
    let port = server(|socket| answer_and_wait(socket, "HTTP/1.1 200 OK\r\n")).await;
    assert!(timeout(LIMIT, post(&format!("http://127.0.0.1:{port}/"))).await.is_err());
    let port = server(|socket| async { drop(socket) }).await;
    post(&format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    let port = server(|socket| answer_and_wait(socket, "what?\r\n\r\n")).await;
    post(&format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    let port = server(|socket| answer_and_wait(socket, "not TLS")).await;
    post(&format!("https://127.0.0.1:{port}/")).await.unwrap_err();
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused_when_connecting() {
    let port = server(|socket| answer_and_wait(socket, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let allowed = at(&format!("http://localhost:{port}/"), &json!({}));
    assert_eq!(post_to(&Partner::new(&allowed).unwrap()).await, Ok(Answer::Accepted));
    // As if `localhost` were a partner's name, which the check of the file cannot know.
    let refused = Destination { allow_private: false, ..allowed };
    let why = post_to(&Partner::new(&refused).unwrap()).await.unwrap_err();
    assert!(why.contains("no public address"), "{why}");
}
