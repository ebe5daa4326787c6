//! What clients send stays between them and the objects: a full run prints none of it, and no answer repeats it.
//!
//! Everything that is sent here carries a marker, in good documents and in every odd one. The real command runs in a
//! process of its own, and all that it printed is searched.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "privacy/faults.rs"]
mod faults;

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use spillway_local::event_source::connect;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::time::{sleep, timeout};

/// In every key, value, user agent, idempotency key, path and message.
const MARKER: &str = "zqx";
/// The write key that is known.
const KEY: &str = "zqx-good-key";
/// Where clients are: an address of this machine that nothing else uses.
const CLIENT: &str = "127.9.8.7:0";
const CLIENT_ADDRESS: &str = "127.9.8.7";
/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(20);

/// `spillway serve` on free ports, and all that it has printed so far.
struct Spillway {
    process: Child,
    printed: Arc<Mutex<String>>,
}

impl Spillway {
    fn start(data: &Path, log_level: &str, faults: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
        let free = "127.0.0.1:0";
        command.args(["serve", "--listen", free, "--admin", free, "--s3-listen", free, "--sqs-listen", free]);
        command.args(["--write-key", KEY, "--window", "100ms"]);
        // Without faults a message of a newer version is to be dead-lettered soon; with them, what was lost on its way is to
        // come back soon.
        command.args(if faults.is_empty() {
            ["--max-receive-count", "1"].as_slice()
        } else {
            &["--deliver-timeout", "1500ms", "--visibility-timeout", "10s"]
        });
        command.args(faults.iter().flat_map(|fault| ["--fault", fault]));
        command.arg("--data").arg(data).arg("--config").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../config"));
        command.env("MAX_BODY_BYTES", "65536").env("MAX_PAYLOADS", "50").env("COMPRESSION", "none");
        command.env("AWS_LAMBDA_LOG_LEVEL", log_level).env("LOG_LEVEL", log_level);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let printed = Arc::new(Mutex::new(String::new()));
        gather(process.stdout.take().unwrap(), &printed);
        gather(process.stderr.take().unwrap(), &printed);
        Self { process, printed }
    }

    fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// What the banner says after this word.
    async fn told(&self, word: &str) -> String {
        let find = || self.printed().lines().find_map(|line| Some(line.split_once(word)?.1.trim().to_owned()));
        until(word, async || find().is_some() && self.printed().contains("curl -i")).await;
        find().unwrap()
    }

    async fn address(&self) -> SocketAddr {
        let url = self.told("documents at http://").await;
        url.split_once('/').unwrap().0.parse().unwrap()
    }

    async fn status(&self) -> Value {
        self.admin("GET /status", "").await
    }

    async fn admin(&self, start: &str, body: &str) -> Value {
        let admin = self.told("status   http://").await.replace("/status", "").parse().unwrap();
        let answer = ask(admin, &request(start, &[], body.as_bytes())).await;
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1.trim()).unwrap()
    }

    /// Ends it in order; what it printed to the end.
    async fn end(mut self) -> String {
        let status = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.process.id())]).status().unwrap();
        assert!(status.success());
        until("it ends", async || self.process.try_wait().unwrap().is_some()).await;
        until("its last line", async || self.printed().contains("it holds")).await;
        self.printed()
    }
}

impl Drop for Spillway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn gather(from: impl Read + Send + 'static, printed: &Arc<Mutex<String>>) {
    let printed = Arc::clone(printed);
    thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            let mut printed = printed.lock().unwrap();
            printed.push_str(&String::from_utf8_lossy(&line));
            printed.push('\n');
        }
    });
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < PATIENCE, "never came: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Sends bytes from the client's address, and reads what comes back until the other side closes.
async fn ask(address: SocketAddr, request: &[u8]) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(CLIENT.parse().unwrap()).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    // A server may answer and close before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(
        ended.is_ok(),
        "no end: {} of {}",
        String::from_utf8_lossy(&answer),
        String::from_utf8_lossy(&request[..request.len().min(300)])
    );
    String::from_utf8_lossy(&answer).into_owned()
}

