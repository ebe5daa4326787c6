//! Request smuggling: ambiguous requests with another request hidden behind them.

use futures::future::join_all;

use super::raw::exchange;
use super::target::Target;

const BODY: &str = r#"[{"n":1}]"#;

/// A document with these headers after the key, and `rest` after the head.
fn post(headers: &str, rest: &str) -> Vec<u8> {
    posted("POST /v1/streams/clicks HTTP/1.1", headers, rest)
}

fn posted(line: &str, headers: &str, rest: &str) -> Vec<u8> {
    format!("{line}\r\nhost: x\r\nx-write-key: local\r\n{headers}\r\n{rest}").into_bytes()
}

/// A hidden request, which must never be executed.
fn hidden() -> String {
    let body = r#"[{"hidden":true}]"#;
    let length = body.len();
    let hidden = post(&format!("content-length: {length}\r\nconnection: close\r\n"), body);
    String::from_utf8(hidden).unwrap()
}

/// A body in chunks.
fn chunked(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

#[tokio::test]
async fn a_request_for_two_hosts_is_refused() {
    let mut target = Target::impatient().await;
    let length = BODY.len();
    for hosts in ["host: y\r\n", "host: x\r\n"] {
        let request = post(&format!("{hosts}content-length: {length}\r\nconnection: close\r\n"), BODY);
        let replies = exchange(target.address(), &request).await;
        assert_eq!(replies.iter().map(|reply| reply.status).collect::<Vec<_>>(), [400], "{hosts}");
    }
    target.assert_good_client_is_served().await;
    target.end().await;
}

/// Contradictory or ambiguous heads.
fn unclear_heads() -> Vec<Vec<u8>> {
    let (length, whole) = (BODY.len(), BODY.len() + hidden().len());
    let both = chunked(BODY) + &hidden();
    let plain = BODY.to_owned() + &hidden();
    let heads = [
        (format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n"), &both),
        (format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"), &both),
        (format!("Transfer-Encoding: chunked\r\nContent-Length : {length}\r\n"), &both),
        (format!("content-length: {length}\r\ncontent-length: {whole}\r\n"), &plain),
        (format!("content-length: {whole}\r\ncontent-length: {length}\r\n"), &plain),
        (format!("content-length: {length}\r\ncontent-length: {length}\r\n"), &plain),
        (format!("content-length: {length}, {length}\r\n"), &plain),
        (format!("content-length: -{length}\r\n"), &plain),
        (format!("content-length: +{length}\r\n"), &plain),
        (format!("content-length: {length}.0\r\n"), &plain),
        (format!("content-length: 0x{length:x}\r\n"), &plain),
        (format!("content-length : {length}\r\n"), &plain),
        (format!("content-length:\r\n {length}\r\n"), &plain),
        (format!("x: y\r\n content-length: {length}\r\n"), &plain),
        (format!("x: y\ncontent-length: {length}\r\n"), &plain),
        (format!("content-length: {length}\n"), &plain),
        (format!("x: y\rcontent-length: {length}\r\n"), &plain),
        (format!("x: a\0b\r\ncontent-length: {length}\r\n"), &plain),
        (format!("x\0: y\r\ncontent-length: {length}\r\n"), &plain),
        ("content-length: 18446744073709551625\r\n".to_owned(), &plain),
        ("content-length:\r\n".to_owned(), &plain),
        ("transfer-encoding: xchunked\r\n".to_owned(), &both),
        ("transfer-encoding: chunkedx\r\n".to_owned(), &both),
        ("transfer-encoding: identity\r\n".to_owned(), &both),
        ("transfer-encoding: gzip, chunked\r\n".to_owned(), &both),
        ("transfer-encoding: chunked, identity\r\n".to_owned(), &both),
        ("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n".to_owned(), &both),
        ("transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n".to_owned(), &both),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n".to_owned(), &both),
        ("transfer-encoding: \u{b}chunked\r\n".to_owned(), &both),
        ("transfer-encoding : chunked\r\n".to_owned(), &both),
        ("transfer-encoding:\r\n\tchunked\r\n".to_owned(), &both),
        ("transfer-encoding\r\n: chunked\r\n".to_owned(), &both),
    ];
    heads.iter().map(|(headers, rest)| post(headers, rest)).collect()
}

/// Chunked bodies of ambiguous length.
fn unclear_chunks() -> Vec<Vec<u8>> {
    let length = BODY.len();
    let chunks = [
        format!("FFFFFFFFFFFFFFFFF\r\n{BODY}\r\n0\r\n\r\n"),
        format!("1000000000000000{length:x}\r\n{BODY}\r\n0\r\n\r\n"),
        format!("-{length:x}\r\n{BODY}\r\n0\r\n\r\n"),
        format!("+{length:x}\r\n{BODY}\r\n0\r\n\r\n"),
        format!("0x{length:x}\r\n{BODY}\r\n0\r\n\r\n"),
        format!("{length:x} 1\r\n{BODY}\r\n0\r\n\r\n"),
        format!("{length:x}\n{BODY}\r\n0\r\n\r\n"),
        format!("{length:x};x\n{BODY}\r\n0\r\n\r\n"),
        format!("{length:x}\r\n{BODY}xx0\r\n\r\n"),
        format!("{length:x}\r\n{BODY}\r\n\r\n0\r\n\r\n"),
        format!("\r\n{BODY}\r\n0\r\n\r\n"),
        format!("{length:x}\r\n{BODY}\r\n0\n\n"),
    ];
    chunks.iter().map(|chunks| post("transfer-encoding: chunked\r\n", &(chunks.clone() + &hidden()))).collect()
}

/// Invalid request lines, and a version without chunks.
fn unclear_lines() -> Vec<Vec<u8>> {
    let length = format!("content-length: {}\r\n", BODY.len());
    let plain = BODY.to_owned() + &hidden();
    vec![
        posted("POST /v1/streams/clicks HTTP/1.0", "transfer-encoding: chunked\r\n", &(chunked(BODY) + &hidden())),
        posted("POST /v1/streams/clicks HTTP/1.1\r\n x: y", &length, &plain),
        posted("POST /v1/streams/clicks\0 HTTP/1.1", &length, &plain),
        posted("POST /v1/streams/clicks HTTP/1.1 HTTP/1.1", &length, &plain),
        posted("POST /v1/streams/clicks", &length, &plain),
        posted("POST\t/v1/streams/clicks\tHTTP/1.1", &length, &plain),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_requests_get_one_400_and_the_connection_is_closed() {
    let target = Target::impatient().await;
    let requests = [unclear_heads(), unclear_chunks(), unclear_lines()].concat();
    let exchanges = requests.iter().map(|request| async {
        let text = String::from_utf8_lossy(request).into_owned();
        let replies = exchange(target.address(), request).await;
        let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
        assert_eq!(statuses, [400], "{text:?}: {replies:?}");
    });
    join_all(exchanges).await;
    target.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_but_unambiguous_requests_are_accepted_once() {
    let mut target = Target::impatient().await;
    let length = format!("content-length: {}\r\n", BODY.len());
    let in_a_string = format!("[{}]", serde_json::json!({ "n": hidden() }));
    let long = format!("content-length: {}\r\n", in_a_string.len());
    let chunks = format!("{:X};name=value\r\n{BODY}\r\n000\r\nx-trailer: y\r\n\r\n", BODY.len());
    let requests = [
        posted("POST http://elsewhere.example/v1/streams/clicks HTTP/1.1", &length, BODY),
        posted("POST /v1/streams/clicks HTTP/1.0", &length, BODY),
        [b"\r\n\r\n".to_vec(), post(&length, BODY)].concat(),
        post(&long, &in_a_string),
        post("Transfer-Encoding: CHUNKED\r\n", &chunked(BODY)),
        post("transfer-encoding: chunked\r\n", &chunks),
    ];
    for request in requests {
        let replies = exchange(target.address(), &request).await;
        let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
        assert_eq!(statuses, [200], "{:?}: {replies:?}", String::from_utf8_lossy(&request));
        target.note(&replies[0]);
    }
    target.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_inside_a_body_is_not_executed() {
    let target = Target::impatient().await;
    let length = format!("content-length: {}\r\n", hidden().len());
    for (request, status) in [
        (post(&length, &hidden()), 400),
        (post("transfer-encoding: chunked\r\n", &chunked(&hidden())), 400),
        (posted("POST /nowhere HTTP/1.1", &length, &hidden()), 404),
        (posted("GET /health HTTP/1.1", &length, &hidden()), 200),
        (posted("OPTIONS * HTTP/1.1", &length, &hidden()), 404),
    ] {
        let replies = exchange(target.address(), &request).await;
        let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
        assert_eq!(statuses, [status], "{:?}: {replies:?}", String::from_utf8_lossy(&request));
    }
    target.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_order() {
    let mut target = Target::impatient().await;
    let length = format!("content-length: {}\r\n", BODY.len());
    let requests = [post(&length, BODY), post("transfer-encoding: chunked\r\n", &chunked(BODY)), post(&length, BODY)];
    let replies = exchange(target.address(), &requests.concat()).await;
    assert_eq!(replies.len(), 3);
    for reply in &replies {
        assert_eq!(reply.status, 200, "{reply:?}");
        target.note(reply);
    }
    target.end().await;
}
