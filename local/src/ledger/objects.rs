//! Reads the lines of objects, with bounded memory whatever they contain.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

/// A record is at most 1 MiB; what is longer is read as several lines.
const MAX_LINE_BYTES: u64 = 2 << 20;
const BUFFER_BYTES: usize = 1 << 18;

/// Whether an object holds records, by its name.
pub(crate) fn holds_records(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    [".ndjson", ".ndjson.gz", ".ndjson.zst"].iter().any(|end| name.ends_with(end))
}

/// Passes each line that is not empty to `visit`, up to `bytes` of the file. The name of the file names its compression.
///
/// # Errors
/// The file cannot be read or decompressed; `visit` has got the lines before the error.
pub fn each_line(path: &Path, bytes: u64, mut visit: impl FnMut(&[u8])) -> io::Result<()> {
    each_line_until(path, bytes, |line| {
        visit(line);
        ControlFlow::Continue(())
    })
}

/// The same until `visit` breaks.
///
/// # Errors
/// As [`each_line`].
pub fn each_line_until(path: &Path, bytes: u64, visit: impl FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<()> {
    let file = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?.take(bytes));
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => lines(MultiGzDecoder::new(file), visit),
        Some("zst") => lines(zstd::stream::read::Decoder::with_buffer(file)?, visit),
        _ => lines(file, visit),
    }
}

/// The body of a quarantined message.
pub(super) fn quarantined_body(path: &Path) -> io::Result<String> {
    #[derive(Deserialize)]
    struct Quarantined<'a> {
        #[serde(borrow)]
        body: Cow<'a, str>,
    }
    let text = std::fs::read(path)?;
    let quarantined: Quarantined<'_> = serde_json::from_slice(&text)?;
    Ok(quarantined.body.into_owned())
}

fn lines(reader: impl Read, mut visit: impl FnMut(&[u8]) -> ControlFlow<()>) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, reader);
    let mut line = Vec::new();
    while reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? > 0 {
        let content = line.strip_suffix(b"\n").unwrap_or(&line);
        if !content.is_empty() && visit(content).is_break() {
            break;
        }
        line.clear();
    }
    Ok(())
}