fn request(start: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let headers: String = headers.iter().flat_map(|header| [header, "\r\n"]).collect();
    let length = body.len();
    let head =
        format!("{start} HTTP/1.1\r\nHost: zqx-host\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

const GOOD_KEY: &str = "X-Write-Key: zqx-good-key";

/// A document with the good key and everything that a request can carry beside it.
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

/// Documents that are taken.
fn good() -> Vec<Vec<u8>> {
    vec![
        post("clicks", &["Idempotency-Key: zqx-idempotent"], br#"[{"secret":"zqx-value"},{"n":1,"s":"zqx"}]"#),
        post("clicks", &[], br#"{"context":{"user":"zqx-context"},"payloads":[{"secret":"zqx"}]}"#),
        post("clicks", &["Content-Type: application/x-ndjson"], b"{\"a\":\"zqx\"}\nbroken zqx\n{\"b\":\"zqx\"}\n"),
        request("POST /v1/streams/clicks?write_key=zqx-good-key", &[], br#"[{"secret":"zqx-value"}]"#),
    ]
}

/// Requests that are refused, whole or in part.
fn odd() -> Vec<Vec<u8>> {
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

/// What is no HTTP at all, or breaks off; there may be no answer.
fn broken() -> Vec<Vec<u8>> {
    vec![
        b"zqx zqx zqx\r\n\r\n".to_vec(),
        b"POST /zqx HTTP/9.9\r\nX-Write-Key: zqx\r\n\r\n".to_vec(),
        b"POST /v1/streams/clicks HTTP/1.1\r\nHost: zqx\r\nzqx no colon\r\n\r\n".to_vec(),
        b"POST /v1/streams/clicks HTTP/1.1\r\nHost: x\r\nContent-Length: zqx\r\n\r\n".to_vec(),
        b"POST /v1/streams/clicks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzqx\r\n".to_vec(),
    ]
}

/// Messages put straight on the queue that cannot be read.
fn messages() -> Vec<String> {
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
        "{\"v\":2,\"zqx\":\"zqx\"}\nzqx".to_owned(),
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

fn assert_silent(what: &str, text: &str) {
    for line in text.lines().filter(|line| !line.contains("curl -i")) {
        assert!(!line.to_ascii_lowercase().contains(MARKER) && !line.contains(CLIENT_ADDRESS), "{what}: {line}");
    }
}

async fn full_run(log_level: &str) {
    let data = tempfile::tempdir().unwrap();
    let spillway = Spillway::start(data.path(), log_level, &[]);
    let address = spillway.address().await;
    for request in good() {
        let answer = ask(address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_silent("an answer", &answer);
    }
    for request in odd() {
        let answer = ask(address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{}", String::from_utf8_lossy(&request));
        assert_silent("an answer", &answer);
    }
    for request in broken() {
        assert_silent("an answer", &ask(address, &request).await);
    }
    let queue_url = spillway.told("  SQS      ").await;
    let client = connect(queue_url.rsplitn(3, '/').last().unwrap(), "us-east-1", "local");
    let messages = messages();
    for body in &messages {
        client.send_message().queue_url(&queue_url).message_body(body).send().await.unwrap();
    }
    let all_are_settled = async || {
        let status = spillway.status().await;
        let count = |name: &str| status[name].as_u64().unwrap();
        count("quarantined") == messages.len() as u64 - 1 && count("dead_lettered") == 1 && count("stored") >= 6
    };
    until("all messages are settled", all_are_settled).await;
    assert_silent("the status", &spillway.status().await.to_string());
    let printed = spillway.end().await;
    assert!(printed.contains("curl -i") && printed.contains("quarantined"), "{printed}");
    assert_silent("what it printed", &printed);
}

#[tokio::test]
async fn nothing_that_clients_sent_is_printed_or_repeated() {
    full_run("INFO").await;
}

#[tokio::test]
async fn not_even_at_the_most_talkative_level() {
    full_run("TRACE").await;
}

#[tokio::test]
async fn a_key_that_stands_where_its_digest_should_is_not_printed() {
    let config = tempfile::tempdir().unwrap();
    std::fs::create_dir(config.path().join("streams")).unwrap();
    let keys = r#"{"keys": [{"name": "a", "sha256": "zqx-in-the-file"}]}"#;
    std::fs::write(config.path().join("keys.json"), keys).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    command.args(["serve", "--write-key", KEY, "--data"]).arg(config.path().join("data"));
    command.arg("--config").arg(config.path()).env("WRITE_KEYS", "b=zqx-in-the-variable,zqx,c=zqx:clicks");
    for listen in ["--listen", "--admin", "--s3-listen", "--sqs-listen"] {
        command.args([listen, "127.0.0.1:0"]);
    }
    let output = timeout(PATIENCE, tokio::process::Command::from(command).kill_on_drop(true).output()).await;
    let output = output.unwrap().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(!output.status.success() && printed.contains("WRITE_KEYS") && printed.contains("keys.json"), "{printed}");
    assert_silent("what it printed", &printed);
}
