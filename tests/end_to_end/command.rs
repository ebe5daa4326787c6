//! The command as a user runs it: its output, its exit and its processes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::harness::lines_in;

pub(crate) const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config");
const LONGEST: Duration = Duration::from_secs(30);

pub(crate) fn spillway(arguments: &[&str], data: &Path) -> Command {
    with_config(arguments, Path::new(CONFIG), data)
}

fn with_config(arguments: &[&str], config: &Path, data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    command.args(arguments).arg("--config").arg(config).arg("--data").arg(data);
    command
}

pub(crate) fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

/// A server on free ports whose banner has been read.
pub(crate) struct Server {
    child: Child,
    /// Its standard output; `None` once the test has closed it.
    printed: Option<BufReader<std::process::ChildStdout>>,
    pub(crate) banner: String,
}

impl Server {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(&[], data)
    }

    /// The same with more arguments.
    pub(crate) fn start_with(arguments: &[&str], data: &Path) -> Self {
        Self::start_in(Path::new(CONFIG), &[], arguments, data)
    }

    /// The same with another folder of streams and more variables.
    pub(crate) fn start_in(config: &Path, variables: &[(&str, &str)], arguments: &[&str], data: &Path) -> Self {
        let free = ["--listen", "--admin", "--s3-listen", "--sqs-listen"].map(|flag| [flag, "127.0.0.1:0"]).concat();
        let mut command = with_config(&[&["serve"], free.as_slice(), arguments].concat(), config, data);
        let mut child = command.envs(variables.iter().copied()).stdout(Stdio::piped()).spawn().unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, printed: Some(printed), banner: String::new() };
        server.banner = server.read_until("curl -i");
        server
    }

    /// Reads lines until one contains `text`.
    pub(crate) fn read_until(&mut self, text: &str) -> String {
        let mut lines = String::new();
        while !lines.contains(text) {
            assert_ne!(self.printed.as_mut().unwrap().read_line(&mut lines).unwrap(), 0, "{lines}");
        }
        lines
    }

    pub(crate) fn word_after(&self, word: &str) -> String {
        self.banner.split_whitespace().skip_while(|next| *next != word).nth(1).unwrap().to_owned()
    }

    pub(crate) fn signal(&self, name: &str) {
        let line = format!("kill {name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }

    /// Waits for the exit; returns the code and the output after the banner.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.printed.as_mut().unwrap().read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

/// A test that fails leaves no server behind.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// Sends a request without an HTTP client and reads the whole answer.
pub(crate) fn send(address: &str, line: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head =
        format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n");
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) fn get(url: &str) -> Value {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let answer = send(address, &format!("GET /{path}"), "", "");
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Runs the line that the server printed, or sends the same request if curl is not installed.
fn run_curl(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    if output.status.code() != Some(127) {
        return text(&output.stdout);
    }
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let quoted: Vec<_> = line.split('\'').skip(1).step_by(2).collect();
    let [key, content_type, body] = quoted[..] else { panic!("{line}") };
    send(address, &format!("POST /{path}"), &format!("{key}\r\n{content_type}\r\n"), body)
}

fn children(pid: u32) -> Vec<u32> {
    let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of_thread = |thread: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(thread.unwrap().path().join("children")).unwrap_or_default()
    };
    let all = threads.map(of_thread).collect::<String>() + &listed;
    all.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + LONGEST;
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_printed_curl_line_works_and_a_signal_drains_the_pipeline() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let line = server.banner.lines().find(|line| line.contains("curl -i")).unwrap();
    let answer = run_curl(line);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let status = server.word_after("status");
    // Deliver deletes a message after storing its object, so a record is briefly both stored and in flight.
    wait_until("the payload is stored", || get(&status)["stored"] == 1);
    wait_until("its message is deleted", || get(&status)["in_flight"] == 0);
    let status = get(&status);
    assert_eq!((&status["ready"], &status["requests"], &status["accepted"]), (&true.into(), &1.into(), &1.into()));
    for count in ["rejected", "withheld", "quarantined", "dead_lettered", "queued", "in_flight"] {
        assert_eq!(status[count], 0, "{count}");
    }
    server.signal("-TERM");
    let (code, printed) = server.end();
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("no record is lost"), "{printed}");
}

#[test]
fn a_terminal_that_closes_drains_the_pipeline_too() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path());
    assert!(run_curl(server.banner.lines().find(|line| line.contains("curl -i")).unwrap()).contains("200 OK"));
    let status = server.word_after("status");
    assert_eq!(get(&status)["accepted"], 1);
    server.signal("-HUP");
    // Nobody reads its output any more.
    server.printed = None;
    assert_eq!(server.child.wait().unwrap().code(), Some(0), "the ledger adds up and nothing is queued");
    assert_eq!(lines_in(&data.path().join("spillway/records")).len(), 1);
}

