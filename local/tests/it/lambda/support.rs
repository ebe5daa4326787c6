//! The settings of the test function, a plain HTTP client, processes, and waiting for a condition.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use spillway_local::front::{Front, FrontSettings};
use spillway_local::invoke::{Invoke, InvokeError};
use spillway_local::runtime::{Function, FunctionSettings};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// Settings of the function in `function.rs`.
pub(crate) fn settings() -> FunctionSettings {
    let mut settings = FunctionSettings::new("echo", std::env::current_exe().unwrap());
    settings.args = arguments("lambda::function::be_the_function").map(str::to_owned).into();
    settings.timeout = Duration::from_secs(20);
    settings
}

/// Arguments with which this program runs one of its ignored tests.
pub(crate) fn arguments(test: &str) -> [&str; 5] {
    [test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]
}

pub(crate) async fn start(settings: FunctionSettings) -> Function {
    Function::start(settings).await.unwrap()
}

/// The function behind a front.
pub(crate) async fn fronted(settings: FunctionSettings) -> (Function, Front) {
    let function = start(settings).await;
    let front = Front::start(front_settings(), Arc::new(function.clone())).await.unwrap();
    (function, front)
}

pub(crate) fn front_settings() -> FrontSettings {
    FrontSettings::new("127.0.0.1:0".parse().unwrap())
}

pub(crate) async fn order(function: &Function, what: &str) -> Result<Value, InvokeError> {
    invoke(function, json!({ "do": what })).await
}

/// Hangs after it has left a mark.
pub(crate) async fn hang(function: &Function, marks: &Marks) -> Result<Value, InvokeError> {
    invoke(function, json!({ "do": "hang", "mark": marks.path() })).await
}

async fn invoke(function: &Function, event: Value) -> Result<Value, InvokeError> {
    let event = event.to_string();
    function.invoke(event.into()).await.map(|output| serde_json::from_slice(&output).unwrap())
}

/// A file in which hanging invocations leave marks, so that a test sees how many have started.
pub(crate) struct Marks(NamedTempFile);

impl Marks {
    pub(crate) fn new() -> Self {
        Self(NamedTempFile::new().unwrap())
    }

    pub(crate) fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    pub(crate) async fn reach(&self, count: u64) {
        until("invocations have started", || self.0.as_file().metadata().unwrap().len() >= count).await;
    }
}

/// A response: its status, head and body.
#[derive(Debug)]
pub(crate) struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }
}

/// Sends raw bytes on a new connection, and reads until the server closes it.
pub(crate) async fn send(address: SocketAddr, request: impl AsRef<[u8]>) -> Reply {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_ref()).await.unwrap();
    read(connection).await
}

pub(crate) async fn read(mut connection: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    // The server may reset the connection after its response.
    let _ = connection.read_to_end(&mut bytes).await;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an HTTP response");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head, body: bytes.split_off(end + 4).into() }
}

/// A POST after which the server closes the connection.
pub(crate) fn post(headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut request = format!(
        "POST /v1/streams/clicks HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// Whether a process runs; a zombie does not.
pub(crate) fn runs(pid: u32) -> bool {
    state(pid).is_some_and(|state| state != 'Z')
}

/// Whether a process is stopped by SIGSTOP.
pub(crate) fn is_stopped(pid: u32) -> bool {
    state(pid) == Some('T')
}

/// The state of a process in `/proc/<pid>/stat`, after the name in parentheses.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Kills a process with SIGKILL.
pub(crate) fn kill(pid: u32) {
    assert!(Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).status().unwrap().success());
}

/// Waits until a condition holds, for at most 10 s.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "timed out waiting until {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
