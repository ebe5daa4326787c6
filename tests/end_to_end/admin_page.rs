//! The page at the admin address: its events, its records, and which requests the admin server refuses.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::command::{Server, get, send, spillway, wait_until};

const SECRET: &str = "zqx-secret";

/// A server and the address of its page.
struct Scene {
    server: Server,
    admin: String,
    _data: TempDir,
}

/// An open page: the lines of its events.
struct Page(std::io::Lines<BufReader<TcpStream>>);

impl Scene {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let server = Server::start_with(&["--window", "100ms", "--write-key", "local"], data.path());
        let url = server.word_after("page");
        let admin = url.strip_prefix("http://").unwrap().strip_suffix('/').unwrap().to_owned();
        Self { server, admin, _data: data }
    }

    fn post(&self, body: &str) {
        let url = self.server.word_after("-i");
        let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let answer = send(address, &format!("POST /{path}"), "X-Write-Key: local\r\n", body);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn open(&self) -> Page {
        let mut stream = TcpStream::connect(&self.admin).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "GET /events HTTP/1.1\r\nHost: {}\r\n\r\n", self.admin).unwrap();
        Page(BufReader::new(stream).lines())
    }

    /// The status of the response to a request with this head.
    fn answer(&self, line: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.admin).unwrap();
        let length = body.len();
        write!(stream, "{line} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut first = String::new();
        BufReader::new(stream).read_line(&mut first).unwrap();
        first.split(' ').nth(1).unwrap().to_owned()
    }
}

impl Page {
    /// The data of the next event of this kind.
    fn next(&mut self, kind: &str) -> String {
        let event = format!("event: {kind}");
        self.0.by_ref().map(Result::unwrap).find(|line| *line == event).expect("an event");
        let data = self.0.next().unwrap().unwrap();
        data.strip_prefix("data: ").expect("data").to_owned()
    }

    /// The data of the next snapshot that fulfils a condition.
    fn until(&mut self, condition: impl Fn(&Value) -> bool) -> (String, Value) {
        loop {
            let text = self.next("snapshot");
            let snapshot = serde_json::from_str(&text).unwrap();
            if condition(&snapshot) {
                return (text, snapshot);
            }
        }
    }
}