#[test]
fn functions_do_not_outlive_a_killed_server() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let functions = children(server.child.id());
    assert_eq!(functions.len(), 4, "one ingest, two deliver, one compact");
    server.signal("-KILL");
    server.end();
    let gone = |pid: &u32| {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    };
    wait_until("the functions are gone", || functions.iter().all(gone));
}

#[test]
fn startup_reports_every_configuration_error_and_exits() {
    let data = tempfile::tempdir().unwrap();
    let mut command = spillway(&["serve", "--deliver-timeout", "2s"], data.path());
    let Output { status, stderr, .. } = command.env("CALL_TIMEOUT_MS", "1500").output().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(text(&stderr).contains("deliver: CALL_TIMEOUT_MS × CALL_TRIES"), "{}", text(&stderr));

    let broken = tempfile::tempdir().unwrap();
    std::fs::create_dir(broken.path().join("streams")).unwrap();
    std::fs::write(broken.path().join("streams/Bad.json"), "{}").unwrap();
    std::fs::write(broken.path().join("streams/odd.json"), "{\"stamps\":{}}").unwrap();
    let config = broken.path().to_str().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    command.args(["demo", "--config", config, "--data"]).arg(data.path()).env("MAX_PAYLOADS", "many");
    let Output { status, stderr, .. } = command.output().unwrap();
    assert_eq!(status.code(), Some(1));
    for fault in ["Bad.json", "odd.json", "stamps", "MAX_PAYLOADS"] {
        assert!(text(&stderr).contains(fault), "{fault} in {}", text(&stderr));
    }
}

#[test]
fn the_demo_shows_stored_records_and_its_ledger_adds_up() {
    let data = tempfile::tempdir().unwrap();
    let Output { status, stdout, stderr } = spillway(&["demo", "--documents", "100"], data.path()).output().unwrap();
    let (stdout, stderr) = (text(&stdout), text(&stderr));
    assert_eq!(status.code(), Some(0), "{stdout}{stderr}");
    // Of 100 documents 5 are truncated, and 5 have one payload that is not an object.
    assert!(
        stdout.contains("95 documents were accepted (945 payloads accepted, 5 rejected), 5 were rejected"),
        "{stdout}"
    );
    assert!(stdout.contains("demo/records/stream=telemetry/dt="), "{stdout}");
    assert_eq!(stdout.lines().filter(|line| line.starts_with("{\"id\":\"")).count(), 2, "{stdout}");
    assert!(stdout.contains("demo/lake/stream=telemetry/v=1/dt="), "{stdout}");
    // A record with context begins with that.
    let is_row = |line: &&str| line.starts_with("  {\"") && line.contains("\"id\":\"");
    assert_eq!(stdout.lines().filter(is_row).count(), 3, "{stdout}");
    assert!(stdout.contains("no record is lost"), "{stdout}");
}

#[test]
fn key_new_prints_the_key_and_its_entries() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    let output = command.args(["key", "new", "--name", "web", "--streams", "clicks,telemetry"]).output().unwrap();
    let printed = text(&output.stdout);
    let last = |start: &str| {
        printed.lines().find(|line| line.starts_with(start)).unwrap().split("  ").last().unwrap().trim().to_owned()
    };
    let digest = spillway_shared::keys::digest(last("key").as_bytes());
    assert_eq!(last("entry of WRITE_KEYS"), format!("web={digest}:clicks+telemetry"));
    let entry: Value = serde_json::from_str(&last("entry of keys.json")).unwrap();
    assert_eq!((&entry["name"], &entry["sha256"]), (&"web".into(), &digest.into()));
    let refused = Command::new(env!("CARGO_BIN_EXE_spillway")).args(["key", "new", "--name", "a b"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn plan_prints_parameters_of_the_template_and_exits_with_1_when_the_objective_is_missed() {
    let plan = |load: &str| {
        let arguments = ["plan", "--documents-per-minute", load, "--front", "function-url"];
        let output = Command::new(env!("CARGO_BIN_EXE_spillway")).args(arguments).output().unwrap();
        (output.status.code(), text(&output.stdout))
    };
    let (code, printed) = plan("1M");
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("  MaxConcurrency=") && printed.contains("Concurrent executions"), "{printed}");
    let template = include_str!("../../template.yaml");
    let parameters = printed.lines().filter_map(|line| line.strip_prefix("  ")?.split_once('='));
    for (name, _) in parameters {
        assert!(template.contains(&format!("\n  {name}:\n")), "the template has no parameter {name}");
    }
    let (code, printed) = plan("100M");
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("misses the objective"), "{printed}");
}

