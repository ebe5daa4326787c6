//! How an invocation's time is shared out: uploads, then delays of what failed, then the answer.

use std::time::{Duration, SystemTime};

use lambda_runtime::Context;
use spillway_shared::deadline::time_left;
use tokio::time::Instant;

/// All ends so long before the function's time does: enough to answer. With less than 3.6 s, a twelfth of them.
const FOR_ANSWER: Duration = Duration::from_millis(300);
/// Uploads end so long before that: enough to delay what failed. With less than 2.8 s, a quarter of them.
const FOR_DELAYS: Duration = Duration::from_millis(700);

/// The time of an invocation whose deadline is unknown: the template's default for the function's timeout.
const UNKNOWN: Duration = Duration::from_secs(20);

/// When all must have ended but the answer, on this process's clock.
pub(crate) fn answer_by(context: &Context) -> Instant {
    let left = time_left(context.deadline, SystemTime::now()).unwrap_or(UNKNOWN);
    Instant::now() + left - FOR_ANSWER.min(left / 12)
}

/// When uploads must have ended.
pub(crate) fn uploads_end(answer_by: Instant) -> Instant {
    let left = answer_by.saturating_duration_since(Instant::now());
    answer_by - FOR_DELAYS.min(left / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(deadline_ms: u64) -> Duration {
        let mut context = Context::default();
        context.deadline = deadline_ms;
        answer_by(&context).saturating_duration_since(Instant::now())
    }

    fn now_ms() -> u64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        u64::try_from(now.as_millis()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_deadline_leaves_20_s_and_one_that_has_passed_none() {
        assert_eq!(left(600_000), Duration::from_millis(19_700), "the deadline that `cargo lambda watch` names");
        assert_eq!(left(now_ms() - 1_000), Duration::ZERO);
        assert!(left(now_ms() + 60_000) > UNKNOWN);
    }
}
