//! Invalid input: every line of the status table, and every kind of invalid document, gets its status and detail, and valid
//! payloads of the same document are accepted.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use spillway_local::client::{Document, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::harness::{KEY, Run, json};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn clicks(body: impl Into<Vec<u8>>) -> Document {
    Document::new("clicks", KEY, body.into())
}

fn encoded(encoding: &str, body: impl Into<Vec<u8>>) -> Document {
    clicks(body).header("content-encoding", encoding)
}

fn lines(body: impl Into<Vec<u8>>) -> Document {
    clicks(body).header("content-type", "application/x-ndjson")
}

/// The answer in one line.
fn told(answer: &Response) -> String {
    let body = json(answer);
    let status = answer.status.as_u16();
    match body.get("rejections").and_then(Value::as_array) {
        Some(rejections) => {
            let reasons: Vec<_> = rejections.iter().map(|listed| listed["reason"].as_str().unwrap()).collect();
            format!("{status} {} accepted, {}", body["accepted"], reasons.join(" "))
        }
        None => format!("{status} {}", body["detail"].as_str().or(body["message"].as_str()).unwrap()),
    }
}

#[tokio::test]
async fn every_invalid_document_gets_its_status_and_detail() {
    let run = Run::start(|_| ()).await;
    let cut_off = "400 the compressed body is cut off, or other bytes follow it";
    let not_what_it_says = "400 the body does not match Content-Encoding, or other bytes follow it";
    let too_large = "413 the document has more than 10485760 bytes after decoding";
    let cases: Vec<(Document, &str)> = vec![
        (clicks(""), "400 the body is empty"),
        (clicks(" \r\n"), "400 the body is empty"),
        (lines("\n\n"), "400 the body is empty"),
        (clicks("[]"), "200 0 accepted, "),
        (clicks(r#"{"payloads":[]}"#), "200 0 accepted, "),
        (
            clicks("[1,null,{},\"s\",true,[]]"),
            "200 1 accepted, not_an_object not_an_object not_an_object not_an_object not_an_object",
        ),
        (clicks("[1]"), "400 0 accepted, not_an_object"),
        (clicks("7"), "400 the document must be an array or an object"),
        (clicks("[{}"), "400 EOF while parsing a list at line 1 column 3"),
        (clicks("[{},\n{\"a\":}]"), "400 expected value at line 2 column 6"),
        (clicks(b"[{\"a\":\"\xC3\x28\"}]"), "400 not UTF-8 after 7 bytes"),
        (
            clicks(b"[{\"a\":\"\x00\"}]"),
            "400 control character (\\u0000-\\u001F) found while parsing a string at line 1 column 7",
        ),
        (clicks(r#"{"payloads":{}}"#), "400 `payloads` must be an array"),
        (clicks(r#"{"payloads":[],"payloads":[]}"#), "400 `payloads` appears twice"),
        (clicks(format!("[{}{}]", "[".repeat(10_000), "]".repeat(10_000))), "400 0 accepted, not_an_object"),
        (clicks(format!("[{{}},{}1{}]", "{\"a\":".repeat(10_000), "}".repeat(10_000))), "200 1 accepted, too_deep"),
        (lines("{}\r\n{\n\n{\"a\":1e400}\r\n"), "200 2 accepted, unreadable"),
        (lines(b"{}\n\xFF\n{}"), "200 2 accepted, unreadable"),
        (encoded("gzip", &gzip(b"[{}]")[..20]), cut_off),
        (encoded("X-GZIP", gzip(b"[{}]")), "200 1 accepted, "),
        (clicks(gzip(b"[{}]")), "200 1 accepted, "),
        (clicks("[{}]").header("content-type", "application/reports+json"), "200 1 accepted, "),
        (
            clicks("{}\n{}").header("content-type", "application/json"),
            "400 trailing characters at line 2 column 1; send one object per line with Content-Type: application/x-ndjson",
        ),
        (encoded("gzip", "never compressed at all"), not_what_it_says),
        (encoded("gzip", [&gzip(b"[{}]")[..], b"more"].concat()), cut_off),
        (encoded("zstd", "never compressed at all"), not_what_it_says),
        (encoded("deflate", "never compressed at all"), not_what_it_says),
        (encoded("gzip", gzip(&vec![b' '; 200 << 20])), too_large),
        (encoded("br", "x"), "415 unsupported content encoding: send one of gzip, zstd, deflate and identity"),
        (encoded("gzip, gzip", "x"), "415 unsupported content encoding: send one of gzip, zstd, deflate and identity"),
        (
            encoded("gzip", "x").header("content-encoding", "gzip"),
            "415 unsupported content encoding: send one of gzip, zstd, deflate and identity",
        ),
        (
            clicks("{}").header("content-type", "application/xml"),
            "415 unsupported content type: send application/json, or application/x-ndjson with one object per line",
        ),
        (clicks(format!("[{}{{}}]", "{},".repeat(200_000))), "413 the document has more than 200000 payloads"),
        (
            clicks(format!("{{\"a\":\"{}\",\"payloads\":[{{}}]}}", "x".repeat(8_192))),
            "413 the context, the members next to `payloads`, has more than 8192 bytes",
        ),
        (clicks("{}").header("idempotency-key", &"k".repeat(256)), "400 Idempotency-Key has more than 255 bytes"),
        (clicks(vec![b' '; 6_291_457]), "413 Request Entity Too Large"),
        (
            Document::new("nowhere", KEY, "{}"),
            "403 this write key may not write to this stream; use a key that lists it",
        ),
        (
            Document::new("clicks/v1/batch", KEY, "{}"),
            "404 this stream accepts no presets: post to /v1/streams/{stream}, or list presets in its `accept`",
        ),
        (Document::new("..", KEY, "{}"), "404 no such path or stream; POST to /v1/streams/{stream}"),
        (Document::new("%2e%2e", KEY, "{}"), "404 no such path or stream; POST to /v1/streams/{stream}"),
        (Document::new("%00%FF", KEY, "{}"), "404 no such path or stream; POST to /v1/streams/{stream}"),
    ];
    for (document, expected) in cases {
        let start = String::from_utf8_lossy(&document.body[..document.body.len().min(60)]).into_owned();
        assert_eq!(told(&run.post(&document).await), expected, "{} {start}", document.path);
    }
    run.end().await;
}

#[tokio::test]
async fn a_key_grants_its_streams_in_every_place_of_a_request() {
    let run = Run::start(|settings| {
        let keys = format!("narrow={}:devices", spillway_shared::keys::digest(b"narrow-key"));
        settings.variables.insert("WRITE_KEYS".to_owned(), keys);
    })
    .await;
    let bare = |path: &str| Document { path: path.to_owned(), body: "{}".into(), ..Document::default() };
    for (document, status) in [
        (bare("/v1/streams/clicks"), 401),
        (bare("/v1/streams/nowhere"), 401),
        (bare("/v1/streams/clicks?write_key=wrong"), 401),
        (bare("/v1/streams/clicks?write_key=local"), 200),
        (bare("/v1/streams/clicks?write_key=local").header("authorization", "Bearer of-a-proxy"), 200),
        (bare("/v1/streams/clicks?write_key="), 401),
        (bare("/v1/streams/clicks").header("x-write-key", ""), 401),
        (bare("/v1/streams/clicks").header("authorization", "Bearer local"), 200),
        (bare("/v1/streams/clicks").header("authorization", "Basic bG9jYWw6"), 200),
        (Document::new("devices", "narrow-key", "{}"), 200),
        (Document::new("clicks", "narrow-key", "{}"), 403),
        (Document::new("nowhere", "narrow-key", "{}"), 403),
    ] {
        assert_eq!(run.post(&document).await.status, status, "{document:?}");
    }
    run.end().await;
}

/// Sends raw bytes and reads until the server closes; returns the first line of the answer.
async fn raw(run: &Run, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(run.pipeline.address()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn odd_requests_are_answered_and_other_clients_still_served() {
    let run = Run::start(|_| ()).await;
    let request = |line: &str, headers: &str| {
        format!(
            "{line}\r\nHost: x\r\nConnection: close\r\nX-Write-Key: local\r\n{headers}Content-Length: 2\r\n\r\n{{}}"
        )
        .into_bytes()
    };
    let post = "POST /v1/streams/clicks HTTP/1.1";
    let mut latin = request(post, "X-Latin: ");
    let end = latin.windows(9).position(|window| window == b"X-Latin: ").unwrap() + 9;
    latin.splice(end..end, *b"\xE9\xFF\r\n");
    for (bytes, expected) in [
        (request(post, ""), "200"),
        (request(post, "!#$%&'*+-.^_`|~: odd name\r\n"), "200"),
        (request(post, "X-A: 1\r\nX-A: 2\r\nx-a: 3\r\n"), "200"),
        (request(post, "Cookie: a=b; c=d\r\nCookie: e\r\n"), "200"),
        (request(post, "Content-Type: application/json;;;=\r\n"), "200"),
        (latin, "200"),
        (request("POST /v1/streams/clicks?a=%FF&b=%zz&&=&write_key HTTP/1.1", ""), "200"),
        (request("POST http://elsewhere/v1/streams/clicks HTTP/1.1", ""), "200"),
        (request("POST /v1/streams/clicks?write_key=local&r=\u{e9}|{} HTTP/1.1", ""), "200"),
        (request("POST /prod/v1/streams/clicks/ HTTP/1.1", ""), "200"),
        (request("OPTIONS /v1/streams/clicks HTTP/1.1", ""), "204"),
        (request("HEAD /health HTTP/1.1", ""), "200"),
        (request("GET /v1/streams/clicks HTTP/1.1", ""), "405"),
        (request("BREW /v1/streams/clicks HTTP/1.1", ""), "405"),
        (request("POST /v1/streams/clicks/../clicks HTTP/1.1", ""), "404"),
        (request("POST //v1//streams//clicks HTTP/1.1", ""), "404"),
        (request(post, &format!("X-Long: {}\r\n", "x".repeat(11_000))), "431"),
        (b"nonsense\r\n\r\n".to_vec(), "400"),
    ] {
        let answer = raw(&run, &bytes).await;
        assert_eq!(answer.split(' ').nth(1), Some(expected), "{answer} to {}", String::from_utf8_lossy(&bytes));
    }
    for host in ["", "[::1]:80", "a b", "x@y:z", "%%%"] {
        let bytes = format!(
            "{post}\r\nHost: {host}\r\nConnection: close\r\nX-Write-Key: local\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        let answer = raw(&run, bytes.as_bytes()).await;
        assert_eq!(answer.split(' ').nth(1), Some("200"), "{answer} to the host {host:?}");
    }
    assert_eq!(run.post(&clicks("{}")).await.status, 200);
    assert_eq!(run.pipeline.ingest().counts().failed, 0, "the function never failed");
    run.end().await;
}

#[tokio::test]
async fn health_needs_no_key_and_stores_nothing() {
    let run = Run::start(|_| ()).await;
    let answer = raw(&run, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!(answer, "HTTP/1.1 200 OK");
    assert_eq!(run.end().await.drained.ledger.accepted, 0);
}

#[tokio::test]
async fn errors_are_problem_documents_without_request_data() {
    let run = Run::start(|_| ()).await;
    let answer = run.post(&clicks("[{\"marker-7f3a\":1},{\"x\":\"marker-7f3a\"")).await;
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let problem = json(&answer);
    assert_eq!((&problem["type"], &problem["status"]), (&json!("urn:spillway:problem:unreadable"), &json!(400)));
    assert!(!String::from_utf8_lossy(&answer.body).contains("marker"));
    run.end().await;
}
