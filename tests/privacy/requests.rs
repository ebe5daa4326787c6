//! Requests and messages with the marker: valid, invalid, and not HTTP at all.

pub(super) fn request(start: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let headers: String = headers.iter().flat_map(|header| [header, "\r\n"]).collect();
    let length = body.len();
    let head =
        format!("{start} HTTP/1.1\r\nHost: zqx-host\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

const GOOD_KEY: &str = "X-Write-Key: zqx-good-key";

/// A document with the good key and many other headers.
fn post(stream: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let common = [
        GOOD_KEY,
        "User-Agent: zqx-agent/1.0",
        "X-Forwarded-For: 127.9.8.7",
        "Cookie: session=zqx",
        "Referer: http://zqx.example/zqx",
    ];
    request(&format!("POST /v1/streams/{stream}?utm=zqx"), &[&common, headers].concat(), body)
}

/// Accepted documents.
pub(super) fn good() -> Vec<Vec<u8>> {
    vec![
        post("clicks", &["Idempotency-Key: zqx-idempotent"], br#"[{"secret":"zqx-value"},{"n":1,"s":"zqx"}]"#),
        post("clicks", &[], br#"{"context":{"user":"zqx-context"},"payloads":[{"secret":"zqx"}]}"#),
        post("clicks", &["Content-Type: application/x-ndjson"], b"{\"a\":\"zqx\"}\nbroken zqx\n{\"b\":\"zqx\"}\n"),
        request("POST /v1/streams/clicks?write_key=zqx-good-key", &[], br#"[{"secret":"zqx-value"}]"#),
    ]
}

/// Requests that are rejected, completely or in part.
pub(super) fn odd() -> Vec<Vec<u8>> {
    let deep = format!("[{{\"zqx\":{}\"zqx\"{}}}]", "[".repeat(200), "]".repeat(200));
    let large = format!("[{{\"secret\":\"{}\"}}]", "zqx".repeat(40_000));
    let many = format!("[{}]", vec!["{\"s\":\"zqx\"}"; 60].join(","));
    let header = format!("X-Long: {}", "zqx".repeat(5_000));
    let long_key = format!("Idempotency-Key: {}", "zqx".repeat(100));
    let mut requests = vec![
        post("clicks", &[], br#"{"secret":"zqx"#),
        post("clicks", &[], br#"["zqx",1,null,{"good":"zqx"}]"#),
        post("clicks", &[], br#""zqx""#),
        post("clicks", &[], b"zqx"),
        post("clicks", &[], b"\xff\xfe zqx"),
        post("clicks", &[], b""),
        post("clicks", &[], br#"{"payloads":"zqx"}"#),
        post("clicks", &[], br#"{"payloads":[{}],"payloads":["zqx"]}"#),
        post("clicks", &[], deep.as_bytes()),
        post("clicks", &[], large.as_bytes()),
        post("clicks", &[], many.as_bytes()),
        post("clicks", &[&header], b"[{}]"),
        post("clicks", &[&long_key], br#"[{"s":"zqx"}]"#),
        post("clicks", &["Idempotency-Key: zqx-\u{e4}"], br#"[{"s":"zqx"}]"#),
        post("clicks", &["Content-Type: zqx/zqx"], b"zqx"),
        post("clicks", &["Content-Type: zqx"], b"zqx"),
        post("clicks", &["Content-Encoding: gzip"], b"zqx is not gzip"),
        post("clicks", &["Content-Encoding: gzip"], b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03zqx zqx zqx"),
        post("clicks", &["Content-Encoding: zstd"], b"\x28\xb5\x2f\xfdzqx zqx zqx"),
        post("clicks", &["Content-Encoding: deflate"], b"zqx"),
        post("clicks", &["Content-Encoding: zqx"], b"zqx"),
        post("clicks", &[], b"\x1f\xef\xbf\xbdzqx"),
        post("clicks", &[], b"{\"zqx\":1}\n{\"zqx\":2}"),
        post("clicks", &["Content-Encoding: gzip, zqx"], b"zqx"),
        post("telemetry", &[], br#"[{"secret":"zqx"},{"event":{"zqx":"zqx"},"n":"zqx"}]"#),
        post("telemetry", &[], br#"[{"a":"zqx","a":"zqx"},{"event":1e999,"s":"zqx"},{"s":"\ud800zqx"}]"#),
        post("zqx-no-stream", &[], br#"[{"s":"zqx"}]"#),
        post("ZQX/zqx", &[], br#"[{"s":"zqx"}]"#),
        request("GET /v1/streams/clicks?write_key=zqx-good-key", &[], b""),
        request("GET /zqx?write_key=zqx-good-key", &[GOOD_KEY], b""),
        request("POST /health?zqx=zqx", &[], b"zqx"),
        request("POST /v1/streams/clicks?write_key=zqx%ff%00&write_key=zqx", &[], b"[{}]"),
    ];
    let wrong_keys = ["X-Write-Key: zqx-wrong", "Authorization: Bearer zqx-wrong", "Authorization: Basic enF4OnpxeA=="];
    let no_keys =
        ["Authorization: Basic zqx!", "Authorization: zqx", "Authorization: Bearer \u{e4}zqx", "X-Nothing: zqx"];
    for key in wrong_keys.iter().chain(&no_keys) {
        requests.push(request("POST /v1/streams/clicks", &[key], br#"[{"s":"zqx"}]"#));
    }
    requests
}

/// Invalid or truncated HTTP, which may get no answer.
pub(super) fn broken() -> Vec<Vec<u8>> {
    vec![
        b"zqx zqx zqx\r\n\r\n".to_vec(),
        b"POST /zqx HTTP/9.9\r\nX-Write-Key: zqx\r\n\r\n".to_vec(),
        b"POST /v1/streams/clicks HTTP/1.1\r\nHost: zqx\r\nzqx no colon\r\n\r\n".to_vec(),
        b"POST /v1/streams/clicks HTTP/1.1\r\nHost: x\r\nContent-Length: zqx\r\n\r\n".to_vec(),
        b"POST /v1/streams/clicks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzqx\r\n".to_vec(),
    ]
}

/// Undecodable messages, sent to the queue directly.
pub(super) fn messages() -> Vec<String> {
    let header = |id: &str, stream: &str, hour: &str, rest: &str| {
        format!("{{\"v\":1,\"id\":\"{id}\",\"stream\":\"{stream}\",\"hour\":\"{hour}\",{rest}}}\n{{\"s\":\"zqx\"}}\n")
    };
    let (id, hour) = ("00000000000000000000000000000007", "2026-11-21T18");
    let plain = "\"records\":1,\"bytes\":12,\"encoding\":\"none\"";
    vec![
        "zqx".to_owned(),
        "zqx\nzqx".to_owned(),
        "{\"zqx\":\"zqx\"}\nzqx".to_owned(),
        "{\"v\":\"zqx\"}\nzqx".to_owned(),
        "{\"v\":3,\"zqx\":\"zqx\"}\nzqx".to_owned(),
        header("zqx", "clicks", hour, plain),
        header(id, "../zqx", hour, plain),
        header(id, "clicks", "zqx", plain),
        header(id, "clicks", hour, "\"records\":1,\"bytes\":12,\"encoding\":\"zqx\""),
        header(id, "clicks", hour, "\"records\":1,\"bytes\":12,\"encoding\":\"none\",\"zqx\":\"zqx\""),
        header(id, "clicks", hour, "\"records\":\"zqx\",\"bytes\":12,\"encoding\":\"none\""),
        header(id, "clicks", hour, "\"records\":1,\"bytes\":11,\"encoding\":\"none\""),
        header(id, "clicks", hour, "\"records\":1,\"bytes\":12,\"encoding\":\"zstd+base64\""),
    ]
}
