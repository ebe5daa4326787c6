//! The attempts of one call: a timeout for each, backoff with jitter between them, and a deadline for all.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::config::{Number, Reader};

/// The function's timeout in seconds, as configured on Lambda; 0 means unknown.
///
/// Lambda sends a deadline with every invocation, but tells the function nothing at start, so the template sets this
/// variable.
pub const FUNCTION_TIMEOUT: Number = Number { name: "FUNCTION_TIMEOUT", default: 0, min: 1, max: 900 };

/// The longest pause before the second attempt; it doubles with every further attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest of all pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The least time for an attempt: with less it could not succeed and is not started.
const MIN_ATTEMPT: Duration = Duration::from_millis(20);

/// The attempts of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// The timeout of one attempt.
    pub timeout: Duration,
    /// The number of attempts including the first, at least 1.
    pub count: u32,
}

/// The result of one attempt.
#[derive(Debug)]
pub enum Outcome<T, E> {
    /// It succeeded, or further attempts are pointless.
    Done(T),
    /// It failed with a transient error: another attempt may succeed.
    Again(E),
    /// It failed with a final error.
    Never(E),
}

/// Why a call was given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GaveUp<E> {
    /// The service refused it with a final error.
    #[error("{0}")]
    Refused(E),
    /// All attempts failed: the last error, and the number of attempts.
    #[error("{0}, after {1} attempts")]
    Exhausted(E, u32),
    /// The last attempt timed out: the timeout of a full attempt, or of the only attempt if the deadline cut it short.
    #[error("no answer in {0:?}")]
    TimedOut(Duration),
    /// The deadline left no time for another attempt.
    #[error("out of time")]
    OutOfTime,
}

/// The attempts of one call that remain. Created by [`Attempts::begin`].
#[derive(Debug)]
pub struct Remaining {
    attempts: Attempts,
    made: u32,
}

impl Attempts {
    /// Reads both variables. All attempts together must be shorter than the function's timeout, if that is known.
    /// Otherwise one stuck call would use up an invocation before its last attempt.
    pub fn read(reader: &mut Reader<'_>, timeout: &Number, count: &Number) -> Self {
        let attempts = Self {
            timeout: Duration::from_millis(reader.number(timeout)),
            count: u32::try_from(reader.number(count)).unwrap_or(u32::MAX),
        };
        let limit = Duration::from_secs(reader.number(&FUNCTION_TIMEOUT));
        let longest = attempts.timeout.saturating_mul(attempts.count);
        if !limit.is_zero() && longest >= limit {
            let place = format!("{} × {}", timeout.name, count.name);
            let error = format!("{longest:?} must be less than {}, {limit:?}", FUNCTION_TIMEOUT.name);
            reader.errors().add(place, error);
        }
        attempts
    }

    /// Begins a call, with all attempts remaining.
    #[must_use]
    pub fn begin(self) -> Remaining {
        Remaining { attempts: self, made: 0 }
    }

    /// Attempts `call` until it succeeds, is refused, has no attempts left, or runs out of time at `deadline`.
    ///
    /// # Errors
    /// Why the call was given up.
    pub async fn run<T, E, F>(self, deadline: Instant, mut call: impl FnMut() -> F) -> Result<T, GaveUp<E>>
    where
        F: Future<Output = Outcome<T, E>>,
    {
        let mut remaining = self.begin();
        loop {
            if let Some(end) = remaining.once(deadline, call()).await {
                return end;
            }
        }
    }
}

impl Remaining {
    /// Makes one attempt, which ends by the deadline, and pauses if another can follow.
    ///
    /// `None` means that another attempt can follow. Without enough time no attempt is made, and the call is given up.
    /// An attempt that the deadline cut short is not counted, so a later deadline allows the full number of attempts.
    pub async fn once<T, E>(
        &mut self,
        deadline: Instant,
        call: impl Future<Output = Outcome<T, E>>,
    ) -> Option<Result<T, GaveUp<E>>> {
        let limit = self.attempts.timeout.min(until(deadline));
        if limit < MIN_ATTEMPT {
            return Some(Err(GaveUp::OutOfTime));
        }
        let is_whole = limit == self.attempts.timeout;
        self.made += 1;
        let failure = match timeout(limit, call).await {
            Ok(Outcome::Done(value)) => return Some(Ok(value)),
            Ok(Outcome::Never(error)) => return Some(Err(GaveUp::Refused(error))),
            Ok(Outcome::Again(error)) => GaveUp::Exhausted(error, self.made),
            Err(_) => {
                self.made -= u32::from(!is_whole);
                GaveUp::TimedOut(if self.made > 0 { self.attempts.timeout } else { limit })
            }
        };
        let pause = pause_after(self.made);
        if !self.are_left() || until(deadline) < pause + MIN_ATTEMPT {
            return Some(Err(failure));
        }
        sleep(pause).await;
        None
    }

