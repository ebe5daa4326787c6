//! One process of forward: it gets one invocation after the other, and sends the records of ten objects in each.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use serde_json::json;
use spillway_forward::event::{Part, WHOLE};
use spillway_local::account::CREDENTIAL;
use spillway_local::data_folder::DataFolder;
use spillway_local::environment::FUNCTION;
use spillway_local::faults::Faults;
use spillway_local::invoke::Invoke as _;
use spillway_local::runtime::{Function, FunctionSettings};
use spillway_local::s3::{Bucket, BucketSettings};
use tokio::time::Instant;

use super::partner::Partner;
use super::{Arguments, configuration, file};
use crate::machine::{self, cpu_seconds_of, peak_bytes};
use crate::messages;
use crate::report::FOLDER;
use crate::table::float;

const BUCKET: &str = "spillway";
/// The messages of an invocation, each for one object.
const OBJECTS: u64 = 10;
/// Batches of an object. With more it would be split first.
const BATCHES: usize = 20;

/// The results of one number of workers.
pub(super) struct Alone {
    pub(super) workers: usize,
    pub(super) events_per_second: f64,
    pub(super) most_at_once: usize,
    pub(super) cores: f64,
    /// CPU seconds per million events.
    pub(super) cpu: f64,
    pub(super) peak: u64,
    pub(super) load_average: f64,
}

/// Measures one number of workers.
pub(super) async fn measure(arguments: &Arguments, workers: usize) -> anyhow::Result<Alone> {
    let load_average = machine::load_average();
    let partner = Partner::start(Duration::from_millis(arguments.latency_ms), false).await?;
    let data = Path::new(FOLDER).join("data");
    let bucket = bucket(&data).await?;
    let event = store(&bucket.root, BATCHES * arguments.batch)?;
    let function = Function::start(forward(arguments, workers, &partner, &bucket)?).await?;
    invoke(&function, &event).await?;
    let (before, sent_before, started) = (cpu_seconds_of(&function.pids()), partner.records(), Instant::now());
    while started.elapsed() < arguments.time() {
        invoke(&function, &event).await?;
    }
    let time = started.elapsed().as_secs_f64();
    let (cpu, peak) = (cpu_seconds_of(&function.pids()) - before, peak_bytes(&function.pids()));
    function.stop().await;
    bucket.close().await;
    fs::remove_dir_all(data)?;
    let sent = float(partner.records() - sent_before);
    Ok(Alone {
        workers,
        events_per_second: sent / time,
        most_at_once: partner.most_at_once(),
        cores: cpu / time,
        cpu: cpu / sent * 1e6,
        peak,
        load_average,
    })
}

async fn bucket(data: &Path) -> anyhow::Result<Bucket> {
    let settings = BucketSettings {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        data: DataFolder::new(data),
        name: BUCKET.to_owned(),
        access_key: CREDENTIAL.to_owned(),
        secret_key: CREDENTIAL.to_owned(),
        faults: Faults::default(),
    };
    Ok(Bucket::start(settings).await?)
}

/// Writes the objects, and returns the event with a message for each.
fn store(root: &Path, records: usize) -> anyhow::Result<Bytes> {
    let folder = "records/stream=telemetry/dt=2026-11-21/hour=18";
    fs::create_dir_all(root.join(folder))?;
    let mut bodies = Vec::new();
    for number in 0..OBJECTS {
        let key = format!("{folder}/{number:032x}.ndjson.zst");
        let lines = messages::piece(number, records).lines;
        fs::write(root.join(&key), zstd::bulk::compress(&lines, 1)?)?;
        bodies.push(Part::of(&key, WHOLE).body());
    }
    Ok(messages::event(&bodies))
}

fn forward(
    arguments: &Arguments,
    workers: usize,
    partner: &Partner,
    bucket: &Bucket,
) -> anyhow::Result<FunctionSettings> {
    let folder = configuration(&[("partner", file(&partner.url, arguments))])?;
    // Nothing is sent to the queues: no object is split, and no batch fails.
    let queue = "http://127.0.0.1:1/none".to_owned();
    let variables = [
        ("DESTINATION", "partner".to_owned()),
        ("SECRETS", "environment".to_owned()),
        ("METRICS", "none".to_owned()),
        ("BUCKET", BUCKET.to_owned()),
        ("QUEUE_URL", queue.clone()),
        ("DEAD_LETTER_URL", queue),
        ("AWS_ENDPOINT_URL_S3", bucket.endpoint.clone()),
        ("CONFIG_DIR", folder.display().to_string()),
        ("MAX_WORKERS", workers.to_string()),
    ];
    Ok(FunctionSettings {
        args: vec![FUNCTION.to_owned(), "forward".to_owned()],
        variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
        timeout: Duration::from_mins(5),
        memory_mb: 256,
        ..FunctionSettings::new("forward", std::env::current_exe()?)
    })
}

/// Every message must be done.
async fn invoke(function: &Function, event: &Bytes) -> anyhow::Result<()> {
    let answer = function.invoke(event.clone()).await.context("forward failed")?;
    let answer: serde_json::Value = serde_json::from_slice(&answer)?;
    ensure!(answer["batchItemFailures"] == json!([]), "forward returned messages: {answer}");
    Ok(())
}
