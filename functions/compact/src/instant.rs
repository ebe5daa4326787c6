//! Date-times (RFC 3339): text to microseconds since 1970, if they are exact.

use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime};

const SECONDS_OF_A_DAY: i64 = 86_400;
/// The Julian day of 1970-01-01.
const JULIAN_DAY_OF_1970: i32 = 2_440_588;

/// Microseconds since 1970 of a date-time (RFC 3339); `None` if it is finer, or no date-time.
#[must_use]
pub fn micros(text: &str) -> Option<i64> {
    plain(text).or_else(|| exact(text))
}

/// The same rounded down, for times that Spillway itself has derived from a payload.
#[must_use]
pub fn micros_rounded(text: &str) -> Option<i64> {
    plain(text).or_else(|| i64::try_from(nanos(text)?.div_euclid(1_000)).ok())
}

/// The form in which Spillway and most clients write times, such as `2026-11-21T18:39:00.123Z`; it is parsed faster
/// than the general form.
fn plain(text: &str) -> Option<i64> {
    let (start, fraction) = text.as_bytes().strip_suffix(b"Z")?.split_at_checked(19)?;
    let separators = [start[4], start[7], start[10], start[13], start[16]];
    if separators != *b"--T::" {
        return None;
    }
    let pair = |at: usize| number(&start[at..at + 2]);
    let (year, month) =
        (i32::try_from(number(&start[..4])?).ok()?, Month::try_from(u8::try_from(pair(5)?).ok()?).ok()?);
    let day = Date::from_calendar_date(year, month, u8::try_from(pair(8)?).ok()?).ok()?.to_julian_day();
    let (hour, minute, second) = (pair(11)?, pair(14)?, pair(17)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = i64::from(day - JULIAN_DAY_OF_1970);
    let seconds = days * SECONDS_OF_A_DAY + i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    Some(seconds * 1_000_000 + micros_of(fraction)?)
}

/// `.123` is 123,000; no fraction is 0.
fn micros_of(fraction: &[u8]) -> Option<i64> {
    let Some((point, digits)) = fraction.split_first() else { return Some(0) };
    let missing = 6_u32.checked_sub(u32::try_from(digits.len()).ok()?).filter(|missing| *missing < 6)?;
    (*point == b'.').then_some(())?;
    Some(i64::from(number(digits)? * 10_u32.pow(missing)))
}

/// A number of at most 6 digits.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
}

fn exact(text: &str) -> Option<i64> {
    let nanos = nanos(text)?;
    (nanos % 1_000 == 0).then(|| i64::try_from(nanos / 1_000).ok())?
}

fn nanos(text: &str) -> Option<i128> {
    // A leap second would become the second before it, and digits after the ninth would be dropped.
    let bytes = text.as_bytes();
    let is_exact = bytes.get(17..19).is_some_and(|second| second != b"60") && fraction_digits(bytes) <= 9;
    is_exact.then(|| OffsetDateTime::parse(text, &Rfc3339).ok()).flatten().map(OffsetDateTime::unix_timestamp_nanos)
}

fn fraction_digits(bytes: &[u8]) -> usize {
    bytes.get(20..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn date_times_of_the_same_instant_are_equal() {
        let noon = Some(1_795_262_400_000_000);
        for text in [
            "2026-11-21T12:00:00Z",
            "2026-11-21T13:00:00+01:00",
            "2026-11-21t12:00:00.000z",
            "2026-11-21T12:00:00.000000000Z",
            "2026-11-21T00:30:00-11:30",
        ] {
            assert_eq!(micros(text), noon, "{text}");
        }
        assert_eq!(micros("1969-12-31T23:59:59.999999Z"), Some(-1));
        for text in [
            "2026-11-21T12:00:00.0000001Z",
            "2026-11-21T12:00:00.0000000001Z",
            "2026-11-21",
            "",
            "12:00:00Z",
            "2026-11-21T12:00:00",
            "2016-12-31T23:59:60Z",
            "2026-13-21T12:00:00Z",
            "2026-11-21T12:00:00Zä",
            "ä",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
        assert_eq!(micros_rounded("1969-12-31T23:59:59.9999999Z"), Some(-1));
    }

    proptest! {
        #[test]
        fn plain_date_times_are_those_of_the_general_form(text in "[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,8})?Z") {
            prop_assert!(plain(&text).is_none_or(|micros| exact(&text) == Some(micros)), "{}", text);
            prop_assert_eq!(micros(&text), exact(&text), "{}", text);
        }
    }
}
