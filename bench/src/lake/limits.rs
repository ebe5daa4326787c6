//! What no compactor can be faster than: decompressing the same objects, and parsing the same lines.

use std::fs;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::data::{self, Layout, Set};
use crate::machine::thread_cpu;
use crate::table::float;

/// MB of records per CPU second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Decompression alone.
    pub(crate) decompress: f64,
    /// `serde_json` to `Value` alone, of decompressed lines.
    pub(crate) parse: f64,
}

/// Reads the objects of the hour 18 in a layout.
pub(crate) fn measure(set: Set, layout: Layout) -> anyhow::Result<Limits> {
    let (mut bytes, mut decompress, mut parse) = (0, 0.0, 0.0);
    let mut lines = Vec::new();
    for entry in fs::read_dir(data::folder(&set.bucket(layout), 18))? {
        let object = fs::read(entry?.path())?;
        lines.clear();
        let start = thread_cpu();
        match layout {
            Layout::Gzip => MultiGzDecoder::new(object.as_slice()).read_to_end(&mut lines)?,
            _ => zstd::Decoder::with_buffer(object.as_slice())?.read_to_end(&mut lines)?,
        };
        let middle = thread_cpu();
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            std::hint::black_box(serde_json::from_slice::<Value>(line)?);
        }
        decompress += middle.saturating_sub(start).as_secs_f64();
        parse += thread_cpu().saturating_sub(middle).as_secs_f64();
        bytes += lines.len() as u64;
    }
    let speed = |seconds: f64| float(bytes) / seconds / 1e6;
    Ok(Limits { decompress: speed(decompress), parse: speed(parse) })
}
