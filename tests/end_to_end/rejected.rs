//! Rejected payloads are kept, found and replayed, by the commands of an operator.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::command::{Server, get, send, text, wait_until};
use crate::support::harness::lines_in;

const STRICT: &str =
    r#"{"rejected":"keep","schema":{"required":["event"]},"consent":{"pointer":"/ok","granted":[true]}}"#;
const LENIENT: &str = r#"{"rejected":"keep","consent":{"pointer":"/ok","granted":[true]}}"#;
/// A kept rejection of an hour that no schedule looks at.
const OLD: &str = r#"{"id":"01a21d26-5f13-8044-b2f1-2cbdc5279603-0","stream":"clicks","received_at":"2020-02-29T23:30:00.000Z","schema":"0123456789abcdef","reason":"schema","detail":"payload: required: expected the member \"event\"","payload":{"ok":true}}"#;
const ADD_EVENT: &str = r#"[{"op":"add","path":"/event","value":"repaired"}]"#;

/// A server with one stream, `clicks`, whose file a test can change.
struct Scene {
    config: TempDir,
    data: TempDir,
    server: Server,
}

impl Scene {
    fn start() -> Self {
        let (config, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir(config.path().join("streams")).unwrap();
        std::fs::write(config.path().join("streams/clicks.json"), STRICT).unwrap();
        let server = serve(&config, &data);
        Self { config, data, server }
    }

    /// Ends the server, and starts it again with the same data.
    fn restart(self) -> Self {
        let Self { config, data, server } = self;
        server.signal("-TERM");
        assert_eq!(server.end().0, Some(0));
        let server = serve(&config, &data);
        Self { config, data, server }
    }

    fn define(&self, text: &str) {
        std::fs::write(self.config.path().join("streams/clicks.json"), text).unwrap();
    }

    fn post(&self, body: &str) -> Value {
        let url = self.server.word_after("-i");
        let (address, _) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let answer = send(address, "POST /v1/streams/clicks", "X-Write-Key: local\r\n", body);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    fn wait_for(&self, field: &str, count: u64) {
        let status = self.server.word_after("status");
        wait_until(&format!("{field} is {count}"), || get(&status)[field] == count);
    }

    /// Runs `spillway rejected`; returns the code and the output.
    fn rejected(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let status = self.server.word_after("status");
        let admin = status.strip_prefix("http://").unwrap().strip_suffix("/status").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
        command.arg("rejected").args(arguments).args(["--admin", admin]).env_remove("BUCKET").env_remove("QUEUE_URL");
        let output = command.output().unwrap();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    }

    /// The records by id, and how often each is stored.
    fn stored(&self) -> BTreeMap<String, u64> {
        lines_in(&self.data.path().join("spillway/records"))
            .into_iter()
            .map(|(id, lines)| (id, lines.len() as u64))
            .collect()
    }

    fn end(self) -> String {
        self.server.signal("-TERM");
        let (code, printed) = self.server.end();
        assert_eq!(code, Some(0), "{printed}");
        printed
    }
}

fn serve(config: &TempDir, data: &TempDir) -> Server {
    Server::start_in(config.path(), &[], &["--write-key", "local"], data.path())
}

#[test]
fn a_kept_rejection_is_replayed_once_under_its_id_after_the_schema_changed() {
    let scene = Scene::start();
    let answer = scene.post(r#"[{"ok":true,"event":1},{"ok":true,"n":1.0},{"ok":false},{"ok":true,"n":2}]"#);
    let id = answer["request_id"].as_str().unwrap();
    scene.wait_for("kept", 2);
    scene.wait_for("stored", 1);

    let (code, listed) = scene.rejected(&["list"]);
    assert!(code == Some(0) && listed.contains("schema         payload: required: expected"), "{listed}");
    assert!(listed.contains("2 kept rejections\n"), "{listed}");
    let (_, keys) = scene.rejected(&["list", "--keys", "--stream", "clicks"]);
    let (code, shown) = scene.rejected(&["show", keys.lines().next().unwrap()]);
    assert!(
        code == Some(0) && shown.contains(r#""reason":"schema""#) && shown.contains(r#"{"ok":true,"n":1.0}"#),
        "{shown}"
    );

    let (code, printed) = scene.rejected(&["replay"]);
    assert!(code == Some(0) && printed.contains("0 replayed, 0 replayed before, 2 still rejected"), "{printed}");
    scene.define(LENIENT);
    let (code, printed) = scene.rejected(&["replay", "--dry-run"]);
    assert!(code == Some(0) && printed.contains("2 replayed") && printed.contains("nothing was sent"), "{printed}");
    let (code, printed) =
        scene.rejected(&["replay", "--stream", "clicks", "--reason", "schema", "--since", "2026-01-01"]);
    assert!(code == Some(0) && printed.contains("2 replayed, 0 replayed before"), "{printed}");
    scene.wait_for("stored", 3);
    let (code, printed) = scene.rejected(&["replay"]);
    assert!(code == Some(0) && printed.contains("0 replayed, 2 replayed before"), "{printed}");

    let expected = (0..3).map(|number| (format!("{id}-{number}"), 1)).collect::<BTreeMap<_, _>>();
    assert_eq!(scene.stored(), expected);
    let printed = scene.end();
    assert!(printed.contains("no record is lost"), "{printed}");
}

#[test]
fn an_edit_repairs_payloads_but_a_damaged_object_and_a_removed_stream_are_reported() {
    let scene = Scene::start();
    scene.post(r#"[{"ok":true,"n":1},{"ok":true,"event":1}]"#);
    scene.wait_for("kept", 1);
    let folder = scene.data.path().join("spillway/rejected/stream=clicks/dt=2026-11-21/hour=18");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("damaged.ndjson.zst"), b"not zstd").unwrap();
    std::fs::write(folder.join("lines.ndjson"), b"{}\n").unwrap();

    let (code, printed) = scene.rejected(&["list"]);
    assert!(code == Some(1) && printed.contains("2 objects or lines cannot be read"), "{printed}");
    assert!(printed.contains("1 kept rejections\n"), "{printed}");
    let (code, printed) = scene.rejected(&["replay", "--edit", ADD_EVENT]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("damaged.ndjson.zst cannot be decompressed"), "{printed}");
    assert!(printed.contains("lines.ndjson: line 1: not a kept rejection"), "{printed}");
    assert!(printed.contains("1 replayed, 0 replayed before"), "{printed}");
    scene.wait_for("stored", 2);

    std::fs::rename(scene.config.path().join("streams/clicks.json"), scene.config.path().join("streams/views.json"))
        .unwrap();
    let (code, printed) = scene.rejected(&["replay"]);
    assert!(code == Some(1) && printed.contains("there is no stream `clicks`"), "{printed}");
    let (code, printed) = scene.rejected(&["replay", "--edit", "{}"]);
    assert!(code == Some(1) && printed.contains("not a JSON Patch"), "{printed}");
    scene.end();
}

#[test]
fn a_replay_into_an_old_hour_reaches_the_table_by_the_schedule() {
    let scene = Scene::start();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    let output = command.args(["check", "--update-tables", "--config"]).arg(scene.config.path()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stdout));
    let rejected = scene.data.path().join("spillway/rejected/stream=clicks/dt=2020-02-29/hour=23");
    std::fs::create_dir_all(&rejected).unwrap();
    std::fs::write(rejected.join("old.ndjson"), OLD.to_owned() + "\n").unwrap();
    scene.define(LENIENT);
    let (code, printed) = scene.rejected(&["replay"]);
    assert!(code == Some(0) && printed.contains("1 replayed, 0 replayed before"), "{printed}");
    scene.wait_for("stored", 1);
    // The schedule runs when the server starts.
    let scene = scene.restart();
    let file = scene.data.path().join("spillway/lake/stream=clicks/v=1/dt=2020-02-29/hour=23/000.parquet");
    wait_until("the hour is compacted", || file.exists());
    scene.end();
}
