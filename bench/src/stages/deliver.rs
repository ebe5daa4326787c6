//! The stages of deliver: unpack, encode, all of it in this process, and the function's process beside it.

use std::hint::black_box;
use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use aws_lambda_events::event::sqs::SqsEvent;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use flate2::write::GzEncoder;
use serde::de::IgnoredAny;
use spillway_deliver::batch::Deliver;
use spillway_deliver::config::Config;
use spillway_deliver::encode::{Compression, Encoder};
use spillway_deliver::index::BatchIndex;
use spillway_deliver::s3::{Listed, Object, ObjectStore, PutError, Stored};
use spillway_deliver::sqs::{CallError, Hidden, MessageQueue};
use spillway_deliver::unpack;
use spillway_local::environment::FUNCTION;
use spillway_local::invoke::Invoke as _;
use spillway_local::runtime::{Function, FunctionSettings};
use spillway_shared::message;
use spillway_shared::metrics::emf::METRICS;
use spillway_shared::retry::Outcome;
use tokio::time::Instant;

use super::Stage;
use super::timing::{Pair, beside};
use crate::messages;
use crate::process::cpu_seconds;
use crate::run::float;
use crate::slow_s3::{Behaviour, SlowS3};
use crate::table::{Table, number, text};

/// The level of gzip at which deliver compresses.
const GZIP_LEVEL: u32 = 2;
/// How long the function's process is measured for each compression.
const LONG_ENOUGH: Duration = Duration::from_secs(6);

/// A batch as deliver gets it, and what is in it.
pub(super) struct Batch {
    messages: Vec<String>,
    event: Bytes,
    parsed: SqsEvent,
    /// All records, as they are before compression.
    records: Vec<u8>,
}

/// S3 that takes everything at once.
struct Nowhere;

impl ObjectStore for Nowhere {
    async fn put(&self, object: &Object) -> Outcome<Stored, PutError> {
        black_box(object);
        Outcome::Done(Stored::Now)
    }

    async fn list(&self, _prefix: &str, _after: &str) -> Outcome<Listed, PutError> {
        Outcome::Done(Listed::default())
    }
}

/// Nothing fails here, so that nothing is delayed or deleted.
impl MessageQueue for Nowhere {
    async fn delete(&self, _handles: &[String]) -> Outcome<(), CallError> {
        Outcome::Done(())
    }

    async fn hide(&self, _messages: &[Hidden]) -> Outcome<(), CallError> {
        Outcome::Done(())
    }
}

impl Batch {
    /// The records of so many documents, of which so many come together.
    pub(super) fn new(documents: u64, payloads: usize, together: usize) -> anyhow::Result<Self> {
        let messages = messages::packed(documents, payloads, together);
        let event = messages::event(&messages);
        let parsed = serde_json::from_slice(&event)?;
        let mut records = Vec::new();
        for message in &messages {
            records.extend_from_slice(&message::open(message)?.records()?);
        }
        Ok(Self { messages, event, parsed, records })
    }

    pub(super) fn describe(&self) -> String {
        let [messages, kilobytes, records] =
            [self.messages.len(), self.event.len() / 1_000, self.records.len() / 1_000];
        format!("{messages} messages, {kilobytes} KB of event, {records} KB of records")
    }

    /// Decompresses every message and does nothing else.
    fn decompress(&self) -> usize {
        let decompress = |message: &String| {
            let body = message.split_once('\n').map_or("", |(_, body)| body);
            // A message that is not compressed has nothing to be decompressed.
            let Ok(compressed) = BASE64.decode(body) else { return body.len() };
            zstd::bulk::decompress(&compressed, message::MAX_RECORD_BYTES).map_or(0, |records| records.len())
        };
        black_box(&self.messages).iter().map(decompress).sum()
    }

    fn compress(&self, compression: Compression) -> anyhow::Result<Vec<u8>> {
        let records = black_box(self.records.as_slice());
        Ok(match compression {
            Compression::Gzip => {
                let room = Vec::with_capacity(records.len());
                let mut encoder = GzEncoder::new(room, flate2::Compression::new(GZIP_LEVEL));
                encoder.write_all(records)?;
                encoder.finish()?
            }
            Compression::Zstd => zstd::bulk::compress(records, 1)?,
            Compression::None => records.to_vec(),
        })
    }

    fn unpack(&self) -> usize {
        let records = &black_box(&self.parsed).records;
        let indices: Vec<_> = BatchIndex::all(records).collect();
        let unpacked = unpack::unpack(records, &indices);
        unpacked
            .messages
            .iter()
            .filter_map(|message| unpack::records(&message.sealed).ok())
            .map(|records| records.len())
            .sum()
    }

    fn encode(&self, compression: Compression) -> std::io::Result<Vec<u8>> {
        let mut encoder = Encoder::new(compression, self.records.len());
        // As they come: a message at a time.
        let step = self.records.len().div_ceil(self.messages.len());
        for part in black_box(&self.records).chunks(step) {
            encoder.push(part)?;
        }
        encoder.finish()
    }
}

