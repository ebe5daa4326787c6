//! Tables: hours of a running pipeline are compacted on demand, and late objects are added.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use spillway_compact::rebuild::{head, payload};
use spillway_compact::table::{Table, of_schema};
use spillway_shared::hour::Hour;

use super::command::{Server, get, send, text, wait_until};

/// A configuration with a typed stream, and the table of it.
fn configuration(folder: &Path) -> Table {
    let schema = json!({"properties": {"n": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}}});
    std::fs::create_dir_all(folder.join("streams")).unwrap();
    std::fs::write(folder.join("streams/readings.json"), json!({"schema": schema}).to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    let output = command.args(["check", "--update-tables", "--config"]).arg(folder).output().unwrap();
    assert!(text(&output.stdout).contains("tables/readings.json is written (2 columns)"), "{}", text(&output.stdout));
    Table::new(of_schema(Some(&schema)))
}

/// The rows of all files of a version, by the number of the file.
fn files(data: &Path, version: u32) -> Vec<Vec<Value>> {
    let mut folders = vec![data.join(format!("spillway/lake/stream=readings/v={version}"))];
    let mut paths = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { _ = paths.insert(path) }
        }
    }
    paths.iter().map(|path| head(std::fs::read(path).unwrap().into(), usize::MAX).unwrap().1).collect()
}

fn compact(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    // The test may run while an hour ends.
    let now = SystemTime::now();
    let [from, to] =
        [now - Duration::from_hours(1), now + Duration::from_hours(1)].map(|time| Hour::of(time).to_string());
    let output = command.args(["compact", "--from", &from, "--to", &to]).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn hours_are_compacted_on_demand_and_late_records_are_added() {
    let (data, config) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let table = configuration(config.path());
    let server = Server::start_in(config.path(), &[], &[], data.path());
    let (url, admin) = (server.word_after("at"), server.word_after("status"));
    let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let admin_address = admin.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let here = ["--admin", &admin_address];
    let post = |payload: &Value| {
        let headers = "X-Write-Key: local\r\nContent-Type: application/json\r\n";
        let answer = send(&address, "POST /v1/streams/readings", headers, &payload.to_string());
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    let payloads = [json!({"n": 1, "at": "2026-11-21T12:00:00Z"}), json!({"n": 2, "more": [null]}), json!({"n": 3})];
    for (number, one) in payloads.iter().enumerate() {
        post(one);
        wait_until("the payload is stored", || get(&admin)["stored"] == number + 1);
        let printed = compact(&here);
        assert!(printed.starts_with("1 hours had work left; 0 of them are not compacted\n"), "{printed}");
    }
    let printed = compact(&here);
    assert!(printed.starts_with("0 hours had work left"), "{printed}");
    let rows: Vec<_> = files(data.path(), 1).concat();
    let found: Vec<_> = rows.iter().map(|row| payload(row, &table).unwrap()).collect();
    assert_eq!(found, payloads);
    let printed = compact(&[&here[..], &["--rebuild", "--stream", "readings"]].concat());
    assert!(printed.contains("set \"version\": 2 in config/tables/readings.json"), "{printed}");
    let rebuilt = files(data.path(), 2).concat();
    let mut found: Vec<_> = rebuilt.iter().map(|row| payload(row, &table).unwrap()).collect();
    // The order of the objects' names, which are digests.
    found.sort_by_key(|payload| payload["n"].as_u64());
    assert_eq!(found, payloads);
    assert_eq!(files(data.path(), 1).concat(), rows, "the present version stays");
    // The flags that name a stack on AWS name the same servers here.
    post(&payloads[0]);
    wait_until("the payload is stored", || get(&admin)["stored"] == payloads.len() + 1);
    let endpoints = get(&admin.replace("/status", "/endpoints"));
    let of = |name: &str| endpoints[name].as_str().unwrap().to_owned();
    let [bucket, s3, queue] = ["bucket", "s3_endpoint", "compact_queue_url"].map(of);
    let config = config.path().to_str().unwrap();
    let stack = ["--bucket", &bucket, "--s3-endpoint", &s3, "--compact-queue-url", &queue, "--config", config];
    let printed = compact(&[&stack[..], &["--json"]].concat());
    assert_eq!(printed.trim(), r#"{"hours":1,"left":[]}"#);
    assert_eq!(files(data.path(), 1).concat().len(), payloads.len() + 1);
    server.signal("-TERM");
    let (code, printed) = server.end();
    assert_eq!(code, Some(0), "{printed}");
}
