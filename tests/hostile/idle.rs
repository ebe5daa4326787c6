//! Idle connections, as many as the operating system allows.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use spillway_local::client::{Client, Document};
use spillway_local::front::ClientTimeouts;
use spillway_local::loopback::{file_limit, raise_file_limit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::raw::PATIENCE;
use super::target::Target;
use crate::support::harness::KEY;

/// Idle connections.
const IDLE: usize = 10_000;
/// Other open files of a process.
const OTHER_FILES: usize = 500;
/// Concurrent connection attempts, limited by the listener's backlog.
const AT_ONCE: usize = 200;

/// `spillway serve` as a process, so that the two ends of a connection count towards different file limits.
pub(super) struct Serving {
    child: Child,
    pub(super) address: SocketAddr,
    pub(super) data: tempfile::TempDir,
}

impl Serving {
    /// Starts it under a file limit that a command of the shell sets, with more arguments.
    pub(super) fn start(limit: &str, more: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let free = ["--listen", "--admin", "--s3-listen", "--sqs-listen"].map(|flag| [flag, "127.0.0.1:0"]).concat();
        let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../config");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{limit}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_spillway")]);
        command
            .arg("serve")
            .args(free)
            .args(["--config", config, "--write-key", KEY, "--data"])
            .arg(data.path())
            .args(more);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            let address = line.split_once("documents at http://")?.1.split_once('/')?.0;
            Some(address.parse().unwrap())
        });
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.unwrap(), data }
    }

    async fn post(&self) -> u16 {
        let posting = async { Client::connect(self.address).await?.post(&Document::new("clicks", KEY, "[{}]")).await };
        timeout(PATIENCE, posting).await.expect("an answer").unwrap().status.as_u16()
    }

    /// Waits until the server has accepted this many connections.
    async fn holds(&self, count: usize) {
        let (files, started) = (format!("/proc/{}/fd", self.child.id()), Instant::now());
        while std::fs::read_dir(&files).unwrap().count() < count {
            assert!(started.elapsed() < PATIENCE, "the server does not accept all connections");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks the server to end, and waits for it.
    pub(super) async fn end(&mut self) {
        let status = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status().unwrap();
        assert!(status.success());
        let started = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < PATIENCE, "the server does not end");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) async fn connect(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let connect = move |_| async move { timeout(PATIENCE, TcpStream::connect(address)).await.unwrap().unwrap() };
    stream::iter(0..count).map(connect).buffer_unordered(AT_ONCE).collect().await
}

/// Waits until the server has closed all connections; they received nothing but an answer of `/health`.
async fn assert_closed(connections: Vec<TcpStream>) {
    let all = async {
        for mut connection in connections {
            let mut bytes = Vec::new();
            let _ = connection.read_to_end(&mut bytes).await;
            assert!(
                bytes.is_empty() || bytes.ends_with(b"{\"status\":\"ok\"}"),
                "{:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    };
    timeout(PATIENCE, all).await.expect("the server closes all connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_block_no_client_and_close_with_the_server() {
    raise_file_limit();
    let files = file_limit();
    let count = IDLE.min(files.saturating_sub(OTHER_FILES));
    if count < IDLE {
        println!("only {count} idle connections: a process may open {files} files here");
    }
    // The usual soft limit of a shell; the server must raise it.
    let mut serving = Serving::start("ulimit -S -n 1024", &[]);
    assert_eq!(serving.post().await, 200);
    let mut idle = connect(serving.address, count).await;
    for _ in 0..20 {
        assert_eq!(serving.post().await, 200);
    }
    serving.holds(count).await;
    // Idle connections still work.
    for connection in idle.iter_mut().step_by(100) {
        connection.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        timeout(PATIENCE, connection.read_exact(&mut first)).await.expect("an answer").unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
    }
    serving.end().await;
    assert_closed(idle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_and_used_idle_connections_are_closed_after_the_timeout() {
    let timeouts = ClientTimeouts { head: Duration::from_millis(1_500), ..ClientTimeouts::default() };
    let mut target = Target::start(timeouts).await;
    let (unused, mut used) = (connect(target.address(), 300).await, connect(target.address(), 10).await);
    for connection in &mut used {
        connection.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    }
    target.assert_good_client_is_served().await;
    assert_closed(unused.into_iter().chain(used).collect()).await;
    target.end().await;
}
