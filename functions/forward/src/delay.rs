//! When a failed message comes back: later with every receive, up to 15 minutes.
//!
//! The delays are 2, 4, 8 … 512 seconds and then always 900, of which jitter takes up to a quarter. The
//! [`LAST_RECEIVE`]th receive ends about nine days after the first, within the 14 days that the queue retains messages.

use std::ops::RangeInclusive;

/// A message is dead-lettered after this many receives, which is the most that SQS allows (`maxReceiveCount`).
pub const LAST_RECEIVE: u32 = 1_000;
/// The longest delay, in seconds: the most of SQS's `DelaySeconds`.
pub const LONGEST: u32 = 900;
/// The longest delay after the first receive, in seconds.
const FIRST: u32 = 2;

/// The range of delays, in seconds, for a message that failed in its `receives`-th receive.
#[must_use]
pub fn after(receives: u32) -> RangeInclusive<u32> {
    let bound = (FIRST << receives.saturating_sub(1).min(16)).min(LONGEST);
    bound - bound / 4..=bound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_fifteen_minutes() {
        let ranges: Vec<_> = [1, 2, 3, 9, 10, 1_000, u32::MAX].map(after).into();
        assert_eq!(ranges, [2..=2, 3..=4, 6..=8, 384..=512, 675..=900, 675..=900, 675..=900]);
    }

    #[test]
    fn the_last_receive_is_within_the_retention_of_the_queue() {
        let days = |total: u64| total / 86_400;
        let shortest: u64 = (1..=LAST_RECEIVE).map(|receives| u64::from(*after(receives).start())).sum();
        let longest: u64 = (1..=LAST_RECEIVE).map(|receives| u64::from(*after(receives).end())).sum();
        assert!((7..14).contains(&days(shortest)) && days(longest) < 14, "{shortest} {longest}");
    }
}
