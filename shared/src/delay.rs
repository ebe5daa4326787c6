//! When a message that failed comes back from SQS: later with every receive, and not together with its neighbours.

use std::collections::HashMap;
use std::ops::RangeInclusive;

/// The longest delay after the first receive, in seconds; it doubles with every further one.
const FIRST: u32 = 2;

/// The range of delays, in seconds, for a message that failed in its `receives`-th receive; at most `longest`.
///
/// It is the last quarter below a bound that doubles: enough jitter to spread messages that failed together (a batch at
/// 60 s comes back over 15 s), but not so much that receives are used up early.
#[must_use]
pub fn after(receives: u32, longest: u32) -> RangeInclusive<u32> {
    let doublings = receives.saturating_sub(1).min(16);
    let bound = (FIRST << doublings).min(longest);
    bound - bound / 4..=bound
}

/// How often the message with these attributes was received, including this time; at least 1.
#[must_use]
pub fn receives<S: std::hash::BuildHasher>(attributes: &HashMap<String, String, S>) -> u32 {
    let count = attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    count.unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_to_the_longest() {
        let ranges: Vec<_> = (1..=7).map(|receives| after(receives, 60)).collect();
        assert_eq!(ranges, [2..=2, 3..=4, 6..=8, 12..=16, 24..=32, 45..=60, 45..=60]);
        assert_eq!([9, 10, u32::MAX].map(|receives| after(receives, 900)), [384..=512, 675..=900, 675..=900]);
        assert_eq!(after(0, 60), after(1, 60));
    }

    #[test]
    fn a_missing_or_bad_count_is_a_first_receive() {
        for (text, count) in [("3", 3), ("0", 1), ("many", 1), ("-1", 1)] {
            let attributes = HashMap::from([("ApproximateReceiveCount".to_owned(), text.to_owned())]);
            assert_eq!(receives(&attributes), count, "{text}");
        }
        assert_eq!(receives(&HashMap::new()), 1);
    }
}
