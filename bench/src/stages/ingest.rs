//! The stages of ingest: decode, split, judge, stamp, pack.

use std::hint::black_box;
use std::io::{Read as _, Write as _};

use anyhow::{anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use serde_json::value::RawValue;
use spillway_ingest::body::{Coding, Form, decode};
use spillway_ingest::judge::{Facts, Judge, Verdict};
use spillway_ingest::pack::pack;
use spillway_ingest::payloads::split;
use spillway_local::sample;
use spillway_shared::pool::Budget;
use spillway_shared::stream::Definition;

use super::{Stage, schema};
use crate::messages::{self, MESSAGE_BYTES};

const LIMIT: usize = 10 << 20;
/// The number of documents that share calls at high load.
const TOGETHER: u64 = 64;

/// Measures every stage on a document.
pub(super) fn stages(payloads: usize) -> anyhow::Result<Vec<Stage>> {
    let document = sample::document(1, payloads).into_bytes();
    let texts: Vec<&RawValue> = serde_json::from_slice(&document)?;
    let mut stages = decoding(&document)?;
    stages.push(splitting(&document, payloads)?);
    stages.push(judging("judge, no rule", None, &document, &texts)?);
    stages.push(judging("judge, schema of 13 properties", Some(schema()), &document, &texts)?);
    stages.push(stamping(&document, &texts));
    stages.extend(packing(payloads));
    Ok(stages)
}

fn decoding(document: &[u8]) -> anyhow::Result<Vec<Stage>> {
    let (budget, bytes) = (Budget::new(LIMIT * 4), document.len());
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(document)?;
    let (gzip, zstd) = (gzip.finish()?, zstd::bulk::compress(document, 3)?);
    let decoded = |body: &[u8], coding| decode(black_box(body).to_vec(), coding, LIMIT, &budget);
    let plain = || decoded(document, Coding::Identity);
    let unzstd = || zstd::bulk::decompress(black_box(&zstd), bytes);
    Ok(vec![
        Stage::new("decode, not compressed", bytes, plain, "memcpy", || black_box(document).to_vec()),
        Stage::new("decode, gzip", bytes, || decoded(&gzip, Coding::Gzip), "inflate alone", || gunzip(&gzip, bytes)),
        Stage::new("decode, zstd", bytes, || decoded(&zstd, Coding::Zstd), "zstd alone", unzstd),
    ])
}

fn gunzip(body: &[u8], bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut decoded = Vec::with_capacity(bytes + 1);
    MultiGzDecoder::new(black_box(body)).read_to_end(&mut decoded)?;
    Ok(decoded)
}

fn splitting(document: &[u8], payloads: usize) -> anyhow::Result<Stage> {
    let split = || split(black_box(document), Form::Json, LIMIT).map(|document| document.payloads.len());
    let raw = || serde_json::from_slice::<Vec<&RawValue>>(black_box(document)).map(|payloads| payloads.len());
    let count = split().map_err(|error| anyhow!("{error:?}"))?;
    ensure!(count == payloads, "the document has {count} payloads");
    Ok(Stage::new("split", document.len(), split, "serde_json into raw values", raw))
}

fn judging(name: &'static str, schema: Option<Value>, document: &[u8], texts: &[&RawValue]) -> anyhow::Result<Stage> {
    let definition = Definition { schema, ..Definition::default() };
    let judge = Judge::compile(&messages::stream(), &definition).map_err(|errors| anyhow!("{errors}"))?;
    let facts = Facts { opted_out: false };
    let accepted = || {
        let verdicts = texts.iter().map(|text| judge.judge(&facts, black_box(text.get()).as_bytes()));
        verdicts.filter(|verdict| *verdict == Verdict::Accept).count()
    };
    ensure!(accepted() == texts.len(), "{} of {} payloads are accepted", accepted(), texts.len());
    let parsed = || texts.iter().all(|text| serde_json::from_str::<Value>(black_box(text.get())).is_ok());
    Ok(Stage::new(name, document.len(), accepted, "serde_json into values", parsed))
}

fn stamping(document: &[u8], texts: &[&RawValue]) -> Stage {
    let lines = messages::piece(1, texts.len()).lines;
    let stamp = || {
        let template = messages::template();
        let mut lines = String::with_capacity(document.len() + texts.len() * template.overhead());
        for (index, text) in texts.iter().enumerate() {
            template.append(&mut lines, index, None, black_box(text.get()));
        }
        lines
    };
    Stage::new("stamp", document.len(), stamp, "memcpy of the records", || black_box(&lines).to_vec())
}

fn packing(payloads: usize) -> [Stage; 2] {
    let pieces: Vec<_> = (0..TOGETHER).map(|seed| messages::piece(seed, payloads)).collect();
    [("pack, one document", &pieces[..1]), ("pack, 64 documents", &pieces[..])].map(|(name, pieces)| {
        let lines: Vec<u8> = pieces.iter().map(|piece| piece.lines.as_ref()).collect::<Vec<_>>().concat();
        let pack = || pack(black_box(pieces).to_vec(), MESSAGE_BYTES, |_| messages::new_id());
        Stage::new(name, lines.len(), pack, "zstd 1 and base64 alone", || seal(&lines))
    })
}

/// Compresses and encodes the records of as many messages as ingest packs.
fn seal(lines: &[u8]) -> Vec<String> {
    let compress = |part: &[u8]| zstd::bulk::compress(part, 1).map(|bytes| BASE64.encode(bytes)).unwrap_or_default();
    black_box(lines).chunks(2 * MESSAGE_BYTES).map(compress).collect()
}
