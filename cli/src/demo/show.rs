//! Shows the content of an object.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use anyhow::Context as _;
use flate2::read::MultiGzDecoder;

/// The number of records to show.
const RECORDS: usize = 2;

/// The path and the first records of an object.
pub(super) fn object(path: &Path) -> anyhow::Result<String> {
    let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
    let lines: Result<Vec<_>, _> = BufReader::new(decoder(path, file)?).lines().take(RECORDS).collect();
    let lines = lines.with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(format!("{}\n{}\n", path.display(), lines.join("\n")))
}

fn decoder(path: &Path, file: File) -> anyhow::Result<Box<dyn Read>> {
    Ok(match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(MultiGzDecoder::new(file)),
        Some("zst") => Box::new(zstd::Decoder::new(file)?),
        _ => Box::new(file),
    })
}
