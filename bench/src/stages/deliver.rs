//! The stages of deliver: unpack, encode, a whole invocation in this process, and one in the function's process.

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
use spillway_deliver::encode::{Compression, Encoder};
use spillway_deliver::index::BatchIndex;
use spillway_deliver::unpack;
use spillway_local::environment::FUNCTION;
use spillway_local::invoke::Invoke as _;
use spillway_local::runtime::Function;
use spillway_shared::message;
use spillway_shared::metrics::emf::METRICS;
use tokio::time::Instant;

use super::Stage;
use super::timing::measure;
use crate::machine::cpu_seconds_of;
use crate::slow_s3::{Behaviour, SlowS3};
use crate::table::{Table, count, float, number, text};
use crate::{doubles, messages};

/// The gzip level of deliver.
const GZIP_LEVEL: u32 = 2;
/// How long the function's process is measured for each compression.
const DURATION: Duration = Duration::from_secs(6);

/// The compressions with their values of `COMPRESSION`.
const COMPRESSIONS: [(Compression, &str); 2] = [(Compression::Gzip, "gzip"), (Compression::Zstd, "zstd")];

/// A batch as deliver gets it, with its content.
pub(super) struct Batch {
    messages: Vec<String>,
    event: Bytes,
    parsed: SqsEvent,
    /// All records, uncompressed.
    records: Vec<u8>,
}

impl Batch {
    /// The records of some documents, of which `together` share each call to SQS.
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

    /// Only decompresses each message.
    fn decompress(&self) -> usize {
        let decompress = |message: &String| {
            let body = message.split_once('\n').map_or("", |(_, body)| body);
            // A body that is not base64 is not compressed.
            let Ok(compressed) = BASE64.decode(body) else { return body.len() };
            zstd::bulk::decompress(&compressed, message::MAX_RECORD_BYTES).map_or(0, |records| records.len())
        };
        black_box(&self.messages).iter().map(decompress).sum()
    }

    /// Only compresses the records.
    fn compress(&self, compression: Compression) -> std::io::Result<Vec<u8>> {
        let records = black_box(self.records.as_slice());
        if matches!(compression, Compression::Zstd) {
            return zstd::bulk::compress(records, 1);
        }
        let room = Vec::with_capacity(records.len());
        let mut encoder = GzEncoder::new(room, flate2::Compression::new(GZIP_LEVEL));
        encoder.write_all(records)?;
        encoder.finish()
    }

    /// The limit of a whole invocation.
    fn recompress(&self, compression: Compression) -> (usize, std::io::Result<Vec<u8>>) {
        (self.decompress(), self.compress(compression))
    }

    fn unpack(&self) -> usize {
        let records = &black_box(&self.parsed).records;
        let indices: Vec<_> = BatchIndex::all(records).collect();
        let messages = unpack::unpack(records, &indices).messages;
        let unpacked = messages.iter().filter_map(|message| unpack::records(&message.sealed).ok());
        unpacked.map(|records| records.len()).sum()
    }

    fn encode(&self, compression: Compression) -> std::io::Result<Vec<u8>> {
        let mut encoder = Encoder::new(compression, self.records.len());
        // As in an invocation: the records of one message at a time.
        let step = self.records.len().div_ceil(self.messages.len());
        for part in black_box(&self.records).chunks(step) {
            encoder.push(part)?;
        }
        encoder.finish()
    }

    fn parse(&self) -> Option<SqsEvent> {
        serde_json::from_slice(black_box(&self.event)).ok()
    }
}

/// Measures every stage on a batch.
pub(super) fn stages(batch: &Batch) -> anyhow::Result<Vec<Stage>> {
    let bytes = batch.records.len();
    ensure!(batch.unpack() == bytes && batch.decompress() == bytes, "records are missing");
    let skip = || serde_json::from_slice::<IgnoredAny>(black_box(&batch.event)).is_ok();
    let mut stages = vec![
        Stage::new("read the event", bytes, || batch.parse(), "serde_json, skipping", skip),
        Stage::new("unpack", bytes, || batch.unpack(), "base64 and zstd alone", || batch.decompress()),
    ];
    for (compression, word) in COMPRESSIONS {
        let (name, limit) = (format!("encode, {word}"), || batch.compress(compression));
        stages.push(Stage::new(name, bytes, || batch.encode(compression), "the compressor alone", limit));
        // A runtime cannot block inside another one, so it gets a separate thread.
        let invocation = std::thread::scope(|scope| scope.spawn(|| invocation(batch, compression, word)).join());
        stages.push(invocation.map_err(|_| anyhow!("the measurement panicked"))??);
    }
    Ok(stages)
}

/// A whole invocation, from the bytes of the event to the answer, without Runtime API and SDK.
fn invocation(batch: &Batch, compression: Compression, word: &str) -> anyhow::Result<Stage> {
    let deliver = doubles::deliver(word)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let invoke = || {
        let deadline = Instant::now() + Duration::from_mins(1);
        batch.parse().map(|event| runtime.block_on(deliver.batch(&event.records, deadline)).is_ok())
    };
    ensure!(invoke() == Some(true), "the batch failed");
    let (name, bytes) = (format!("an invocation without runtime and PUT, {word}"), batch.records.len());
    Ok(Stage::new(name, bytes, invoke, "decompress and compress alone", || batch.recompress(compression)))
}

/// The CPU of the function's process.
struct Process {
    compression: &'static str,
    messages: usize,
    invocations: u64,
    /// CPU seconds of an invocation, and of its limit.
    cpu: f64,
    limit: f64,
}

/// Measures the function's process, which uses the real SDK, with an S3 that discards objects.
pub(super) async fn process(batches: &[Batch]) -> anyhow::Result<Table> {
    let mut processes = Vec::new();
    for (batch, (compression, word)) in batches.iter().flat_map(|batch| COMPRESSIONS.map(|pair| (batch, pair))) {
        let (invocations, cpu) = invoke_repeatedly(batch, word).await?;
        let limit = measure(|| batch.recompress(compression), || ()).work;
        let (messages, cpu) = (batch.messages.len(), cpu / float(invocations));
        processes.push(Process { compression: word, messages, invocations, cpu, limit });
    }
    Ok(Table::new(
        "The whole process of deliver, one batch per invocation",
        &processes,
        &[
            ("COMPRESSION", &|process| text(process.compression)),
            ("messages", &|process| count(process.messages)),
            ("invocations", &|process| count(process.invocations)),
            ("CPU ms per invocation", &|process| number(process.cpu * 1e3, 1)),
            ("decompress and compress alone, ms", &|process| number(process.limit * 1e3, 1)),
            ("ratio", &|process| number(process.cpu / process.limit, 2)),
        ],
    ))
}

/// The number of invocations and their CPU seconds.
async fn invoke_repeatedly(batch: &Batch, compression: &str) -> anyhow::Result<(u64, f64)> {
    let s3 = SlowS3::start(Behaviour::default()).await?;
    let variables = [("COMPRESSION", compression), (METRICS, "none")];
    let function = Function::start(s3.deliver(std::env::current_exe()?, &[FUNCTION, "deliver"], &variables)).await?;
    function.invoke(batch.event.clone()).await.context("deliver failed")?;
    let (before, started, mut invocations) = (cpu_seconds_of(&function.pids()), Instant::now(), 0);
    while started.elapsed() < DURATION {
        function.invoke(batch.event.clone()).await.context("deliver failed")?;
        invocations += 1;
    }
    let cpu = cpu_seconds_of(&function.pids()) - before;
    function.stop().await;
    Ok((invocations, cpu))
}
