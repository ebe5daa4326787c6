//! What deliver counts: one line for each batch.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use memchr::memmem::Finder;
use spillway_shared::hour;
use spillway_shared::metrics::Delivered;

use crate::s3::Stored;

/// Where every record has its time of receipt, behind its id and its stream.
const RECEIVED_AT: &[u8] = b"\"received_at\":\"";
/// Finds it; made once, since making it costs as much as a search in one record.
static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(RECEIVED_AT));
/// No record has it further in than this: an id has at most 47 bytes, a stream's name 63, and 40 stand around them.
const BYTES_BEFORE: usize = 160;
/// The bytes of a time: `2026-11-21T18:39:00.123Z`.
const TIME_BYTES: usize = 24;

/// The earliest time of receipt of some records, as it is written: texts of this form sort as times do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Oldest(Option<[u8; TIME_BYTES]>);

/// What one object's way to the store was.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    /// Its records.
    pub records: u64,
    /// Its size after compression.
    pub bytes: u64,
    /// When the first of its records was received.
    pub oldest: Oldest,
    /// How often it was sent.
    pub tries: u64,
    /// Whether it is stored now, was before, or is not.
    pub stored: Option<Stored>,
}

impl Oldest {
    /// Looks at records, a line each.
    ///
    /// Exact and cheap: some 50 ns a record beside the 4 µs that compressing it takes. Neither the first record of a
    /// message alone nor SQS's time of sending would be exact: requests share messages, and they waited before it.
    pub fn see(&mut self, records: &[u8]) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', records) {
            self.see_one(&records[start..end]);
            start = end + 1;
        }
    }

    fn see_one(&mut self, record: &[u8]) {
        let head = &record[..record.len().min(BYTES_BEFORE)];
        let Some(found) = FINDER.find(head) else { return };
        let text = record[found + RECEIVED_AT.len()..].first_chunk::<TIME_BYTES>();
        if let Some(text) = text.filter(|text| self.0.is_none_or(|oldest| **text < oldest)) {
            self.0 = Some(*text);
        }
    }

    /// How long before `now` it was; nothing if no record said a time.
    #[must_use]
    pub fn lag(&self, now: SystemTime) -> Option<Duration> {
        let received_at = hour::parse_timestamp(std::str::from_utf8(&self.0?).ok()?)?;
        Some(now.duration_since(received_at).unwrap_or_default())
    }
}

impl Upload {
    /// Adds it to what was done with its batch, at the time when it ended.
    pub fn count(&self, delivered: &mut Delivered, now: SystemTime) {
        delivered.put_retries += self.tries.saturating_sub(1);
        match self.stored {
            Some(Stored::Now) => {
                delivered.objects += 1;
                delivered.records += self.records;
                delivered.object_bytes += self.bytes;
                delivered.lag = delivered.lag.max(self.oldest.lag(now));
            }
            Some(Stored::Before) => delivered.duplicates += 1,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, stream: &str, time: &str) -> String {
        format!(
            "{{\"id\":\"{id}\",\"stream\":\"{stream}\",\"received_at\":\"{time}\",\"payload\":{{\"received_at\":\"2000-01-01T00:00:00.000Z\"}}}}\n"
        )
    }

    fn lag(records: &str) -> Option<Duration> {
        let mut oldest = Oldest::default();
        oldest.see(records.as_bytes());
        oldest.lag(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_286_341_123))
    }

    #[test]
    fn the_oldest_record_counts_wherever_it_stands() {
        let (id, stream) = ("0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000-4294967295", "s".repeat(63));
        let records = ["2026-11-21T18:39:01.000Z", "2026-11-21T18:39:00.123Z", "2026-11-21T18:39:00.124Z"]
            .map(|time| record(id, &stream, time));
        assert_eq!(lag(&records.concat()), Some(Duration::from_secs(1)));
    }

    #[test]
    fn what_says_no_time_has_no_lag_and_the_future_none_either() {
        for odd in ["", "\n\n", "{}\n", "\"received_at\":\"2026\n", &record("a", "b", "2026-13-21T18:39:00.123Z")] {
            assert_eq!(lag(odd), None, "{odd}");
        }
        assert_eq!(lag(&record("a", "b", "2030-01-01T00:00:00.000Z")), Some(Duration::ZERO));
    }
}
