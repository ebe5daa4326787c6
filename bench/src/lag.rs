//! How long records took from their receipt to their object.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::read::MultiGzDecoder;
use memchr::memmem;
use spillway_local::s3::Object;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::load::percentile;

/// What stands before the time of receipt in every record.
const RECEIVED_AT: &[u8] = br#""received_at":""#;
/// `2026-11-21T18:39:00.123Z`.
const TIME_BYTES: usize = 24;

/// Seconds from receipt to object, of all records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lag {
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) most: f64,
}

/// Reads all objects; the time of an object is when the last byte of its file was written.
pub(crate) fn of(objects: &[Object]) -> anyhow::Result<Lag> {
    let mut lags = Vec::new();
    for object in objects {
        let stored = std::fs::metadata(&object.path)?.modified()?;
        let records = read(&object.path)?;
        lags.extend(memmem::find_iter(&records, RECEIVED_AT).filter_map(|at| lag(&records[at..], stored)));
    }
    lags.sort_unstable();
    let seconds = |share| percentile(&lags, share) / 1e3;
    Ok(Lag { median: seconds(0.5), p99: seconds(0.99), most: seconds(1.0) })
}

/// The content of an object; its name says how it is compressed.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => MultiGzDecoder::new(file).read_to_end(&mut bytes)?,
        Some("zst") => zstd::stream::read::Decoder::new(file)?.read_to_end(&mut bytes)?,
        _ => io::BufReader::new(file).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

/// In milliseconds; what is no time of receipt has none.
fn lag(record: &[u8], stored: SystemTime) -> Option<u64> {
    let text = record.get(RECEIVED_AT.len()..RECEIVED_AT.len() + TIME_BYTES)?;
    let received = OffsetDateTime::parse(std::str::from_utf8(text).ok()?, &Rfc3339).ok()?;
    let stored = stored.duration_since(UNIX_EPOCH).ok()?.as_millis();
    u64::try_from(i128::try_from(stored).ok()? - received.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_lag_is_what_lies_between_receipt_and_object() {
        let record = br#""received_at":"2026-11-21T18:39:00.123Z","payload":{}}"#;
        let stored = UNIX_EPOCH + Duration::from_millis(1_795_286_340_123 + 1_500);
        assert_eq!(lag(record, stored), Some(1_500));
        assert_eq!(lag(br#""received_at":"never"}"#, stored), None);
    }
}
