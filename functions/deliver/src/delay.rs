//! When a failed message comes back: later with every receive.
//!
//! Without a delay it would come back after the visibility timeout: too late after a single lost call, and together
//! with all others that failed at the same time.
//!
//! A message has 100 receives, and an hour without S3 must not dead-letter any. The shortest delays are 2, 3, 6, 12 and
//! 24 seconds, and then always 45: the hundredth ends 47 + 95 × 45 = 4,322 s, or 72 minutes, after the first. Batching
//! windows and invocations add to that.

/// The longest delay, in seconds.
pub const LONGEST: u32 = 60;

#[cfg(test)]
mod tests {
    use spillway_shared::delay::after;

    use super::*;

    #[test]
    fn an_hour_without_s3_uses_fewer_than_a_hundred_receives() {
        let shortest: u32 = (1..=100).map(|receives| *after(receives, LONGEST).start()).sum();
        assert_eq!(shortest, 4_322);
        assert!(shortest >= 3_600);
    }
}
