//! `spillway tail`: follows a stream on this machine and over S3, and ends cleanly.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::SystemTime;

use spillway_shared::hour::Hour;

use super::command::{Server, send, text};

/// A running `spillway tail` that has printed its target.
struct Tail {
    child: Child,
    /// Its standard output; `None` once the test has closed it.
    records: Option<Lines<BufReader<ChildStdout>>>,
    errors: BufReader<ChildStderr>,
}

impl Tail {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
        command.env_remove("BUCKET").env_remove("QUEUE_URL").env_remove("OBJECT_PREFIX");
        let mut child =
            command.arg("tail").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let records = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        errors.read_line(&mut String::new()).unwrap();
        Self { child, records: Some(records), errors }
    }

    fn next(&mut self) -> String {
        self.records.as_mut().unwrap().next().unwrap().unwrap()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(server: &Server, body: &str) {
    let url = server.word_after("-i");
    let (address, _) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let answer = send(address, "POST /v1/streams/clicks", "X-Write-Key: local\r\n", body);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Posts until the tail, whose first poll may be later than the first post, prints a record.
fn post_until_printed(server: &Server, tail: &mut Tail) -> String {
    std::thread::scope(|scope| {
        let (done, ended) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            while ended.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                post(server, r#"[{"event":"other"},{"event":"page_view"}]"#);
            }
        });
        let line = tail.next();
        drop(done);
        line
    })
}

#[test]
fn matching_records_are_printed_as_they_are_stored_and_a_signal_ends_it() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(&["--write-key", "local"], data.path());
    let admin = server.word_after("status").replace("http://", "").replace("/status", "");
    let s3 = server.word_after("S3");
    let here = ["--admin", &admin, "clicks", "--where", "/event=page_view"];
    let over_s3 = ["--bucket", "spillway", "--s3-endpoint", &s3, "clicks", "--where", "/event=page_view"];
    for arguments in [&here[..], &over_s3] {
        let mut tail = Tail::start(arguments);
        let line = post_until_printed(&server, &mut tail);
        assert!(line.starts_with("{\"id\":\"") && line.contains(r#""payload":{"event":"page_view"}"#), "{line}");
        let signal = format!("kill -INT {}", tail.child.id());
        assert!(Command::new("sh").args(["-c", &signal]).status().unwrap().success());
        assert_eq!(tail.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_closed_pipe_ends_it() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(&["--write-key", "local"], data.path());
    let admin = server.word_after("status").replace("http://", "").replace("/status", "");
    let mut tail = Tail::start(&["--admin", &admin, "clicks"]);
    post_until_printed(&server, &mut tail);
    tail.records = None;
    while tail.child.try_wait().unwrap().is_none() {
        post(&server, r#"{"event":"page_view"}"#);
    }
    assert_eq!(tail.child.wait().unwrap().code(), Some(0));
}

/// The streams of the configuration do not matter: a removed stream still has objects.
#[test]
fn kept_rejections_of_a_removed_stream_are_printed_and_damaged_objects_are_named() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(&["--write-key", "local"], data.path());
    let admin = server.word_after("status").replace("http://", "").replace("/status", "");
    let mut tail = Tail::start(&["--admin", &admin, "removed", "--rejected"]);
    let mut line = String::new();
    tail.errors.read_line(&mut line).unwrap();
    assert_eq!(line, "the bucket has no `rejected/stream=removed/` so far; waiting for its first object\n");
    // The test may run while an hour ends: the object is still in a listed hour then.
    let hour = Hour::of(SystemTime::now());
    let folder = format!("spillway/rejected/stream=removed/dt={}/hour={}", hour.date(), hour.of_day());
    let folder = data.path().join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("damaged.ndjson.zst"), "damaged").unwrap();
    line.clear();
    tail.errors.read_line(&mut line).unwrap();
    assert!(line.contains("damaged.ndjson.zst is damaged"), "{line}");
    let whole = data.path().join("whole");
    std::fs::write(&whole, zstd::encode_all(&b"{\"id\":\"a-0\"}\n"[..], 1).unwrap()).unwrap();
    std::fs::rename(whole, folder.join("whole.ndjson.zst")).unwrap();
    assert_eq!(tail.next(), "{\"id\":\"a-0\"}");
}

#[test]
fn bad_arguments_are_explained() {
    for (arguments, message) in [
        (&["clicks", "--where", "event"][..], "expected a JSON pointer"),
        (&["Clicks/.."], "[a-z]"),
        (&["clicks", "--admin", "127.0.0.1:1"], "no `spillway serve` answers"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_spillway")).arg("tail").args(arguments).output().unwrap();
        assert!(!output.status.success());
        assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
    }
}
