//! A pipeline for one test, and the objects in its bucket, read without the pipeline's code.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use spillway_local::client::{Client, Document, Response};
use spillway_local::pipeline::{Drained, Pipeline, Settings};
use tempfile::TempDir;

/// The write key of every test pipeline.
pub(crate) const KEY: &str = "local";

/// A pipeline and its temporary folder.
pub(crate) struct Run {
    pub(crate) pipeline: Pipeline,
    pub(crate) folder: TempDir,
}

/// The result of a run.
pub(crate) struct Ended {
    pub(crate) drained: Drained,
    folder: TempDir,
}

impl Run {
    /// A pipeline with the streams `clicks`, `devices` (stamps everything) and `judged` (a schema and a consent rule), and
    /// with `change`d settings.
    pub(crate) async fn start(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_streams(folder.path());
        let mut settings = Settings {
            data: folder.path().join("data"),
            config: folder.path().join("config"),
            window: Duration::from_millis(100),
            ..Settings::new(env!("CARGO_BIN_EXE_spillway"))
        };
        change(&mut settings);
        Self { pipeline: Box::pin(Pipeline::start(settings)).await.unwrap(), folder }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.pipeline.address()).await.unwrap()
    }

    pub(crate) async fn post(&self, document: &Document) -> Response {
        self.client().await.post(document).await.unwrap()
    }

    /// Drains the pipeline; the ledger must add up, and nothing may be left.
    pub(crate) async fn end(self) -> Ended {
        let drained = self.pipeline.drain().await.unwrap();
        assert!(drained.ledger.holds() && drained.ledger.is_settled(), "{}", drained.ledger);
        Ended { drained, folder: self.folder }
    }
}

impl Ended {
    /// Every line of every object under `records/`, by record id, duplicates included.
    pub(crate) fn lines(&self) -> BTreeMap<String, Vec<String>> {
        lines_in(&self.folder.path().join("data/spillway/records"))
    }

    /// Every record, parsed, by its id; duplicates are an error.
    pub(crate) fn records(&self) -> BTreeMap<String, Value> {
        let once = |(id, lines): (String, Vec<String>)| {
            assert_eq!(lines.len(), 1, "{id} is stored once");
            (id, serde_json::from_str(&lines[0]).unwrap())
        };
        self.lines().into_iter().map(once).collect()
    }
}

/// Every line of every object under a folder, by record id, duplicates included.
pub(crate) fn lines_in(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files(folder) {
        for line in decompressed(&file).lines() {
            // Some valid payloads, such as `1e400`, cannot be parsed here.
            let id = line.strip_prefix("{\"id\":\"").unwrap().split('"').next().unwrap();
            found.entry(id.to_owned()).or_default().push(line.to_owned());
        }
    }
    found
}

/// An answer's body.
pub(crate) fn json(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

/// The record ids of a 200 for a document whose payloads were all accepted.
pub(crate) fn accepted_ids(answer: &Response) -> Vec<String> {
    let answer = json(answer);
    let id = answer["request_id"].as_str().unwrap().to_owned();
    (0..answer["accepted"].as_u64().unwrap()).map(|index| format!("{id}-{index}")).collect()
}

fn write_streams(folder: &Path) {
    let streams = folder.join("config/streams");
    fs::create_dir_all(&streams).unwrap();
    for (name, text) in [
        ("clicks", "{}"),
        ("devices", r#"{"stamp": {"client_ip": "full", "user_agent": true}}"#),
        (
            "judged",
            r#"{"schema": {"type": "object", "required": ["event"], "properties": {"n": {"type": "integer"}}},
                "consent": {"pointer": "/consent", "granted": [true], "absent": "allow", "honour_gpc": true}}"#,
        ),
    ] {
        fs::write(streams.join(name).with_extension("json"), text).unwrap();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn decompressed(file: &Path) -> String {
    let bytes = fs::read(file).unwrap();
    let decoder: Box<dyn Read> = match file.extension().unwrap().to_str().unwrap() {
        "gz" => Box::new(MultiGzDecoder::new(bytes.as_slice())),
        "zst" => Box::new(zstd::Decoder::new(bytes.as_slice()).unwrap()),
        _ => Box::new(bytes.as_slice()),
    };
    std::io::read_to_string(decoder).unwrap()
}
