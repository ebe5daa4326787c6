//! When a failed message comes back: later with every receive.
//!
//! Without a delay it would come back after the visibility timeout: too late after a single lost call, and together
//! with all others that failed at the same time.
//!
//! A message has 100 receives, and an hour without S3 must not dead-letter any. The shortest delays are 2, 3, 6, 12 and
//! 24 seconds, and then always 45: the hundredth ends 47 + 95 × 45 = 4,322 s, or 72 minutes, after the first. Batching
//! windows and invocations add to that.

use std::ops::RangeInclusive;

use aws_lambda_events::event::sqs::SqsMessage;

/// The longest delay, in seconds.
pub const LONGEST: u32 = 60;
/// The longest delay after the first receive, in seconds; it doubles with every further one.
const FIRST: u32 = 2;

/// The range of delays, in seconds, for a message that failed in its `receives`-th receive.
///
/// It is the last quarter below a bound that doubles: enough jitter to spread messages that failed together (a batch at
/// 60 s comes back over 15 s), but not so much that receives are used up early.
#[must_use]
pub fn after(receives: u32) -> RangeInclusive<u32> {
    let doublings = receives.saturating_sub(1).min(16);
    let bound = (FIRST << doublings).min(LONGEST);
    bound - bound / 4..=bound
}

/// How often a message was received, including this time; at least 1.
#[must_use]
pub fn receives(sqs_message: &SqsMessage) -> u32 {
    let count = sqs_message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    count.unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_to_a_minute() {
        let ranges: Vec<_> = (1..=7).map(after).collect();
        assert_eq!(ranges, [2..=2, 3..=4, 6..=8, 12..=16, 24..=32, 45..=60, 45..=60]);
        assert_eq!(after(u32::MAX), 45..=60);
        assert_eq!(after(0), after(1));
    }

    #[test]
    fn an_hour_without_s3_uses_fewer_than_a_hundred_receives() {
        let shortest: u32 = (1..=100).map(|receives| *after(receives).start()).sum();
        assert_eq!(shortest, 4_322);
        assert!(shortest >= 3_600);
    }

    #[test]
    fn a_missing_or_bad_count_is_a_first_receive() {
        let mut message = SqsMessage::default();
        for (text, count) in [("3", 3), ("0", 1), ("many", 1), ("-1", 1)] {
            message.attributes = [("ApproximateReceiveCount".to_owned(), text.to_owned())].into();
            assert_eq!(receives(&message), count, "{text}");
        }
        assert_eq!(receives(&SqsMessage::default()), 1);
    }
}
