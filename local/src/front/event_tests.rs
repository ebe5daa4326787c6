use http::{Method, Request};
use lambda_http::request::from_str;
use lambda_http::{Body, RequestExt};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use spillway_shared::json::strict;
use time::macros::datetime;

use super::*;

fn event_text(request: Request<&[u8]>) -> String {
    let (head, body) = request.into_parts();
    let received = Received {
        head: &head,
        body,
        source_ip: "127.0.0.1",
        address: "127.0.0.1:9000".parse().unwrap(),
        id: "id",
        now: datetime!(2026-11-21 18:39:00.123 UTC),
        kind: &Kind::HttpApi,
    };
    String::from_utf8(super::json(&received).unwrap()).unwrap()
}

fn event_of(request: Request<&[u8]>) -> Value {
    // Strictly: no header may appear twice.
    strict(event_text(request).as_bytes()).unwrap()
}

fn post(content_type: &str, body: &'static [u8]) -> Request<&'static [u8]> {
    Request::post("/v1/streams/clicks").header("content-type", content_type).body(body).unwrap()
}

#[test]
fn an_event_has_the_members_that_api_gateway_writes() {
    let request = Request::post("/v1/streams/cl%69cks?b=2&a=1&b=%33")
        .header("Host", "no host at all")
        .header("X-Write-Key", "k")
        .header("x-many", "1")
        .header("x-many", "2")
        .header("cookie", "a=1; b=2")
        .header("cookie", "c=3")
        .header("content-type", "application/json")
        .header("user-agent", "curl")
        .header("x-forwarded-for", "1.2.3.4")
        .header("x-forwarded-proto", "gopher")
        .header("transfer-encoding", "chunked")
        .body(&b"{\"a\":\"\xc3\xbc\"}"[..])
        .unwrap();
    let expected = json!({
        "version": "2.0",
        "routeKey": "ANY /v1/streams/{proxy+}",
        "rawPath": "/v1/streams/clicks",
        "rawQueryString": "b=2&a=1&b=%33",
        "cookies": ["a=1", "b=2", "c=3"],
        "headers": {
            "x-write-key": "k", "x-many": "1,2", "content-type": "application/json", "user-agent": "curl",
            "content-length": "10", "host": "127.0.0.1:9000",
            "x-forwarded-for": "127.0.0.1", "x-forwarded-port": "9000", "x-forwarded-proto": "http"
        },
        "queryStringParameters": {"a": "1", "b": "2,3"},
        "pathParameters": {"proxy": "clicks"},
        "requestContext": {
            "accountId": "000000000000", "apiId": "local", "domainName": "127.0.0.1", "domainPrefix": "local",
            "http": {
                "method": "POST", "path": "/v1/streams/clicks", "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1", "userAgent": "curl"
            },
            "requestId": "id", "routeKey": "ANY /v1/streams/{proxy+}", "stage": "$default",
            "time": "21/Nov/2026:18:39:00 +0000", "timeEpoch": 1_795_286_340_123_i64
        },
        "body": "{\"a\":\"ü\"}",
        "isBase64Encoded": false
    });
    assert_eq!(event_of(request), expected);
}

#[test]
fn textual_content_types_stay_text_and_others_become_base64() {
    for content_type in
        ["text/plain", "Text/CSV", "application/json; charset=utf-8", "APPLICATION/JSON", "application/xml"]
    {
        assert_eq!(event_of(post(content_type, b"{}"))["body"], "{}", "{content_type}");
    }
    for content_type in
        ["application/x-ndjson", "application/x-www-form-urlencoded", "image/png", "", "application/jsonx"]
    {
        let event = event_of(post(content_type, b"{}"));
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("e30="), &json!(true)), "{content_type}");
    }
}

#[test]
fn encoded_and_non_utf8_bodies_become_base64() {
    let mut encoded = post("application/json", b"{}");
    encoded.headers_mut().insert("content-encoding", "identity".parse().unwrap());
    assert_eq!(event_of(encoded)["body"], "e30=");
    assert_eq!(event_of(post("text/plain", b"\xff"))["body"], "/w==");
}

#[test]
fn an_empty_body_is_left_out() {
    let event = event_of(post("image/png", b""));
    assert_eq!((event.get("body"), &event["isBase64Encoded"]), (None, &json!(false)));
}

