//! When a failed message comes back: later with every receive.
//!
//! Without this it would come back after the visibility timeout, always the same: too late after one lost call, and
//! together with all that failed beside it.
//!
//! An hour without S3 must cost no dead letters, with the 100 receives that a message has. At the shortest, receives
//! are 2 + 3 + 6 + 12 + 24 seconds apart and then always 45: the hundredth ends 47 + 95 × 45 = 4,322 s, that is 72
//! minutes, after the first. Windows and invocations, which come on top, are not counted.

use std::ops::RangeInclusive;

use aws_lambda_events::event::sqs::SqsMessage;

/// The longest that a failed message stays hidden, in seconds.
pub const LONGEST: u32 = 60;
/// The longest after its first receive; it doubles with every further one.
const FIRST: u32 = 2;

/// How many seconds a message that failed in its `receives`-th receive may stay hidden; one of them is taken at random.
///
/// The last quarter of a bound that doubles: enough jitter to part those that failed together (a batch at 60 s comes
/// back over 15 s), not so much that receives are used up early.
#[must_use]
pub fn after(receives: u32) -> RangeInclusive<u32> {
    let doublings = receives.saturating_sub(1).min(16);
    let bound = (FIRST << doublings).min(LONGEST);
    bound - bound / 4..=bound
}

/// How often a message was received, this time included; at least 1.
#[must_use]
pub fn receives(sqs_message: &SqsMessage) -> u32 {
    let count = sqs_message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    count.unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_a_minute_and_stays_there() {
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
    fn a_count_that_sqs_does_not_say_is_the_first() {
        let mut message = SqsMessage::default();
        for (text, count) in [("3", 3), ("0", 1), ("many", 1), ("-1", 1)] {
            message.attributes = [("ApproximateReceiveCount".to_owned(), text.to_owned())].into();
            assert_eq!(receives(&message), count, "{text}");
        }
        assert_eq!(receives(&SqsMessage::default()), 1);
    }
}
