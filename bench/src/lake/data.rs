//! Two sets of an hour's records, and the objects in which deliver stores them.
//!
//! In the first set every payload is random and independent of the others: the least that compression can gain. In the
//! second, all payloads of a document are readings of one device, which change as those of a real one.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use spillway_deliver::encode::{Compression, Encoder};
use spillway_ingest::record::{Shared, Template};
use spillway_local::sample;
use spillway_shared::hour::{parse_timestamp, timestamp};

use crate::messages;

/// Payloads of a document.
const PAYLOADS: usize = 100;
/// The bytes of records of an object of deliver at full load, about: 29 objects of a million records.
const FULL_BYTES: usize = 20 << 20;
/// The records of an object that deliver closes after its window of 5 s, at 500 records/s.
const RECORDS_IN_5_S: usize = 2_500;
/// When the first record was received.
const START: &str = "2026-11-21T18:00:00.000Z";
/// The digest of the schema, as a record names it.
const SCHEMA: &str = "5ad80b3c64e4b0e5";

/// A set of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    /// Independent random payloads.
    Random,
    /// One device for each document.
    Devices,
}

/// Objects of one kind, in one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// zstd, an object for every 5 s.
    Small,
    /// zstd, at full load.
    Zstd,
    /// gzip, at full load.
    Gzip,
}

impl Set {
    pub(crate) const ALL: [Self; 2] = [Self::Random, Self::Devices];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Random => "random payloads",
            Self::Devices => "one device per document",
        }
    }

    /// The bucket with the objects of a layout.
    pub(crate) fn bucket(self, layout: Layout) -> String {
        let set = if self == Self::Random { "random" } else { "devices" };
        format!("{set}-{}", layout.name())
    }

    /// A document's payloads, the first from this time.
    fn document(self, random: &mut fastrand::Rng, time: SystemTime) -> Vec<Value> {
        let device = |random: &mut fastrand::Rng| format!("device-{:04}", random.u32(..2_000));
        let at = |number: usize| timestamp(time + Duration::from_secs(number as u64));
        if self == Self::Random {
            let reading = |_| {
                let device = device(random);
                let mut reading = sample::reading(random, &device, 0);
                reading["at"] = at(random.usize(..PAYLOADS)).into();
                reading
            };
            return (0..PAYLOADS).map(reading).collect();
        }
        let device = device(random);
        let mut reading = sample::reading(random, &device, 0);
        let next = |number| {
            reading["at"] = at(number).into();
            change(&mut reading, random);
            reading.clone()
        };
        (0..PAYLOADS).map(next).collect()
    }
}

/// The next reading of a device: what it measures drifts, and where and what it is stays.
fn change(reading: &mut Value, random: &mut fastrand::Rng) {
    let drift = |value: &Value, by: f64| ((value.as_f64().unwrap_or_default() + by) * 100.0).round() / 100.0;
    reading["temperature_c"] = drift(&reading["temperature_c"], f64::from(random.i32(-20..=20)) / 100.0).into();
    reading["battery_v"] = drift(&reading["battery_v"], f64::from(random.i32(-1..=0)) / 100.0).into();
    reading["power"]["solar_w"] = drift(&reading["power"]["solar_w"], f64::from(random.i32(-30..=30)) / 100.0).into();
    reading["humidity_percent"] = random.u8(40..60).into();
    reading["network"]["rssi_dbm"] = random.i8(-90..-70).into();
    reading["network"]["retries"] = random.u8(..2).into();
    reading["events"] = json!([random.choice(["sample", "sync"]), random.choice(["ok", "ok", "ok", "slow"])]);
    reading["uptime_s"] = (reading["uptime_s"].as_u64().unwrap_or_default() + 1).into();
}

impl Layout {
    pub(crate) const ALL: [Self; 3] = [Self::Small, Self::Zstd, Self::Gzip];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "5s",
            Self::Zstd => "zst",
            Self::Gzip => "gz",
        }
    }

    /// The ending of its objects' names.
    pub(crate) fn ending(self) -> &'static str {
        if self == Self::Gzip { "gz" } else { "zst" }
    }

    fn compression(self) -> Compression {
        if self == Self::Gzip { Compression::Gzip } else { Compression::Zstd }
    }
}

/// Where the objects of an hour of the day are, in the folder of all buckets.
pub(crate) fn folder(bucket: &str, hour: u32) -> PathBuf {
    super::buckets().join(format!("{bucket}/records/stream={}/dt=2026-11-21/hour={hour:02}", messages::stream()))
}

/// Writes this many records as the hour 18 in every layout, unless they are there; returns their bytes.
pub(crate) fn write_once(set: Set, records: usize) -> anyhow::Result<u64> {
    let mut writers: Vec<_> = Layout::ALL.map(|layout| Writer::new(&set.bucket(layout), 18, layout)).into();
    write(set, records, 1, &mut writers)
}

