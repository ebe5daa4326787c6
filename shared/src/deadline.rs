//! How much of its time an invocation of a function has left.

use std::time::{Duration, SystemTime};

/// A deadline this far in the past is unknown: `cargo lambda watch` names the same moment of 1970 at every invocation.
const UNKNOWN_AFTER: Duration = Duration::from_hours(24);

/// The time from `now` to an invocation's deadline, which Lambda names in milliseconds since the Unix epoch.
///
/// Zero if the deadline has passed, and `None` if it is unknown: more than a day in the past.
#[must_use]
pub fn time_left(deadline_ms: u64, now: SystemTime) -> Option<Duration> {
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(deadline_ms);
    match deadline.duration_since(now) {
        Ok(left) => Some(left),
        Err(passed) => (passed.duration() <= UNKNOWN_AFTER).then_some(Duration::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 60 * 60 * 1_000;
    const NOW_MS: u64 = 500_000 * HOUR_MS;

    fn left(deadline_ms: u64) -> Option<Duration> {
        time_left(deadline_ms, SystemTime::UNIX_EPOCH + Duration::from_millis(NOW_MS))
    }

    #[test]
    fn a_deadline_ahead_leaves_the_time_up_to_it() {
        assert_eq!(left(NOW_MS + 7_001), Some(Duration::from_millis(7_001)));
    }

    #[test]
    fn a_deadline_that_has_passed_leaves_no_time() {
        for passed in [0, 1, 24 * HOUR_MS] {
            assert_eq!(left(NOW_MS - passed), Some(Duration::ZERO), "{passed} ms ago");
        }
    }

    #[test]
    fn a_deadline_more_than_a_day_ago_is_unknown() {
        for deadline_ms in [NOW_MS - 24 * HOUR_MS - 1, 600_000, 0] {
            assert_eq!(left(deadline_ms), None, "{deadline_ms}");
        }
    }
}