/// The exit code and output of `spillway check` for a stream file and a sample.
fn check(stream: &str, sample: Option<(&str, &str)>, name: Option<&str>) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("streams")).unwrap();
    std::fs::write(folder.path().join("streams/orders.json"), stream).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    command.arg("check").arg("--config").arg(folder.path()).args(name);
    if let Some((name, text)) = sample {
        std::fs::write(folder.path().join(name), text).unwrap();
        command.arg("--sample").arg(folder.path().join(name));
    }
    let output = command.output().unwrap();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn check_shows_the_outcome_of_each_sample_payload() {
    let stream = r#"{"schema": {"required": ["id"]}, "consent": {"pointer": "/ok", "granted": [true]}}"#;
    let (code, printed) = check(stream, Some(("a.ndjson", "{\"id\":1,\"ok\":true}\n{\"ok\":true}\n{}\n7\n")), None);
    assert_eq!(code, Some(1), "{printed}");
    let outcomes: Vec<_> = printed.lines().filter(|line| line.starts_with("      ")).map(str::trim).collect();
    assert_eq!(outcomes[0], "0  accepted");
    assert!(outcomes[1].starts_with("1  rejected  schema"), "{printed}");
    assert_eq!(outcomes[2], "2  withheld");
    assert!(outcomes[3].starts_with("3  rejected  not_an_object"), "{printed}");
    assert!(printed.ends_with("1 accepted, 1 withheld, 2 rejected\n"), "{printed}");
    let (code, printed) = check(stream, Some(("a.json", r#"[{"id":1,"ok":true}]"#)), Some("orders"));
    assert_eq!(code, Some(0), "{printed}");
}

#[test]
fn check_shows_what_a_client_librarys_document_becomes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("streams")).unwrap();
    std::fs::write(folder.path().join("streams/orders.json"), r#"{"accept":["segment"]}"#).unwrap();
    let sample = folder.path().join("batch.json");
    let batch = r#"{"batch":[{"messageId":"m","timestamp":"2026-11-26T11:00:00+01:00"},{},3],"sentAt":"now"}"#;
    std::fs::write(&sample, batch).unwrap();
    let check = |preset: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
        command.arg("check").arg("--config").arg(folder.path()).args(["--preset", preset, "--sample"]).arg(&sample);
        let output = command.output().unwrap();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (code, printed) = check("segment");
    assert_eq!(code, Some(1), "{printed}");
    for line in [
        "context: {\"sentAt\":\"now\"}",
        "      0  accepted  id: m  time: 2026-11-26T10:00:00Z",
        "      1  accepted  id: none  time: none",
        "      2  rejected  id: none  time: none  not_an_object: expected an object, found a number",
        "3 payloads",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} in {printed}");
    }
    let (code, printed) = check("other");
    assert!(code == Some(1) && printed.contains("no preset is named `other`; known: amplitude"), "{printed}");
}

#[test]
fn check_reads_otlp_in_protobuf_by_the_suffix_of_its_path() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("streams")).unwrap();
    std::fs::write(folder.path().join("streams/orders.json"), r#"{"accept":["otlp"]}"#).unwrap();
    let sample = folder.path().join("batch");
    // One log record with a time of 1 s.
    std::fs::write(&sample, b"\x0A\x0D\x12\x0B\x12\x09\x09\x00\xCA\x9A\x3B\x00\x00\x00\x00").unwrap();
    let check = |suffix: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
        command.arg("check").arg("--config").arg(folder.path()).args(["--preset", "otlp"]).args(suffix);
        let output = command.arg("--sample").arg(&sample).output().unwrap();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (code, printed) = check(&["--suffix", "v1/logs"]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("      0  accepted  id: none  time: 1970-01-01T00:00:01Z\n1 payloads"), "{printed}");
    let (code, printed) = check(&[]);
    assert!(code == Some(1) && printed.contains("a body in protobuf needs the path v1/logs"), "{printed}");
    let (code, printed) = check(&["--suffix", "v1/log"]);
    assert!(code == Some(1) && printed.contains("`otlp` has no suffix `v1/log`; it has: v1/logs"), "{printed}");
}

#[test]
fn check_reports_errors_with_file_and_member() {
    for (stream, error) in [
        (r#"{"schema": {"$ref": "https://x.example/s"}}"#, "streams/orders.json: /schema/$ref: `https://x.example/s`"),
        (r#"{"consent": {"pointer": "a"}}"#, "streams/orders.json: /consent/pointer: must be a JSON pointer"),
        (r#"{"x": 1}"#, "streams/orders.json: /x: unknown field"),
    ] {
        let (code, printed) = check(stream, None, None);
        assert_eq!(code, Some(1));
        assert!(printed.contains(error), "{error} in {printed}");
    }
    for (sample, name) in [(None, Some("other")), (Some(("a.json", "[{")), None)] {
        assert_eq!(check("{}", sample, name).0, Some(1));
    }
    assert_eq!(check("{}", None, None).0, Some(0));
}
