//! Compacts an hour with the function's process, as on Lambda, and measures the process.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use spillway_compact::table::{Table, of_schema};
use spillway_local::environment::FUNCTION;
use spillway_local::invoke::Invoke as _;
use spillway_local::runtime::{Function, FunctionSettings};

use super::data;
use super::s3::{Counts, S3};
use crate::machine::{cpu_seconds_of, peak_bytes};
use crate::messages;
use crate::table::float;

/// The longest time for an hour, as on Lambda.
const TIMEOUT: Duration = Duration::from_mins(15);

/// A compacted hour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hour {
    /// Bytes of records, without compression.
    pub(crate) record_bytes: u64,
    /// Bytes of the objects.
    pub(crate) object_bytes: u64,
    /// Bytes of the files.
    pub(crate) file_bytes: u64,
    pub(crate) objects: usize,
    pub(crate) files: usize,
    /// CPU seconds of the process for the hour.
    pub(crate) cpu: f64,
    /// The process's peak memory.
    pub(crate) peak: u64,
    /// Calls of the schedule that looks for work, once before and once after.
    pub(crate) looks: Counts,
    /// Calls of the compaction.
    pub(crate) calls: Counts,
}

impl Hour {
    /// MB of records per CPU second.
    pub(crate) fn speed(&self) -> f64 {
        float(self.record_bytes) / self.cpu / 1e6
    }
}

/// Compacts an hour of the day of a bucket from the start.
pub(crate) async fn compact(s3: &S3, bucket: &str, hour: u32, record_bytes: u64) -> anyhow::Result<Hour> {
    let objects = data::folder(bucket, hour);
    let files = super::buckets().join(format!("{bucket}/lake"));
    let _ = fs::remove_dir_all(&files);
    let function = Function::start(settings(s3, bucket)?).await?;
    let before = cpu_seconds_of(&function.pids());
    let time = format!("2026-11-21T{hour:02}");
    s3.take_counts();
    let look = json!({"from": time, "to": time});
    // The queue does not answer, so the look that finds work fails after its calls to S3.
    let _ = function.invoke(look.to_string().into()).await;
    let mut looks = s3.take_counts();
    let cpu_of_look = cpu_seconds_of(&function.pids()) - before;
    let body = json!({"stream": messages::stream().as_str(), "hour": time}).to_string();
    let answer = function.invoke(json!({"Records": [{"messageId": "1", "body": body}]}).to_string().into()).await?;
    let answer: Value = serde_json::from_slice(&answer)?;
    ensure!(answer["batchItemFailures"] == json!([]), "compact could not do its work: {answer}");
    let calls = s3.take_counts();
    let (cpu, peak) = (cpu_seconds_of(&function.pids()) - before - cpu_of_look, peak_bytes(&function.pids()));
    function.invoke(look.to_string().into()).await?;
    looks = looks.and(s3.take_counts());
    function.stop().await;
    let ((objects, object_bytes), (files, file_bytes)) = (size(&objects)?, size(&files)?);
    Ok(Hour { record_bytes, object_bytes, file_bytes, objects, files, cpu, peak, looks, calls })
}

/// The number of files in a folder and its folders, and their bytes.
pub(crate) fn size(folder: &Path) -> anyhow::Result<(usize, u64)> {
    let (mut count, mut bytes, mut folders) = (0, 0, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let data = entry.metadata()?;
            if data.is_dir() {
                folders.push(entry.path());
            } else {
                (count, bytes) = (count + 1, bytes + data.len());
            }
        }
    }
    Ok((count, bytes))
}

/// The function with the settings of the template.
fn settings(s3: &S3, bucket: &str) -> anyhow::Result<FunctionSettings> {
    let variables = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL_S3", s3.endpoint.as_str()),
        ("BUCKET", bucket),
        ("CONFIG_DIR", &std::path::absolute(configuration()?)?.display().to_string()),
        ("QUEUE_URL", "http://127.0.0.1:1/none"),
        ("METRICS", "none"),
        ("LOG_LEVEL", "OFF"),
    ];
    Ok(FunctionSettings {
        args: vec![FUNCTION.into(), "compact".into()],
        variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        timeout: TIMEOUT,
        memory_mb: 1_769,
        ..FunctionSettings::new("compact", std::env::current_exe()?)
    })
}

/// The folder with the lock file of the stream.
fn configuration() -> anyhow::Result<&'static Path> {
    let folder = Path::new("target/bench/lake/config");
    fs::create_dir_all(folder.join("tables"))?;
    let table = Table::new(of_schema(Some(&data::schema())));
    fs::write(folder.join(format!("tables/{}.json", messages::stream())), serde_json::to_string(&table)?)?;
    Ok(folder)
}
