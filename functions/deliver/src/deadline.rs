//! Divides the time of an invocation: uploads, then delays of failed messages, then the response.

use std::time::{Duration, SystemTime};

use lambda_runtime::Context;
use spillway_shared::deadline::time_left;
use tokio::time::Instant;

/// Kept free for the response; a twelfth of the time if that is less than 3.6 s.
const FOR_ANSWER: Duration = Duration::from_millis(300);
/// Kept free before that for delaying failed messages; a quarter of the time if that is less than 2.8 s.
const FOR_DELAYS: Duration = Duration::from_millis(700);

/// The time of an invocation whose deadline is unknown: the template's default for the function's timeout.
const UNKNOWN: Duration = Duration::from_secs(20);

/// When everything but the response must have ended, on this process's clock.
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
