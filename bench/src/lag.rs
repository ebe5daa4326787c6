//! The lag of records: the time from their receipt to their object.

use std::time::{SystemTime, UNIX_EPOCH};

use memchr::memmem;
use spillway_local::ledger::each_line;
use spillway_local::s3::Object;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::load::percentile;

/// The bytes in front of the time of receipt in each record.
const RECEIVED_AT: &[u8] = br#""received_at":""#;
/// The length of `2026-11-21T18:39:00.123Z`.
const TIME_BYTES: usize = 24;

/// The lag of all records, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lag {
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

/// Reads all objects; an object counts as stored when the last byte of its file was written.
pub(crate) fn of(objects: &[Object]) -> anyhow::Result<Lag> {
    let mut lags = Vec::new();
    for object in objects {
        let stored = std::fs::metadata(&object.path)?.modified()?;
        each_line(&object.path, u64::MAX, |record| lags.extend(lag(record, stored)))?;
    }
    Ok(Lag::of(&mut lags))
}

impl Lag {
    /// The lag of records, from the milliseconds of each.
    pub(crate) fn of(millis: &mut [u64]) -> Self {
        millis.sort_unstable();
        let seconds = |share| percentile(millis, share) / 1e3;
        Self { median: seconds(0.5), p99: seconds(0.99), max: seconds(1.0) }
    }
}

/// In milliseconds; none for a line without a time of receipt.
pub(crate) fn lag(record: &[u8], stored: SystemTime) -> Option<u64> {
    let at = memmem::find(record, RECEIVED_AT)? + RECEIVED_AT.len();
    let received = OffsetDateTime::parse(std::str::from_utf8(record.get(at..at + TIME_BYTES)?).ok()?, &Rfc3339).ok()?;
    let stored = stored.duration_since(UNIX_EPOCH).ok()?.as_millis();
    u64::try_from(i128::try_from(stored).ok()? - received.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_lag_is_the_time_from_receipt_to_object() {
        let record = br#"{"id":"x","received_at":"2026-11-21T18:39:00.123Z","payload":{}}"#;
        let stored = UNIX_EPOCH + Duration::from_millis(1_795_286_340_123 + 1_500);
        assert_eq!(lag(record, stored), Some(1_500));
        assert_eq!(lag(br#"{"received_at":"never"}"#, stored), None);
    }
}
