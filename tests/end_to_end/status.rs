//! The fields of `GET /status`, compared with the manual.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use spillway_local::pipeline::{DestinationStatus, Status};
use tokio::time::{sleep, timeout};

use crate::support::harness::Run;

#[test]
fn the_manual_lists_exactly_the_fields_of_the_status() {
    compare("field", &serde_json::to_value(Status::default()).unwrap());
    compare("field of a destination", &serde_json::to_value(DestinationStatus::default()).unwrap());
}

/// Compares the members of `counts` with the table of the manual that has this heading.
fn compare(heading: &str, counts: &Value) {
    let fields: BTreeSet<_> = counts.as_object().unwrap().keys().map(String::as_str).collect();
    let manual = include_str!("../../docs/develop.md");
    let heading = format!("\n| {heading} | meaning |\n| --- | --- |\n");
    let (_, table) = manual.split_once(&heading).expect("the table in docs/develop.md");
    let rows = table.lines().map_while(|line| line.strip_prefix("| `"));
    let listed: BTreeSet<_> = rows.map(|row| row.split_once("` | ").expect("a meaning").0).collect();
    assert_eq!(listed, fields);
}

#[tokio::test]
async fn without_a_process_of_ingest_the_pipeline_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("spillway");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_spillway"), &program).unwrap();
    let run = Run::start(|settings| settings.program.clone_from(&program)).await;
    let pipeline = &run.pipeline;
    assert!(pipeline.status().await.unwrap().ready);
    // The next process cannot start.
    std::fs::remove_file(program).unwrap();
    let line = format!("kill -9 {}", pipeline.ingest().pids()[0]);
    assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    let not_ready = async {
        while pipeline.status().await.unwrap().ready {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), not_ready).await.expect("it is not ready");
}