pub(super) fn stages(batch: &Batch) -> anyhow::Result<Vec<Stage>> {
    ensure!(batch.unpack() == batch.records.len() && batch.decompress() == batch.records.len(), "records are missing");
    let stage = |name, limit, pair| Stage { name, limit, bytes: batch.records.len(), pair };
    let event = || serde_json::from_slice::<SqsEvent>(black_box(&batch.event)).map(|event| event.records.len());
    let mut stages = vec![
        stage(
            "read the event",
            "serde_json past it",
            beside(event, || serde_json::from_slice::<IgnoredAny>(black_box(&batch.event)).is_ok()),
        ),
        stage("unpack", "base64 and zstd alone", beside(|| batch.unpack(), || batch.decompress())),
    ];
    for (compression, encode, whole) in COMPRESSIONS {
        let pair = beside(|| batch.encode(compression), || batch.compress(compression));
        stages.push(stage(encode, "the compressor alone", pair));
        stages.push(stage(whole, "decompress and compress alone", in_process(batch, compression)?));
    }
    Ok(stages)
}

const COMPRESSIONS: [(Compression, &str, &str); 2] = [
    (Compression::Gzip, "encode, gzip", "an invocation but for runtime and PUT, gzip"),
    (Compression::Zstd, "encode, zstd", "an invocation but for runtime and PUT, zstd"),
];

fn word(compression: Compression) -> &'static str {
    match compression {
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
        Compression::None => "none",
    }
}

/// From the event's bytes to the answer, with everything but the Runtime API and S3's SDK.
fn in_process(batch: &Batch, compression: Compression) -> anyhow::Result<Pair> {
    let lookup = |name: &str| match name {
        "BUCKET" => Some("spillway".to_owned()),
        "QUEUE_URL" => Some("http://127.0.0.1:1/none".to_owned()),
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "COMPRESSION" => Some(word(compression).to_owned()),
        _ => None,
    };
    let config = Config::read(&lookup).map_err(|faults| anyhow!("{faults}"))?;
    let deliver = Deliver::new(&config, Nowhere, Nowhere);
    // A runtime cannot wait within another one: on a thread of its own.
    std::thread::scope(|scope| scope.spawn(|| beside_invocations(batch, compression, &deliver)).join())
        .map_err(|_| anyhow!("measuring panicked"))?
}

fn beside_invocations(
    batch: &Batch,
    compression: Compression,
    deliver: &Deliver<Nowhere, Nowhere>,
) -> anyhow::Result<Pair> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let invoke = || {
        let event: Option<SqsEvent> = serde_json::from_slice(black_box(&batch.event)).ok();
        let deadline = Instant::now() + Duration::from_mins(1);
        event.map(|event| runtime.block_on(deliver.batch(&event.records, deadline)).is_ok())
    };
    ensure!(invoke() == Some(true), "the batch failed");
    Ok(beside(invoke, || (batch.decompress(), batch.compress(compression))))
}

/// The function's own process, with the real SDK, against an S3 that stores nothing.
pub(super) async fn process(batches: &[Batch]) -> anyhow::Result<Table> {
    let head = [
        "COMPRESSION",
        "messages",
        "invocations",
        "CPU ms an invocation",
        "decompress and compress alone, ms",
        "ratio",
    ];
    let mut table = Table::new("The process of deliver, a batch an invocation, everything included", &head);
    for (compression, batch) in batches.iter().flat_map(|batch| COMPRESSIONS.map(|(word, ..)| (word, batch))) {
        let (invocations, cpu) = invoke_for_long(batch, compression).await?;
        let alone = beside(|| (batch.decompress(), batch.compress(compression)), || ()).work;
        let one = cpu / float(invocations);
        table.row([
            text(word(compression)),
            number(float(batch.messages.len() as u64), 0),
            number(float(invocations), 0),
            number(one * 1e3, 1),
            number(alone * 1e3, 1),
            number(one / alone, 2),
        ]);
    }
    Ok(table)
}

/// How many invocations there were, and their CPU seconds.
async fn invoke_for_long(batch: &Batch, compression: Compression) -> anyhow::Result<(u64, f64)> {
    let s3 = SlowS3::start(Behaviour::default()).await?;
    let variables = [
        ("BUCKET", "spillway"),
        ("QUEUE_URL", "http://127.0.0.1:1/none"),
        ("AWS_ENDPOINT_URL_S3", &s3.endpoint),
        ("COMPRESSION", word(compression)),
        (METRICS, "none"),
    ];
    let function = Function::start(FunctionSettings {
        args: vec![FUNCTION.to_owned(), "deliver".to_owned()],
        variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        timeout: Duration::from_secs(20),
        ..FunctionSettings::new("deliver", std::env::current_exe()?)
    })
    .await?;
    function.invoke(batch.event.clone()).await.context("deliver failed")?;
    let (before, started, mut invocations) = (cpu_seconds(&function.pids()), Instant::now(), 0);
    while started.elapsed() < LONG_ENOUGH {
        function.invoke(batch.event.clone()).await.context("deliver failed")?;
        invocations += 1;
    }
    let cpu = cpu_seconds(&function.pids()) - before;
    function.stop().await;
    Ok((invocations, cpu))
}
