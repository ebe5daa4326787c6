//! When a failed message comes back: later with every receive, up to 15 minutes.
//!
//! The delays are 2, 4, 8 … 512 seconds and then always 900, of which jitter takes up to a quarter. The
//! [`LAST_RECEIVE`]th receive ends about nine days after the first, within the 14 days that the queue retains messages.

/// A message is dead-lettered after this many receives, which is the most that SQS allows (`maxReceiveCount`).
pub const LAST_RECEIVE: u32 = 1_000;
/// The longest delay, in seconds: the most of SQS's `DelaySeconds`.
pub const LONGEST: u32 = 900;

#[cfg(test)]
mod tests {
    use spillway_shared::delay::after;

    use super::*;

    #[test]
    fn the_last_receive_is_within_the_retention_of_the_queue() {
        let days = |total: u64| total / 86_400;
        let shortest: u64 = (1..=LAST_RECEIVE).map(|receives| u64::from(*after(receives, LONGEST).start())).sum();
        let longest: u64 = (1..=LAST_RECEIVE).map(|receives| u64::from(*after(receives, LONGEST).end())).sum();
        assert!((7..14).contains(&days(shortest)) && days(longest) < 14, "{shortest} {longest}");
    }
}
