//! The hour of receipt (UTC): the partition of a message and of an object.

use std::fmt;
use std::time::{Duration, SystemTime};

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const HOUR: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]");
const DATE: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

const SECONDS: u64 = 3_600;

/// One hour of UTC, written `2026-11-21T18`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(u32);

impl Hour {
    /// The hour of `time`. A time before 1970 or after 9999 counts as the nearest hour in that range.
    #[must_use]
    pub fn of(time: SystemTime) -> Self {
        const LAST: u64 = 253_402_300_799 / SECONDS;
        let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        Self(u32::try_from((seconds / SECONDS).min(LAST)).unwrap_or(u32::MAX))
    }

    /// Reads `YYYY-MM-DDTHH`. Anything else is `None`, including an hour before 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |byte: u8, at: usize| match at {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            _ => byte.is_ascii_digit(),
        };
        if text.len() != 13 || !text.bytes().enumerate().all(|(at, byte)| digits(byte, at)) {
            return None;
        }
        // `time` parses a date and time only with minutes.
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]");
        let start = PrimitiveDateTime::parse(&format!("{text}:00"), format).ok()?.assume_utc();
        u32::try_from(u64::try_from(start.unix_timestamp()).ok()? / SECONDS).ok().map(Self)
    }

    /// The day in the format of Hive partitions: `2026-11-21`.
    #[must_use]
    pub fn date(self) -> String {
        self.start().format(DATE).unwrap_or_default()
    }

    /// The hour of the day in the format of Hive partitions: `18`.
    #[must_use]
    pub fn of_day(self) -> String {
        format!("{:02}", self.start().hour())
    }

    /// All hours from this one to `last`; none if `last` is earlier.
    pub fn until(self, last: Self) -> impl Iterator<Item = Self> + Clone {
        (self.0..=last.0).map(Self)
    }

    fn start(self) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::from_secs(u64::from(self.0) * SECONDS)
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.start().format(HOUR).map_err(|_| fmt::Error)?)
    }
}

/// A time in the format of records, UTC with milliseconds: `2026-11-21T18:39:00.123Z`.
#[must_use]
pub fn timestamp(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(TIMESTAMP).unwrap_or_default()
}

/// Reads the format of [`timestamp`]. Anything else is `None`, including a time before 1970.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<SystemTime> {
    let moment = PrimitiveDateTime::parse(text, TIMESTAMP).ok()?.assume_utc();
    let nanos = u64::try_from(moment.unix_timestamp_nanos()).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_timestamps_round_trip() {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_286_340_123);
        let hour = Hour::of(moment);
        assert_eq!(hour.to_string(), "2026-11-21T18");
        assert_eq!(Hour::parse("2026-11-21T18"), Some(hour));
        assert_eq!((hour.date().as_str(), hour.of_day().as_str()), ("2026-11-21", "18"));
        assert_eq!(timestamp(moment), "2026-11-21T18:39:00.123Z");
        assert_eq!(parse_timestamp(&timestamp(moment)), Some(moment));
        assert_eq!(parse_timestamp("2026-11-21T18:39:00.123"), None);
        let last = Hour::parse("2026-11-22T00").unwrap();
        let texts: Vec<_> = Hour::parse("2026-11-21T22").unwrap().until(last).map(|hour| hour.to_string()).collect();
        assert_eq!(texts, ["2026-11-21T22", "2026-11-21T23", "2026-11-22T00"]);
    }

    #[test]
    fn anything_but_an_hour_is_refused() {
        for text in
            ["", "2026-11-21", "2026-11-21T24", "2026-13-21T00", "2026-02-30T00", "+026-11-21T1", "../../../..T00"]
        {
            assert_eq!(Hour::parse(text), None, "{text}");
        }
    }
}
