//! `spillway find` and `GET /find`: records in every place, and answers to bad input.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::SystemTime;

use serde_json::{Value, json};
use spillway_shared::hour::Hour;
use tempfile::TempDir;

use super::command::{Server, get, send, text, wait_until};

const STRICT: &str = r#"{"rejected":"keep","schema":{"required":["event"]}}"#;

/// A server with the stream `clicks`, which keeps payloads without `event`.
struct Scene {
    _config: TempDir,
    data: TempDir,
    server: Server,
}

impl Scene {
    fn start(arguments: &[&str]) -> Self {
        let (config, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir(config.path().join("streams")).unwrap();
        std::fs::write(config.path().join("streams/clicks.json"), STRICT).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
        command.args(["check", "--update-tables", "--config"]).arg(config.path());
        assert!(command.output().unwrap().status.success());
        let server =
            Server::start_in(config.path(), &[], &[&["--write-key", "local"], arguments].concat(), data.path());
        Self { _config: config, data, server }
    }

    /// Posts a document; returns the request id.
    fn post(&self, headers: &str, body: &Value) -> String {
        let url = self.server.word_after("-i");
        let (address, _) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let headers = format!("X-Write-Key: local\r\n{headers}");
        let answer = send(address, "POST /v1/streams/clicks", &headers, &body.to_string());
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let answer: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        answer["request_id"].as_str().unwrap().to_owned()
    }

    fn status(&self) -> String {
        self.server.word_after("status")
    }

    fn admin(&self) -> String {
        self.status().strip_prefix("http://").unwrap().strip_suffix("/status").unwrap().to_owned()
    }

    fn wait_for(&self, field: &str, count: u64) {
        wait_until(&format!("{field} is {count}"), || get(&self.status())[field] == count);
    }

    /// Runs `spillway find` on this machine.
    fn find(&self, arguments: &[&str]) -> Output {
        find(&[&["--admin", &self.admin()], arguments].concat())
    }

    /// The places of an id, from `--json`.
    fn places(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.find(&[&["--json"], arguments].concat());
        let answer: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
        answer["places"].as_array().unwrap().clone()
    }

    /// The answer of `GET /find`.
    fn ask(&self, query: &str) -> (String, Value) {
        let answer = send(&self.admin(), &format!("GET /find{query}"), "", "");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), serde_json::from_str(body).unwrap())
    }

    fn object(&self, place: &Value) -> PathBuf {
        self.data.path().join("spillway").join(place["object"].as_str().unwrap())
    }

    fn end(self) {
        self.server.signal("-TERM");
        let (code, printed) = self.server.end();
        assert_eq!(code, Some(0), "{printed}");
    }
}

fn find(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    for variable in ["BUCKET", "QUEUE_URL", "OBJECT_PREFIX", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SQS"] {
        command.env_remove(variable);
    }
    command.arg("find").args(arguments).output().unwrap()
}

/// A line of an object, counted from 1.
fn line(object: &PathBuf, number: u64) -> String {
    let lines = zstd::decode_all(std::fs::File::open(object).unwrap()).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    lines.lines().nth(usize::try_from(number - 1).unwrap()).unwrap().to_owned()
}

#[test]
fn stored_and_kept_records_are_found_at_their_lines() {
    let scene = Scene::start(&["--window", "1s"]);
    let ids: Vec<_> = (0..5)
        .map(|_| scene.post("", &json!([{"event": "a"}, {"event": "b"}, {"no": "event"}, {"event": "c"}])))
        .collect();
    scene.wait_for("stored", 15);
    scene.wait_for("kept", 5);
    for id in &ids {
        let places = scene.places(&[id]);
        let counts: Vec<_> = places.iter().map(|place| (&place["place"], place["records"].as_u64().unwrap())).collect();
        assert_eq!(counts, [(&json!("stored"), 3), (&json!("kept"), 1)]);
        let record = format!("{id}-3");
        let [place] = &scene.places(&[&record])[..] else { panic!("one place") };
        let found = line(&scene.object(place), place["line"].as_u64().unwrap());
        assert!(found.starts_with(&format!("{{\"id\":\"{record}\"")), "{found}");
        let (status, answer) = scene.ask(&format!("?id={record}"));
        assert_eq!((status.as_str(), &answer["places"][0], &answer["id"]), ("200", place, &json!(record)));
        assert!(answer["searched"]["objects"].as_u64() > Some(0) && answer["searched"]["bytes"].as_u64() > Some(0));
    }
    let output = scene.find(&[&ids[0]]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        printed.starts_with("stored         records/stream=clicks/dt=") && printed.contains("  lines "),
        "{printed}"
    );
    scene.end();
}

