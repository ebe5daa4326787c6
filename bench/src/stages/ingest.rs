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
use spillway_shared::message::MessageId;
use spillway_shared::pool::Budget;
use spillway_shared::stream::Definition;

use super::timing::beside;
use super::{Stage, schema};
use crate::messages::{self, MESSAGE_BYTES};

const LIMIT: usize = 10 << 20;
/// Documents that share calls when many come at once.
const TOGETHER: u64 = 64;

pub(super) fn stages(payloads: usize) -> anyhow::Result<Vec<Stage>> {
    let document = sample::document(1, payloads).into_bytes();
    let mut stages = decoding(&document)?;
    stages.push(splitting(&document, payloads)?);
    stages.extend(judging(&document, payloads)?);
    stages.push(stamping(&document, payloads)?);
    stages.extend(packing(payloads));
    Ok(stages)
}

fn decoding(document: &[u8]) -> anyhow::Result<Vec<Stage>> {
    let budget = Budget::new(LIMIT * 4);
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(document)?;
    let (gzip, zstd) = (gzip.finish()?, zstd::bulk::compress(document, 3)?);
    let decoded = |body: &[u8], coding| decode(black_box(body).to_vec(), coding, LIMIT, &budget);
    let stage = |name, limit, pair| Stage { name, limit, bytes: document.len(), pair };
    Ok(vec![
        stage(
            "decode, not compressed",
            "memcpy",
            beside(|| decoded(document, Coding::Identity), || black_box(document).to_vec()),
        ),
        stage(
            "decode, gzip",
            "inflate alone",
            beside(|| decoded(&gzip, Coding::Gzip), || gunzip(&gzip, document.len())),
        ),
        stage(
            "decode, zstd",
            "zstd alone",
            beside(|| decoded(&zstd, Coding::Zstd), || zstd::bulk::decompress(black_box(&zstd), document.len())),
        ),
    ])
}

fn gunzip(body: &[u8], bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut decoded = Vec::with_capacity(bytes + 1);
    MultiGzDecoder::new(black_box(body)).read_to_end(&mut decoded)?;
    Ok(decoded)
}

fn splitting(document: &[u8], payloads: usize) -> anyhow::Result<Stage> {
    let count = split(document, Form::Json, LIMIT).map_err(|error| anyhow!("{error:?}"))?.payloads.len();
    ensure!(count == payloads, "the document has {count} payloads");
    let pair = beside(
        || split(black_box(document), Form::Json, LIMIT).map(|document| document.payloads.len()),
        || serde_json::from_slice::<Vec<&RawValue>>(black_box(document)).map(|payloads| payloads.len()),
    );
    Ok(Stage { name: "split", limit: "serde_json into raw values", bytes: document.len(), pair })
}

fn judging(document: &[u8], payloads: usize) -> anyhow::Result<Vec<Stage>> {
    let texts: Vec<&RawValue> = serde_json::from_slice(document)?;
    let facts = Facts { opted_out: false };
    let mut stages = Vec::new();
    for (name, schema) in [("judge, no rule", None), ("judge, schema of 13 properties", Some(schema()))] {
        let definition = Definition { schema, ..Definition::default() };
        let judge = Judge::compile(&messages::stream(), &definition).map_err(|faults| anyhow!("{faults}"))?;
        let accepted = || {
            let verdicts = texts.iter().map(|text| judge.judge(&facts, black_box(text.get()).as_bytes()));
            verdicts.filter(|verdict| *verdict == Verdict::Accept).count()
        };
        ensure!(accepted() == payloads, "{} of {payloads} payloads are good", accepted());
        let parsed =
            || texts.iter().map(|text| serde_json::from_str::<Value>(black_box(text.get()))).all(|one| one.is_ok());
        stages.push(Stage {
            name,
            limit: "serde_json into values",
            bytes: document.len(),
            pair: beside(accepted, parsed),
        });
    }
    Ok(stages)
}

fn stamping(document: &[u8], payloads: usize) -> anyhow::Result<Stage> {
    let texts: Vec<&RawValue> = serde_json::from_slice(document)?;
    let lines = messages::piece(1, payloads).lines;
    let stamp = || {
        let template = messages::template();
        let mut lines = String::with_capacity(document.len() + payloads * template.overhead());
        for (index, text) in texts.iter().enumerate() {
            template.append(&mut lines, index, black_box(text.get()));
        }
        lines
    };
    let pair = beside(stamp, || black_box(&lines).to_vec());
    Ok(Stage { name: "stamp", limit: "memcpy of the records", bytes: document.len(), pair })
}

fn packing(payloads: usize) -> Vec<Stage> {
    let pieces: Vec<_> = (0..TOGETHER).map(|seed| messages::piece(seed, payloads)).collect();
    let (one, all) =
        (pieces[0].lines.clone(), pieces.iter().map(|piece| piece.lines.as_ref()).collect::<Vec<_>>().concat());
    let id = || MessageId::new(uuid::Uuid::new_v4().as_u128());
    let alone = beside(|| pack(vec![black_box(&pieces[0]).clone()], MESSAGE_BYTES, id), || seal(&one));
    let together = beside(|| pack(black_box(&pieces).clone(), MESSAGE_BYTES, id), || seal(&all));
    vec![
        Stage { name: "pack, one document", limit: "zstd 1 and base64 alone", bytes: one.len(), pair: alone },
        Stage { name: "pack, 64 documents", limit: "zstd 1 and base64 alone", bytes: all.len(), pair: together },
    ]
}

/// As many messages as ingest makes of it, compressed and in base64, and nothing else.
fn seal(lines: &[u8]) -> Vec<String> {
    let compress = |part: &[u8]| zstd::bulk::compress(part, 1).map(|bytes| BASE64.encode(bytes)).unwrap_or_default();
    black_box(lines).chunks(2 * MESSAGE_BYTES).map(compress).collect()
}
