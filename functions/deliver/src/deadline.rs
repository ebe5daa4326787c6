//! How an invocation's time is shared out: uploads, then delays of what failed, then the answer.

use std::time::{Duration, SystemTime};

use lambda_runtime::Context;
use tokio::time::Instant;

/// All ends so long before the function's time does: enough to answer. With less than 3.6 s, a twelfth of them.
const FOR_ANSWER: Duration = Duration::from_millis(300);
/// Uploads end so long before that: enough to delay what failed. With less than 2.8 s, a quarter of them.
const FOR_DELAYS: Duration = Duration::from_millis(700);

/// A deadline so long past was never meant.
const LONG_AGO: Duration = Duration::from_hours(24);
/// The time that an invocation has where nobody says: the default of the template.
const UNTOLD: Duration = Duration::from_secs(20);

/// When all must have ended but the answer, on this process's clock.
pub(crate) fn answer_by(context: &Context) -> Instant {
    let left = time_left(context.deadline(), SystemTime::now());
    Instant::now() + left - FOR_ANSWER.min(left / 12)
}

/// `cargo lambda watch` names the same moment of 1970 at every invocation, which is to say none.
fn time_left(deadline: SystemTime, now: SystemTime) -> Duration {
    match deadline.duration_since(now) {
        Err(past) if past.duration() > LONG_AGO => UNTOLD,
        left => left.unwrap_or_default(),
    }
}

/// When uploads must have ended.
pub(crate) fn uploads_end(answer_by: Instant) -> Instant {
    let left = answer_by.saturating_duration_since(Instant::now());
    answer_by - FOR_DELAYS.min(left / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_of_1970_is_none_and_one_that_has_passed_leaves_no_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
        let left = |deadline: SystemTime| time_left(deadline, now);
        assert_eq!(left(SystemTime::UNIX_EPOCH + Duration::from_mins(10)), Duration::from_secs(20));
        assert_eq!(left(now - Duration::from_secs(1)), Duration::ZERO);
        assert_eq!(left(now + Duration::from_secs(7)), Duration::from_secs(7));
    }
}
