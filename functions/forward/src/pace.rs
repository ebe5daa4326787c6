//! When requests may begin: at the destination's rate, and not before the partner's `Retry-After`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The pace of all requests of a process.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    /// When the next request may begin.
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// Requests per second in this process, or no limit.
    #[must_use]
    pub fn new(rate: Option<f64>) -> Self {
        let interval = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
        Self { interval, next: Mutex::new(None) }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// How long the turn is away, if that is not before `deadline`.
    pub async fn turn(&self, deadline: Instant) -> Result<(), Duration> {
        let turn = self.take(Instant::now(), deadline)?;
        sleep_until(turn).await;
        Ok(())
    }

    /// No request begins before `wait` has passed.
    pub fn hold(&self, wait: Duration) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (*next).max(Some(Instant::now() + wait));
    }

    fn take(&self, now: Instant, deadline: Instant) -> Result<Instant, Duration> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = next.unwrap_or(now).max(now);
        if turn >= deadline {
            return Err(turn - now);
        }
        *next = Some(turn + self.interval);
        Ok(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_keep_the_rate_and_end_at_the_deadline() {
        let (pace, now) = (Pace::new(Some(10.0)), Instant::now());
        let turns: Vec<_> = (0..4).map(|_| pace.take(now, now + Duration::from_millis(250))).collect();
        let at = |millis| Ok(now + Duration::from_millis(millis));
        assert_eq!(turns, [at(0), at(100), at(200), Err(Duration::from_millis(300))]);
    }

    #[test]
    fn a_hold_concerns_every_request() {
        let (pace, now) = (Pace::new(None), Instant::now());
        assert_eq!(pace.take(now, now + Duration::from_secs(1)), Ok(now));
        pace.hold(Duration::from_secs(5));
        assert!(pace.take(now, now + Duration::from_secs(5)).is_err_and(|wait| wait >= Duration::from_secs(5)));
    }
}