#[test]
fn non_ascii_header_values_are_kept() {
    let request =
        Request::get("/").header("x-utf8", "ü".as_bytes()).header("x-latin1", &b"\xfc\x80"[..]).body(&b""[..]).unwrap();
    let event = event_of(request);
    assert_eq!((&event["headers"]["x-utf8"], &event["headers"]["x-latin1"]), (&json!("ü"), &json!("ü\u{80}")));
}

/// Any target that hyper accepts, mostly unusual ones.
fn target() -> impl Strategy<Value = String> {
    let odd = prop_oneof![
        Just("%00"),
        Just("%2f"),
        Just("%3f"),
        Just("%23"),
        Just("%"),
        Just("%ff"),
        Just("%0d%0a"),
        Just("/.."),
        Just("//"),
        Just("\\"),
        Just("[::1]:99999"),
        Just("?"),
        Just("#"),
        Just("@"),
        Just("%5b"),
        Just("ü"),
        Just("|^`{}"),
        Just("&a=%zz"),
        Just("+"),
        Just(":"),
        Just("%e2%80%a8"),
        Just("\"")
    ];
    let piece = prop_oneof![odd.prop_map(str::to_owned), "[ -~]{0,5}", "\\PC{0,3}"];
    let path = vec(piece, 0..8).prop_map(|pieces| format!("/{}", pieces.concat()));
    prop_oneof![path, Just("*".to_owned()), Just("http://[::1]:1/x?y".to_owned()), Just("a:1".to_owned())]
}

fn header_pair() -> impl Strategy<Value = (String, Vec<u8>)> {
    let known = prop_oneof![
        Just("host"),
        Just("cookie"),
        Just("content-type"),
        Just("content-encoding"),
        Just("x-forwarded-proto"),
        Just("x-forwarded-port"),
        Just("x-forwarded-for"),
        Just("content-length"),
        Just("user-agent"),
        Just("forwarded")
    ];
    let name = prop_oneof![known.prop_map(str::to_owned), "[!#$%&'*+.^_`|~0-9a-z-]{1,12}"];
    let value = prop_oneof![vec(any::<u8>(), 0..12), "[ -~]{0,12}".prop_map(String::into_bytes)];
    (name, value)
}

fn request() -> impl Strategy<Value = Option<Request<Vec<u8>>>> {
    let method = prop_oneof![Just("GET".to_owned()), Just("POST".to_owned()), "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}"];
    let body = prop_oneof![vec(any::<u8>(), 0..64), "\\PC{0,32}".prop_map(String::into_bytes)];
    (method, target(), vec(header_pair(), 0..8), body).prop_map(|(method, target, headers, body)| {
        let mut request = Request::builder().method(method.as_str()).uri(target).body(body).ok()?;
        for (name, value) in headers {
            // Invalid headers are skipped.
            if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), http::HeaderValue::from_bytes(&value)) {
                request.headers_mut().append(name, value);
            }
        }
        Some(request)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn lambda_http_reads_every_request_that_hyper_accepts(request in request()) {
        let Some(request) = request else { return Ok(()) };
        let (head, body) = request.into_parts();
        let text = event_text(Request::from_parts(head.clone(), &body));
        prop_assert!(strict(text.as_bytes()).is_ok());
        let read = from_str(&text).unwrap();
        let path = path::decoded(&head.uri);
        prop_assert_eq!(read.method(), &head.method);
        prop_assert_eq!(read.raw_http_path(), &*path);
        let read_body = match read.body() { Body::Text(text) => text.as_bytes(), Body::Binary(bytes) => bytes, _ => b"" };
        prop_assert_eq!(read_body, body);
        for name in head.headers.keys().filter(|name| name.as_str().starts_with("x-a")) {
            let value = joined(&head.headers, name);
            prop_assert_eq!(read.headers()[name].as_bytes(), value.as_bytes());
        }
    }
}

#[test]
fn unknown_methods_are_kept() {
    let request = Request::builder().method(Method::from_bytes(b"BREW").unwrap()).uri("/").body(&b""[..]).unwrap();
    assert_eq!(event_of(request)["requestContext"]["http"]["method"], "BREW");
}
