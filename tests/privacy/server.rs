//! `spillway serve` as a process, with everything that it prints, and a client that sends raw bytes.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::time::{sleep, timeout};

use super::{CLIENT, KEY, PATIENCE};

/// `spillway serve` on free ports, and its output so far.
pub(super) struct Spillway {
    process: Child,
    printed: Arc<Mutex<String>>,
}

impl Spillway {
    pub(super) fn start(data: &Path, log_level: &str, faults: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
        let free = "127.0.0.1:0";
        command.args(["serve", "--listen", free, "--admin", free, "--s3-listen", free, "--sqs-listen", free]);
        command.args(["--write-key", KEY, "--window", "100ms"]);
        // Without faults a message of a newer version must be dead-lettered soon; under faults messages must come back soon.
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

    /// The text after this word in the banner.
    pub(super) async fn told(&self, word: &str) -> String {
        let find = || self.printed().lines().find_map(|line| Some(line.split_once(word)?.1.trim().to_owned()));
        until(word, async || find().is_some() && self.printed().contains("curl -i")).await;
        find().unwrap()
    }

    pub(super) async fn address(&self) -> SocketAddr {
        let url = self.told("documents at http://").await;
        url.split_once('/').unwrap().0.parse().unwrap()
    }

    pub(super) async fn status(&self) -> Value {
        self.admin("GET /status", "").await
    }

    pub(super) async fn admin(&self, start: &str, body: &str) -> Value {
        let admin = self.told("status   http://").await.replace("/status", "").parse::<SocketAddr>().unwrap();
        let text = format!(
            "{start} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = ask(admin, text.as_bytes()).await;
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1.trim()).unwrap()
    }

    /// Ends the server with a signal; returns its whole output.
    pub(super) async fn end(mut self) -> String {
        let status = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.process.id())]).status().unwrap();
        assert!(status.success());
        until("it ends", async || self.process.try_wait().unwrap().is_some()).await;
        until("its last line", async || self.printed().contains("no record is lost")).await;
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

pub(super) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < PATIENCE, "timed out: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Sends bytes from the client's address, and reads until the server closes.
pub(super) async fn ask(address: SocketAddr, request: &[u8]) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(CLIENT.parse().unwrap()).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    // A server may answer and close before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(
        ended.is_ok(),
        "the server does not close: {} after {}",
        String::from_utf8_lossy(&answer),
        String::from_utf8_lossy(&request[..request.len().min(300)])
    );
    String::from_utf8_lossy(&answer).into_owned()
}