#[test]
fn an_id_that_is_nowhere_exits_with_1_and_bad_input_is_explained() {
    let scene = Scene::start(&[]);
    let other_id = "01a20022-aba9-73ad-8766-d80b84b0549d";
    let output = scene.find(&[other_id]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), format!("{other_id} is nowhere: not in the bucket and not on a queue\n"));
    let derived = scene.post("Idempotency-Key: 7\r\n", &json!([{"event": "a"}]));
    scene.wait_for("stored", 1);
    for (query, message) in [
        ("", "the parameter id is missing"),
        ("?id=", "`` is no id of Spillway"),
        ("?id=x", "`x` is no id of Spillway"),
        (&format!("?id={other_id}&day=today")[..], "`today` is not a day"),
        (&format!("?id={other_id}&hour=1"), "unknown parameter `hour`"),
        (&format!("?id={derived}"), "the id does not contain its time"),
    ] {
        let (status, answer) = scene.ask(query);
        assert_eq!(status, "400", "{query}");
        assert!(answer["message"].as_str().unwrap().contains(message), "{answer}");
    }
    for arguments in [&["x"][..], &[&derived], &[other_id, "--day", "today"]] {
        let output = scene.find(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("such as"), "{}", text(&output.stderr));
    }
    // The test may run while a day ends.
    let days = [SystemTime::UNIX_EPOCH, SystemTime::now()].map(|time| Hour::of(time).date());
    assert!(scene.places(&[&derived, "--day", &days[0]]).is_empty());
    let now = scene.places(&[&derived, "--day", &days[1]]);
    assert!(now.len() == 1 || days[1] != Hour::of(SystemTime::now()).date(), "{now:?}");
    scene.end();
}

#[test]
fn messages_on_the_queues_are_found_and_stay_there() {
    let scene = Scene::start(&["--fault", "s3.error=1", "--drain-timeout", "1s"]);
    let id = scene.post("", &json!([{"event": "a"}, {"event": "b"}]));
    for _ in 0..2 {
        let [place] = &scene.places(&[&id])[..] else { panic!("one place") };
        assert_eq!((&place["place"], &place["records"]), (&json!("queued"), &json!(2)));
        assert_eq!(place["message"].as_str().unwrap().len(), 32);
    }
    assert!(text(&scene.find(&[&id]).stdout).starts_with("queued         message "));
}

#[test]
fn dead_letters_are_found_and_stay_there() {
    let scene = Scene::start(&["--fault", "s3.error=1", "--max-receive-count", "1", "--drain-timeout", "1s"]);
    let id = scene.post("", &json!([{"event": "a"}]));
    scene.wait_for("dead_lettered", 1);
    for _ in 0..2 {
        let [place] = &scene.places(&[&id])[..] else { panic!("one place") };
        assert_eq!((&place["place"], &place["records"]), (&json!("dead-lettered"), &json!(1)));
    }
}

