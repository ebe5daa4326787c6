//! A bucket in memory, with faults, and objects of records.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use spillway_shared::hour::Hour;
use spillway_shared::metrics::Compacted;
use spillway_shared::retry::{Attempts, Outcome};
use spillway_shared::stream::StreamName;
use tokio::time::Instant;

use crate::hour::{Compactor, End, Error, Settings, Until};
use crate::list::Place;
use crate::rebuild::rows_as_json;
use crate::store::{Listed, Page, Part, Put, Store, StoreError};
use crate::table::Table;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails and has no effect.
    Fails,
    /// It has its effect, and its answer is lost.
    AnswerLost,
    /// The process is killed before the call: it and all later ones fail for good.
    KilledBefore,
    /// The process is killed after the call had its effect.
    KilledAfter,
}

/// A bucket in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) objects: Mutex<BTreeMap<String, Bytes>>,
    calls: Mutex<usize>,
    /// Faults by the number of the call, counted from 0.
    pub(crate) faults: Mutex<HashMap<usize, Fault>>,
    dead: Mutex<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Memory {
    pub(crate) fn insert(&self, key: &str, body: impl Into<Bytes>) {
        lock(&self.objects).insert(key.to_owned(), body.into());
    }

    /// A fault at one call.
    pub(crate) fn fail(&self, call: usize, fault: Fault) {
        lock(&self.faults).insert(call, fault);
    }

    /// A new process: faults are over.
    pub(crate) fn restart(&self) {
        lock(&self.faults).clear();
        *lock(&self.dead) = false;
        *lock(&self.calls) = 0;
    }

    pub(crate) fn calls(&self) -> usize {
        *lock(&self.calls)
    }

    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        lock(&self.objects).keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }

    async fn call<T>(&self, effect: impl FnOnce(&mut BTreeMap<String, Bytes>) -> T) -> Outcome<T, StoreError> {
        // Lets other compactors run between any two calls.
        tokio::task::yield_now().await;
        let number = self.calls();
        *lock(&self.calls) = number + 1;
        let fault = lock(&self.faults).get(&number).copied();
        let error = || StoreError("injected".to_owned());
        if *lock(&self.dead) || fault == Some(Fault::KilledBefore) {
            *lock(&self.dead) = true;
            return Outcome::Never(error());
        }
        if fault == Some(Fault::Fails) {
            return Outcome::Again(error());
        }
        let value = effect(&mut lock(&self.objects));
        match fault {
            Some(Fault::AnswerLost) => Outcome::Again(error()),
            Some(Fault::KilledAfter) => {
                *lock(&self.dead) = true;
                Outcome::Never(error())
            }
            _ => Outcome::Done(value),
        }
    }
}

impl Store for Memory {
    async fn list(&self, prefix: &str, after: &str) -> Outcome<Page, StoreError> {
        const PAGE: usize = 3;
        self.call(|objects| {
            let matching = objects.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after);
            let listed = |(key, body): (&String, &Bytes)| Listed {
                key: key.clone(),
                size: body.len() as u64,
                modified: SystemTime::UNIX_EPOCH,
            };
            let mut objects: Vec<_> = matching.take(PAGE + 1).map(listed).collect();
            let is_truncated = objects.len() > PAGE;
            objects.truncate(PAGE);
            Page { objects, is_truncated }
        })
        .await
    }

    async fn get(&self, key: &str, part: Part) -> Outcome<Option<Bytes>, StoreError> {
        self.call(|objects| {
            objects.get(key).map(|body| match part {
                Part::Whole => body.clone(),
                Part::Range(range) => {
                    let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
                    body.slice(start..end.min(body.len()))
                }
                Part::Last(bytes) => body.slice(body.len().saturating_sub(usize::try_from(bytes).unwrap())..),
            })
        })
        .await
    }

    async fn put(&self, key: &str, body: Bytes) -> Outcome<Put, StoreError> {
        self.call(|objects| {
            if objects.contains_key(key) {
                return Put::Exists;
            }
            objects.insert(key.to_owned(), body);
            Put::Created
        })
        .await
    }
}

pub(crate) fn place() -> Place {
    Place { stream: StreamName::parse("clicks").unwrap(), hour: Hour::parse("2026-11-21T18").unwrap() }
}

pub(crate) fn record_of(id: &str, payload: &str) -> String {
    format!(r#"{{"id":"{id}","stream":"clicks","received_at":"2026-11-21T18:39:00.123Z","payload":{payload}}}"#)
}

/// An object of these lines under a name.
pub(crate) fn store_lines(memory: &Memory, name: &str, lines: &[String]) {
    let text = lines.iter().fold(String::new(), |text, line| text + line + "\n");
    let key = format!("{}{name}.ndjson.zst", place().records("records/"));
    memory.insert(&key, zstd::encode_all(text.as_bytes(), 1).unwrap());
}

pub(crate) fn settings(file_bytes: u64) -> Settings {
    let attempts = Attempts { timeout: Duration::from_secs(1), count: 3 };
    Settings { records_prefix: "records/".to_owned(), attempts, prefetch: 2, file_bytes }
}

/// Compacts the hour with time enough.
pub(crate) async fn compact(memory: &Memory, table: &Table, file_bytes: u64) -> Result<(End, Compacted), Error> {
    let deadline = Instant::now() + Duration::from_mins(10);
    compact_until(memory, table, file_bytes, Until { stop: deadline, deadline }).await
}

pub(crate) async fn compact_until(
    memory: &Memory,
    table: &Table,
    file_bytes: u64,
    until: Until,
) -> Result<(End, Compacted), Error> {
    let settings = settings(file_bytes);
    let mut counts = Compacted::default();
    let end = Compactor { store: memory, settings: &settings }.compact(&place(), table, until, &mut counts).await?;
    Ok((end, counts))
}

/// All rows of all files, in their order.
pub(crate) fn rows_in(memory: &Memory) -> Vec<Value> {
    let files = memory.keys("lake/");
    files.iter().flat_map(|key| rows_of(lock(&memory.objects)[key].clone())).collect()
}

/// The rows of one file as JSON.
pub(crate) fn rows_of(file: Bytes) -> Vec<Value> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.flat_map(|batch| rows_as_json(&batch.unwrap())).collect()
}

/// The payloads and ids in files, sorted.
pub(crate) fn ids(memory: &Memory) -> Vec<String> {
    let mut ids: Vec<_> = rows_in(memory).iter().map(|row| row["id"].as_str().unwrap_or("-").to_owned()).collect();
    ids.sort();
    ids
}

/// A schema with a number and a text.
pub(crate) fn small_table() -> Table {
    let schema = json!({"properties": {"n": {"type": "integer"}, "text": {"type": "string"}}});
    Table::new(crate::table::of_schema(Some(&schema)))
}