    /// Whether attempts remain, provided that there is time.
    #[must_use]
    pub fn are_left(&self) -> bool {
        self.made < self.attempts.count
    }
}

fn until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// The pause after this many failed attempts, at most two seconds.
///
/// Full jitter: a random time up to a bound that doubles, so that calls that failed together do not retry together
/// (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
#[must_use]
pub fn pause_after(attempts: u32) -> Duration {
    let bound = FIRST_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
    bound.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    const ATTEMPTS: Attempts = Attempts { timeout: Duration::from_secs(1), count: 3 };

    fn in_(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    fn read(milliseconds: &str, count: &str, seconds: Option<&str>) -> Result<Attempts, String> {
        let number = |name| Number { name, default: 1, min: 1, max: 60_000 };
        let lookup = |name: &str| match name {
            "CALL_TIMEOUT_MS" => Some(milliseconds.to_owned()),
            "CALL_TRIES" => Some(count.to_owned()),
            _ => seconds.map(str::to_owned),
        };
        let mut reader = Reader::new(&lookup);
        let attempts = Attempts::read(&mut reader, &number("CALL_TIMEOUT_MS"), &number("CALL_TRIES"));
        reader.finish(attempts).map_err(|errors| errors.to_string())
    }

    #[test]
    fn all_attempts_together_must_be_shorter_than_the_functions_timeout() {
        let fitting = Attempts { timeout: Duration::from_millis(4_999), count: 4 };
        assert_eq!(read("4999", "4", Some("20")), Ok(fitting));
        let error = "CALL_TIMEOUT_MS × CALL_TRIES: 20s must be less than FUNCTION_TIMEOUT, 20s";
        assert_eq!(read("5000", "4", Some("20")), Err(error.to_owned()));
        assert!(read("60000", "60000", None).is_ok(), "the function's timeout is unknown");
    }

    #[tokio::test(start_paused = true)]
    async fn a_transient_error_is_retried() {
        let mut calls = 0;
        let result = ATTEMPTS
            .run(in_(60), || {
                calls += 1;
                ready(if calls < 3 { Outcome::Again("busy") } else { Outcome::Done(calls) })
            })
            .await;
        assert_eq!(result, Ok(3));
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_bounded() {
        let mut calls = 0;
        let result: Result<(), _> = ATTEMPTS
            .run(in_(60), || {
                calls += 1;
                ready(Outcome::Again("busy"))
            })
            .await;
        assert_eq!((result, calls), (Err(GaveUp::Exhausted("busy", 3)), 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_not_retried() {
        let mut calls = 0;
        let result: Result<(), _> = ATTEMPTS
            .run(in_(60), || {
                calls += 1;
                ready(Outcome::Never("no"))
            })
            .await;
        assert_eq!((result, calls), (Err(GaveUp::Refused("no")), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_call_ends_before_the_deadline() {
        let started = Instant::now();
        let result: Result<(), GaveUp<()>> =
            Attempts { timeout: Duration::from_secs(9), count: 9 }.run(in_(2), std::future::pending).await;
        assert_eq!(result, Err(GaveUp::TimedOut(Duration::from_secs(2))));
        assert!(started.elapsed() <= Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_cut_short_is_not_counted() {
        let mut remaining = ATTEMPTS.begin();
        let stalled = async |remaining: &mut Remaining, seconds| {
            let deadline = Instant::now() + Duration::from_secs_f64(seconds);
            remaining.once::<(), ()>(deadline, std::future::pending()).await
        };
        assert_eq!(stalled(&mut remaining, 0.5).await, Some(Err(GaveUp::TimedOut(Duration::from_millis(500)))));
        assert_eq!(stalled(&mut remaining, 60.0).await, None);
        assert_eq!(stalled(&mut remaining, 60.0).await, None);
        assert!(remaining.are_left());
        assert_eq!(stalled(&mut remaining, 60.0).await, Some(Err(GaveUp::TimedOut(ATTEMPTS.timeout))));
        assert!(!remaining.are_left());
    }

    #[tokio::test(start_paused = true)]
    async fn without_time_no_attempt_is_made() {
        let result: Result<(), GaveUp<()>> =
            ATTEMPTS.run(Instant::now(), || async { panic!("must not be called") }).await;
        assert_eq!(result, Err(GaveUp::OutOfTime));
    }
}