#[test]
fn the_text_of_quarantined_messages_is_searched() {
    let scene = Scene::start(&[]);
    let id = "01a20022-aba9-73ad-8766-d80b84b0549d";
    // Deliver cannot read this message, which has today's quarantine as its place.
    let queue = scene.server.word_after("SQS");
    let body = json!({"QueueUrl": queue, "MessageBody": format!("no message, but\n{{\"id\":\"{id}-0\"")});
    let (address, _) = queue.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let headers = "X-Amz-Target: AmazonSQS.SendMessage\r\nContent-Type: application/x-amz-json-1.0\r\n";
    let answer = send(address, "POST /", headers, &body.to_string());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    scene.wait_for("quarantined", 1);
    let [place] = &scene.places(&[id])[..] else { panic!("one place") };
    assert_eq!(place["place"], "quarantined");
    assert!(place["object"].as_str().unwrap().starts_with("quarantine/"), "{place}");
}

#[test]
fn rows_of_tables_are_found_and_their_objects_are_still_named() {
    let scene = Scene::start(&[]);
    let id = scene.post("", &json!([{"event": "a"}, {"event": "b"}]));
    scene.wait_for("stored", 2);
    let now = SystemTime::now();
    let an_hour = std::time::Duration::from_hours(1);
    let [from, to] = [now - an_hour, now + an_hour].map(|time| Hour::of(time).to_string());
    let mut compact = Command::new(env!("CARGO_BIN_EXE_spillway"));
    compact.args(["compact", "--admin", &scene.admin(), "--from", &from, "--to", &to]);
    assert_eq!(compact.status().unwrap().code(), Some(0));
    for (id, records) in [(id.clone(), 2), (format!("{id}-1"), 1)] {
        let places = scene.places(&[&id]);
        let kinds: Vec<_> = places.iter().map(|place| (&place["place"], &place["records"])).collect();
        assert_eq!(kinds, [(&json!("stored"), &json!(records)), (&json!("lake"), &json!(records))]);
        assert!(places[1]["row"].is_u64() && places[1]["line"].is_null());
    }
    // The file's bloom filter and its rows prove that the object does not contain another id.
    let (_, answer) = scene.ask(&format!("?id={id}-2"));
    assert_eq!((&answer["places"], &answer["searched"]["objects"]), (&json!([]), &json!(1)));
    scene.end();
}

#[test]
fn damaged_objects_are_named_and_the_others_searched() {
    let scene = Scene::start(&[]);
    let id = scene.post("", &json!([{"event": "a"}]));
    scene.wait_for("stored", 1);
    let place = scene.places(&[&id]).remove(0);
    let damaged = scene.object(&place).with_file_name("damaged.ndjson.zst");
    std::fs::write(&damaged, "damaged").unwrap();
    let output = scene.find(&[&id]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("damaged.ndjson.zst is damaged"), "{}", text(&output.stderr));
    let (_, answer) = scene.ask(&format!("?id={id}"));
    assert!(answer["unreadable"][0].as_str().unwrap().ends_with("damaged.ndjson.zst"));
    std::fs::remove_file(damaged).unwrap();
    scene.end();
}

#[test]
fn on_aws_the_bucket_is_searched_and_the_queues_are_only_counted() {
    let scene = Scene::start(&[]);
    let id = scene.post("", &json!([{"event": "a"}]));
    scene.wait_for("stored", 1);
    let (s3, queue) = (scene.server.word_after("S3"), scene.server.word_after("SQS"));
    let aws = ["--bucket", "spillway", "--s3-endpoint", &s3, "--queue-url", &queue];
    let output = find(&[&aws[..], &["--json", &id]].concat());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &answer["places"], &answer["queues"]),
        (Some(0), &json!(scene.places(&[&id])), &Value::Null)
    );
    let output = find(&[&aws[..], &["--json", &format!("{id}-7")]].concat());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &answer["places"]), (Some(1), &json!([])));
    assert_eq!(answer["queues"]["queue"]["waiting"], 0);
    assert_eq!(answer["queues"]["dead_letter_queue"]["received"], 0);
    let output = find(&[&aws[..4], &[&format!("{id}-7")]].concat());
    assert_eq!(text(&output.stdout), format!("{id}-7 is not in the bucket; the queues cannot be searched\n"));
    assert!(text(&output.stderr).contains("--queue-url"), "{}", text(&output.stderr));
    scene.end();
}
