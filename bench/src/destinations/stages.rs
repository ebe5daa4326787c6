//! The CPU time of forward's stages without HTTP, compared with decompression alone.

use std::hint::black_box;
use std::ops::Range;
use std::time::Duration;

use anyhow::ensure;
use bytes::Bytes;
use futures::executor::block_on;
use serde_json::json;
use spillway_forward::batches::Batches;
use spillway_forward::event::WHOLE;
use spillway_forward::object::Lines;
use spillway_forward::s3::{Chunk, Objects, ReadError};
use spillway_shared::destination::{self, Destination};
use spillway_shared::retry::{Attempts, Outcome};
use tokio::time::Instant;

use crate::messages;
use crate::stages::timing::measure;
use crate::table::{Table, number, text};

const RECORDS: usize = 10_000;
const KEY: &str = "a.ndjson.zst";
const ATTEMPTS: Attempts = Attempts { timeout: Duration::from_secs(5), count: 1 };

/// An object in memory.
struct Memory(Bytes);

impl Objects for Memory {
    async fn get(&self, _key: &str, range: Range<u64>) -> Outcome<Chunk, ReadError> {
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        Outcome::Done(Chunk { bytes: self.0.slice(at(range.start)..at(range.end)), total: self.0.len() as u64 })
    }
}

/// CPU seconds per million records of a kind of destination.
struct Stages {
    name: &'static str,
    cpu: f64,
    decompress: f64,
}

/// Measures the stages from an object's bytes to the bodies of requests.
pub(super) fn table(batch: usize) -> anyhow::Result<Table> {
    let lines = messages::piece(1, RECORDS).lines;
    let object = Memory(zstd::bulk::compress(&lines, 1)?.into());
    let members = [
        ("records", json!({})),
        ("payloads", json!({"format": "payloads"})),
        ("records, with a condition", json!({"where": {"/firmware/channel": ["stable"]}})),
        ("payloads without a member", json!({"format": "payloads", "omit": ["/position"]})),
    ];
    let mut rows = Vec::new();
    for (name, members) in members {
        let mut file =
            json!({"url": "https://partner.example/", "streams": ["telemetry"], "batch": {"records": batch}});
        file.as_object_mut().into_iter().for_each(|file| file.extend(members.as_object().cloned().unwrap_or_default()));
        let destination = destination::parse("partner", file.to_string().as_bytes())?;
        ensure!(block_on(batches(&object, &destination)) == Some(RECORDS as u64), "records are missing");
        let pair = measure(
            || block_on(batches(black_box(&object), &destination)),
            || zstd::bulk::decompress(black_box(&object.0), lines.len()).map_or(0, |lines| lines.len()),
        );
        let per_million = |seconds: f64| seconds * 1e6 / crate::table::float(RECORDS);
        rows.push(Stages { name, cpu: per_million(pair.work), decompress: per_million(pair.limit) });
    }
    Ok(Table::new(
        "From an object to the bodies of requests, without HTTP",
        &rows,
        &[
            ("destination", &|row| text(row.name)),
            ("CPU s per million", &|row| number(row.cpu, 2)),
            ("decompression alone", &|row| number(row.decompress, 2)),
        ],
    ))
}

/// Makes all batches, and returns the number of their records.
async fn batches(object: &Memory, destination: &Destination) -> Option<u64> {
    let lines = Lines::new(object, KEY, ATTEMPTS, Instant::now() + ATTEMPTS.timeout).ok()?;
    let (mut batches, mut records) = (Batches::new(lines, destination, &WHOLE).await.ok()?, 0);
    while let Some(batch) = batches.next().await.ok()? {
        records += black_box(batch).records;
    }
    Some(records)
}
