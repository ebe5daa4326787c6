//! Event times: when an event happened, as its client says.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use time::OffsetDateTime;
use time::UtcOffset;
use time::format_description::well_known::Rfc3339;

use crate::pointer::Pointer;

/// From this number on, a time in seconds or milliseconds is one in milliseconds: 10^11 seconds are the year 5138.
const FIRST_MILLISECONDS: i128 = 100_000_000_000;
const NANOS_PER_SECOND: i128 = 1_000_000_000;
/// More digits than any time has.
const MAX_DIGITS: usize = 30;

/// Where a payload has its time, and in which unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRule {
    /// Where the time is.
    pub pointer: Pointer,
    /// Its unit.
    #[serde(default)]
    pub unit: Unit,
}

/// The unit of a time. Numbers since 1970 may have a fraction, and may be written as strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A string such as `2026-11-21T19:39:00.5+01:00`.
    #[default]
    Rfc3339,
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Nanoseconds.
    Ns,
    /// Seconds, or milliseconds from 10^11 on.
    SOrMs,
}

/// A time in UTC of the years 0 to 9999, displayed as in records: `2026-11-21T18:39:00.5Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTime(OffsetDateTime);

impl TimeRule {
    /// The time of a payload, a JSON text; `None` if it is missing or cannot be read.
    #[must_use]
    pub fn read(&self, payload: &str) -> Option<EventTime> {
        let value = self.pointer.find_raw(payload)?.get();
        let is_text = value.starts_with('"');
        let text = if is_text { serde_json::from_str::<Text<'_>>(value).ok()?.0 } else { Cow::Borrowed(value) };
        match self.unit {
            Unit::Rfc3339 => EventTime::new(OffsetDateTime::parse(&text, &Rfc3339).ok()?),
            unit => EventTime::since_1970(unit.nanoseconds(&text)?),
        }
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Unit {
    fn nanoseconds(self, text: &str) -> Option<i128> {
        match self {
            Self::Rfc3339 => None,
            Self::S => scaled(text, 9),
            Self::Ms => scaled(text, 6),
            Self::Ns => scaled(text, 0),
            Self::SOrMs => {
                let of_seconds = scaled(text, 9)?;
                let are_seconds = of_seconds / NANOS_PER_SECOND < FIRST_MILLISECONDS;
                Some(if are_seconds { of_seconds } else { of_seconds / 1_000 })
            }
        }
    }
}

/// A decimal number times a power of ten, exactly; digits behind the last place are cut. Floats would lose nanoseconds.
fn scaled(number: &str, power: i32) -> Option<i128> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.len() > MAX_DIGITS || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let exponent = exponent.parse::<i8>().ok()?;
    let power = power + i32::from(exponent) - i32::try_from(fraction.len()).ok()?;
    let (value, factor) = (digits.parse::<i128>().ok()?, 10_i128.checked_pow(power.unsigned_abs())?);
    if power < 0 { Some(value.div_euclid(factor)) } else { value.checked_mul(factor) }
}

impl EventTime {
    /// Clients write 0 for a time that they do not know.
    fn since_1970(nanoseconds: i128) -> Option<Self> {
        let is_known = nanoseconds != 0;
        is_known.then(|| OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()).flatten().and_then(Self::new)
    }

    fn new(time: OffsetDateTime) -> Option<Self> {
        let time = time.checked_to_offset(UtcOffset::UTC)?;
        (0..=9_999).contains(&time.year()).then_some(Self(time))
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(unit: &str, value: &str) -> Option<String> {
        let rule: TimeRule = serde_json::from_str(&format!(r#"{{"pointer":"/t","unit":"{unit}"}}"#)).unwrap();
        rule.read(&format!(r#"{{"a":{{"t":1}},"t":{value}}}"#)).map(|time| time.to_string())
    }

    #[test]
    fn times_become_utc_with_the_digits_that_they_have() {
        for (unit, value, expected) in [
            ("rfc3339", r#""2026-11-26T10:00:00Z""#, "2026-11-26T10:00:00Z"),
            ("rfc3339", r#""2026-11-26T11:29:47.958301+01:00""#, "2026-11-26T10:29:47.958301Z"),
            ("rfc3339", r#""2026-11-26T11:29:47.958301001\u005a""#, "2026-11-26T11:29:47.958301001Z"),
            ("s", "1795692615.750114", "2026-11-26T11:30:15.750114Z"),
            ("s", r#""1795692615""#, "2026-11-26T11:30:15Z"),
            ("s", "1.795692615e9", "2026-11-26T11:30:15Z"),
            ("ms", "1795692589400", "2026-11-26T11:29:49.4Z"),
            ("ms", r#""1795692589400.5""#, "2026-11-26T11:29:49.4005Z"),
            ("ns", r#""1795692666709252565""#, "2026-11-26T11:31:06.709252565Z"),
            ("s-or-ms", "1795692589", "2026-11-26T11:29:49Z"),
            ("s-or-ms", "1795692589400", "2026-11-26T11:29:49.4Z"),
            ("s", "-0.5", "1969-12-31T23:59:59.5Z"),
        ] {
            assert_eq!(read(unit, value).as_deref(), Some(expected), "{unit} {value}");
        }
    }

    #[test]
    fn anything_else_is_no_time() {
        for (unit, value) in [
            ("rfc3339", "1795692589400"),
            ("rfc3339", r#""2026-11-26T10:00:00""#),
            ("rfc3339", r#""2026-13-26T10:00:00Z""#),
            ("rfc3339", r#""0000-01-01T00:00:00+23:59""#),
            ("s", "0"),
            ("ns", r#""0""#),
            ("s", "null"),
            ("s", "true"),
            ("s", r#""""#),
            ("s", r#""1.-5""#),
            ("s", "1e99"),
            ("s", "1e-99"),
            ("s", "1e999"),
            ("s", "1795692589400"),
            ("s", "123456789012345678901234567890123"),
            ("ms", "[1795692589400]"),
            ("ms", r#"{"a":1}"#),
        ] {
            assert_eq!(read(unit, value), None, "{unit} {value}");
        }
    }

    #[test]
    fn a_pointer_alone_means_rfc_3339() {
        let rule: TimeRule = serde_json::from_str(r#"{"pointer":"/t"}"#).unwrap();
        assert_eq!(rule.unit, Unit::Rfc3339);
        assert_eq!(rule.read("{}"), None);
    }
}