#[test]
fn a_page_shows_the_counts_of_the_status_and_payloads_only_on_request() {
    let scene = Scene::start();
    let mut page = scene.open();
    let start: Value = serde_json::from_str(&page.next("start")).unwrap();
    assert!(start["about"]["kinds"].as_array().unwrap().iter().any(|kind| kind["name"] == "s3.error"), "{start}");
    for _ in 0..3 {
        scene.post(&format!(r#"[{{"event":"{SECRET}"}},{{"event":"y"}},42]"#));
    }
    let (text, snapshot) = page.until(|snapshot| {
        let status = &snapshot["status"];
        status["stored"] == 6 && status["in_flight"] == 0 && status["queued"] == 0
    });
    let mut status = get(&format!("http://{}/status", scene.admin));
    status["oldest_message_seconds"] = snapshot["status"]["oldest_message_seconds"].clone();
    assert_eq!(snapshot["status"], status);
    assert_eq!((&snapshot["answers"]["ok"], &snapshot["durations"]["count"]), (&3.into(), &3.into()));
    assert!(snapshot["lag"]["p99_ms"].as_f64().unwrap() > 0.0, "{snapshot}");
    let stream = &snapshot["streams"][0];
    assert_eq!(
        [&stream["name"], &stream["accepted"], &stream["stored"], &stream["rejected"]],
        [&Value::from("clicks"), &6.into(), &6.into(), &3.into()]
    );
    let refusal = &snapshot["refusals"][0];
    assert_eq!((&refusal["reason"], &refusal["index"]), (&"not_an_object".into(), &2.into()));
    assert!(!text.contains(SECRET), "{text}");

    let record = snapshot["records"].as_array().unwrap().iter().find(|record| record["id"] != "").unwrap();
    let path = format!("/record?object={}&line={}", record["object"].as_str().unwrap(), record["line"]);
    let whole = get(&format!("http://{}{path}", scene.admin));
    assert_eq!(whole["id"], record["id"]);
    assert!(whole["payload"].is_object(), "{whole}");

    let ledger = get(&format!("http://{}/ledger", scene.admin));
    let report = &ledger["report"];
    assert_eq!([&report["accepted"], &report["stored"], &report["missing"]], [6, 6, 0].map(Value::from).each_ref());
    assert_eq!(ledger["verdict"], "no record is lost");

    // An open page does not keep the server from ending.
    scene.server.signal("-TERM");
    let (code, printed) = scene.server.end();
    assert_eq!(code, Some(0), "{printed}");
    assert!(page.0.map_while(Result::ok).any(|line| line == "0"), "the stream of events ends");
}

#[test]
fn requests_of_foreign_websites_are_refused_on_every_path() {
    let scene = Scene::start();
    let own = format!("Host: {}\r\n", scene.admin);
    let port = scene.admin.rsplit(':').next().unwrap();
    let rebound = format!("Host: attacker.example:{port}\r\n");
    let foreign = format!("{own}Origin: http://attacker.example\r\n");
    let fault = r#"{"faults":{"s3.error":1}}"#;
    let requests = [
        ("GET /", ""),
        ("GET /events", ""),
        ("GET /status", ""),
        ("GET /endpoints", ""),
        ("GET /record?object=x.ndjson&line=1", ""),
        ("GET /find?id=x", ""),
        ("GET /ledger", ""),
        ("GET /faults", ""),
        ("PUT /faults", fault),
        ("POST /compact", "{}"),
        ("GET /openapi.json", ""),
        ("GET /unknown", ""),
    ];
    for (line, body) in requests {
        for headers in [rebound.as_str(), &foreign, &format!("{own}Origin: null\r\n"), ""] {
            assert_eq!(scene.answer(line, headers, body), "403", "{line}: {headers}");
        }
    }
    assert_eq!(get(&format!("http://{}/faults", scene.admin))["faults"], serde_json::json!({}));
    let same = format!("Host: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n");
    assert_eq!(scene.answer("PUT /faults", &same, fault), "200");
    assert_eq!(scene.answer("GET /", &own, ""), "200");
}

#[test]
fn the_page_may_load_nothing_from_elsewhere() {
    let scene = Scene::start();
    let answer = send(&scene.admin, "GET /", "", "");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let policy = head.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).unwrap();
    for part in ["default-src 'none'", "script-src 'sha256-", "connect-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    assert!(body.contains("<title>Spillway</title>"));
}

#[test]
fn records_that_do_not_exist_are_an_error() {
    let scene = Scene::start();
    let own = format!("Host: {}\r\n", scene.admin);
    for (query, status) in [
        ("", "400"),
        ("?object=x.ndjson", "400"),
        ("?object=x.ndjson&line=one", "400"),
        ("?object=..%2F.sqs%2Fjournal.ndjson&line=1", "400"),
        ("?object=lake%2Fx.parquet&line=1", "400"),
        ("?object=records%2Fx.ndjson&line=1", "404"),
    ] {
        assert_eq!(scene.answer(&format!("GET /record{query}"), &own, ""), status, "{query}");
    }
}

#[test]
fn ten_pages_are_served_at_once_and_their_number_is_bounded() {
    let scene = Scene::start();
    let mut pages: Vec<_> = (0..10).map(|_| scene.open()).collect();
    for page in &mut pages {
        page.next("snapshot");
    }
    // These read nothing.
    pages.extend((10..32).map(|_| scene.open()));
    pages[10..].iter_mut().for_each(|page| drop(page.next("start")));
    assert_eq!(scene.answer("GET /events", &format!("Host: {}\r\n", scene.admin), ""), "503");
    // The others go on, and a page that is closed makes room.
    pages[0].next("snapshot");
    pages.truncate(9);
    wait_until("a closed page makes room", || {
        let mut page = scene.open();
        page.0.next().unwrap().unwrap().contains("200")
    });
}

#[test]
fn the_demo_keeps_its_page_until_a_signal() {
    let data = tempfile::tempdir().unwrap();
    let mut command = spillway(&["demo", "--open", "--documents", "3"], data.path());
    // Without programs no browser can be opened.
    let mut demo = command.env("PATH", "").stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let page = printed.find_map(|line| Some(line.split_once("the page is ")?.1.to_owned())).unwrap();
    printed.find(|line| line.contains("stays until")).unwrap();
    assert_eq!(get(&format!("{page}status"))["requests"], 3);
    let kill = Command::new("sh").args(["-c", &format!("kill -INT {}", demo.id())]).status();
    assert!(kill.unwrap().success());
    let rest = printed.collect::<Vec<_>>().join("\n");
    assert_eq!(demo.wait().unwrap().code(), Some(0), "{rest}");
    assert!(rest.contains("no record is lost"), "{rest}");
}