/// Writes a larger hour, 19, of random payloads in the layout of full load with zstd, unless it is there.
pub(crate) fn write_large_once(records: usize) -> anyhow::Result<u64> {
    write(Set::Random, records, 2, &mut [Writer::new(&Set::Random.bucket(Layout::Zstd), 19, Layout::Zstd)])
}

fn write(set: Set, records: usize, seed: u64, writers: &mut [Writer]) -> anyhow::Result<u64> {
    // Written at the end, with the bytes of the records. A hidden file is no object.
    let mark = super::buckets().join(format!(".{records}-records-{seed}-{}", set.bucket(Layout::Zstd)));
    if let Some(bytes) = fs::read_to_string(&mark).ok().and_then(|bytes| bytes.parse().ok()) {
        return Ok(bytes);
    }
    writers.iter().try_for_each(Writer::clear)?;
    let mut random = fastrand::Rng::with_seed(seed);
    let (start, step) = (parse_timestamp(START).unwrap_or(SystemTime::UNIX_EPOCH), 3_600_000 / records.max(1) as u64);
    let mut bytes = 0;
    for first in (0..records).step_by(PAYLOADS) {
        let time = start + Duration::from_millis(first as u64 * step);
        let lines = lines(&set.document(&mut random, time), &mut random, time);
        writers.iter_mut().try_for_each(|writer| writer.push(&lines))?;
        bytes += lines.len() as u64;
    }
    writers.iter_mut().try_for_each(Writer::close)?;
    fs::write(mark, bytes.to_string())?;
    Ok(bytes)
}

/// A document's records as ingest writes them.
fn lines(payloads: &[Value], random: &mut fastrand::Rng, time: SystemTime) -> String {
    let millis = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_millis());
    let bytes = random.u128(..).to_le_bytes();
    let id = uuid::Builder::from_unix_timestamp_millis(u64::try_from(millis).unwrap_or(0), &first_ten(bytes));
    let shared = Shared { schema: Some(SCHEMA), ..Shared::default() };
    let template = Template::new(id.into_uuid(), &messages::stream(), time, &shared);
    let mut lines = String::new();
    for (index, payload) in payloads.iter().enumerate() {
        template.append(&mut lines, index, None, &payload.to_string());
    }
    lines
}

fn first_ten(bytes: [u8; 16]) -> [u8; 10] {
    std::array::from_fn(|at| bytes[at])
}

/// Writes the objects of one layout.
struct Writer {
    folder: PathBuf,
    layout: Layout,
    encoder: Encoder,
    bytes: usize,
    records: usize,
    objects: u128,
}

impl Writer {
    fn new(bucket: &str, hour: u32, layout: Layout) -> Self {
        let encoder = Encoder::new(layout.compression(), 0);
        Self { folder: folder(bucket, hour), layout, encoder, bytes: 0, records: 0, objects: 0 }
    }

    fn clear(&self) -> anyhow::Result<()> {
        let _ = fs::remove_dir_all(&self.folder);
        Ok(fs::create_dir_all(&self.folder)?)
    }

    fn push(&mut self, lines: &str) -> anyhow::Result<()> {
        self.encoder.push(lines.as_bytes())?;
        self.bytes += lines.len();
        self.records += PAYLOADS;
        let is_full =
            if self.layout == Layout::Small { self.records >= RECORDS_IN_5_S } else { self.bytes >= FULL_BYTES };
        if is_full { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> anyhow::Result<()> {
        if self.records == 0 {
            return Ok(());
        }
        let encoder = std::mem::replace(&mut self.encoder, Encoder::new(self.layout.compression(), 0));
        let name = format!("{:032x}.ndjson.{}", self.objects, self.layout.ending());
        fs::write(self.folder.join(name), encoder.finish()?)?;
        (self.bytes, self.records, self.objects) = (0, 0, self.objects + 1);
        Ok(())
    }
}

/// The schema of the payloads: every member is declared.
pub(crate) fn schema() -> Value {
    let (text, whole, number) = (json!({"type": "string"}), json!({"type": "integer"}), json!({"type": "number"}));
    json!({"type": "object", "properties": {
        "device": text,
        "at": {"type": "string", "format": "date-time"},
        "temperature_c": number,
        "humidity_percent": whole,
        "battery_v": number,
        "position": {"properties": {"lat": number, "lon": number}},
        "network": {"properties": {"type": text, "rssi_dbm": whole, "retries": whole}},
        "events": {"type": "array", "items": text},
        "firmware": {"properties": {"version": text, "channel": text}},
        "power": {"properties": {"source": text, "solar_w": number, "charge_percent": whole}},
        "site": {"properties": {"id": text, "name": text, "floor": whole, "zone": text}},
        "uptime_s": whole,
        "session": text,
    }})
}
