//! Bounded tries of one call: a time-out each, backoff with jitter between, and never past a deadline.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::config::{Number, Reader};

/// Seconds that one invocation of the function may take, as Lambda is told; 0 is unknown.
///
/// Lambda names a deadline with every invocation, but at start nobody says how long they are: the template does.
pub const FUNCTION_TIMEOUT: Number = Number { name: "FUNCTION_TIMEOUT", default: 0, min: 1, max: 900 };

/// The pause before the second try is at most this; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// No pause is longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A try that has less time than this is not started: it could not end.
const SHORTEST_TRY: Duration = Duration::from_millis(20);

/// How often and how long one call is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// How long one try may take.
    pub timeout: Duration,
    /// How many tries there are, the first included; at least 1.
    pub count: u32,
}

/// What one try came to.
#[derive(Debug)]
pub enum Outcome<T, E> {
    /// It worked, or nothing more can be won.
    Done(T),
    /// It failed in a way that may pass.
    Again(E),
    /// It failed in a way that will not pass.
    Never(E),
}

/// Why a call was given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GaveUp<E> {
    /// The other side refused for good.
    #[error("{0}")]
    Refused(E),
    /// All tries were used up; this is the last failure.
    #[error("{0}, after {1} tries")]
    Exhausted(E, u32),
    /// The last try ran into its time-out; this is what a whole one had, or the only one if the deadline cut it short.
    #[error("no answer in {0:?}")]
    TimedOut(Duration),
    /// The deadline left no time for another try.
    #[error("out of time")]
    OutOfTime,
}

/// The tries of one call, one after the other. Made by [`Tries::begin`].
#[derive(Debug)]
pub struct Remaining {
    tries: Tries,
    made: u32,
}

impl Tries {
    /// Reads both. All time-outs together must be shorter than the function's own, where that is known: else one stuck
    /// call would use up an invocation, and tries that were asked for would never be made.
    pub fn read(reader: &mut Reader<'_>, timeout: &Number, count: &Number) -> Self {
        let tries = Self {
            timeout: Duration::from_millis(reader.number(timeout)),
            count: u32::try_from(reader.number(count)).unwrap_or(u32::MAX),
        };
        let limit = Duration::from_secs(reader.number(&FUNCTION_TIMEOUT));
        let longest = tries.timeout.saturating_mul(tries.count);
        if !limit.is_zero() && longest >= limit {
            let place = format!("{} × {}", timeout.name, count.name);
            let fault = format!("{longest:?} must be less than {}, {limit:?}", FUNCTION_TIMEOUT.name);
            reader.errors().add(place, fault);
        }
        tries
    }

    /// All tries of a call.
    #[must_use]
    pub fn begin(self) -> Remaining {
        Remaining { tries: self, made: 0 }
    }

    /// Tries `call` until it is done, refused, used up or out of time at `deadline`.
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
    /// Makes one try, with a time-out that ends before the deadline, and pauses if there can be another.
    ///
    /// `None` means: try again. Without time nothing is started, and the call is given up. A try that its deadline cut
    /// short is not counted: with a later one, there can be as many whole ones as ever.
    pub async fn once<T, E>(
        &mut self,
        deadline: Instant,
        call: impl Future<Output = Outcome<T, E>>,
    ) -> Option<Result<T, GaveUp<E>>> {
        let limit = self.tries.timeout.min(until(deadline));
        if limit < SHORTEST_TRY {
            return Some(Err(GaveUp::OutOfTime));
        }
        let is_whole = limit == self.tries.timeout;
        self.made += 1;
        let failure = match timeout(limit, call).await {
            Ok(Outcome::Done(value)) => return Some(Ok(value)),
            Ok(Outcome::Never(error)) => return Some(Err(GaveUp::Refused(error))),
            Ok(Outcome::Again(error)) => GaveUp::Exhausted(error, self.made),
            Err(_) => {
                self.made -= u32::from(!is_whole);
                GaveUp::TimedOut(if self.made > 0 { self.tries.timeout } else { limit })
            }
        };
        let pause = pause_after(self.made);
        if !self.are_left() || until(deadline) < pause + SHORTEST_TRY {
            return Some(Err(failure));
        }
        sleep(pause).await;
        None
    }

    /// Whether further tries may follow where there is more time.
    #[must_use]
    pub fn are_left(&self) -> bool {
        self.made < self.tries.count
    }
}

fn until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// How long to wait after so many failed tries, at most two seconds.
///
/// Full jitter: anything up to a bound that doubles, so that those who failed together do not return together
/// (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
#[must_use]
pub fn pause_after(tries: u32) -> Duration {
    let bound = FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
    bound.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    const TRIES: Tries = Tries { timeout: Duration::from_secs(1), count: 3 };

    fn in_(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    fn read(milliseconds: &str, count: &str, seconds: Option<&str>) -> Result<Tries, String> {
        let number = |name| Number { name, default: 1, min: 1, max: 60_000 };
        let lookup = |name: &str| match name {
            "CALL_TIMEOUT_MS" => Some(milliseconds.to_owned()),
            "CALL_TRIES" => Some(count.to_owned()),
            _ => seconds.map(str::to_owned),
        };
        let mut reader = Reader::new(&lookup);
        let tries = Tries::read(&mut reader, &number("CALL_TIMEOUT_MS"), &number("CALL_TRIES"));
        reader.finish(tries).map_err(|faults| faults.to_string())
    }

    #[test]
    fn all_time_outs_together_are_shorter_than_the_functions_own() {
        let fitting = Tries { timeout: Duration::from_millis(4_999), count: 4 };
        assert_eq!(read("4999", "4", Some("20")), Ok(fitting));
        let fault = "CALL_TIMEOUT_MS × CALL_TRIES: 20s must be less than FUNCTION_TIMEOUT, 20s";
        assert_eq!(read("5000", "4", Some("20")), Err(fault.to_owned()));
        assert!(read("60000", "60000", None).is_ok(), "where nobody says how long the function may take");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_passes_is_tried_again() {
        let mut calls = 0;
        let result = TRIES
            .run(in_(60), || {
                calls += 1;
                ready(if calls < 3 { Outcome::Again("busy") } else { Outcome::Done(calls) })
            })
            .await;
        assert_eq!(result, Ok(3));
    }

    #[tokio::test(start_paused = true)]
    async fn tries_are_bounded() {
        let mut calls = 0;
        let result: Result<(), _> = TRIES
            .run(in_(60), || {
                calls += 1;
                ready(Outcome::Again("busy"))
            })
            .await;
        assert_eq!((result, calls), (Err(GaveUp::Exhausted("busy", 3)), 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_not_tried_again() {
        let mut calls = 0;
        let result: Result<(), _> = TRIES
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
            Tries { timeout: Duration::from_secs(9), count: 9 }.run(in_(2), std::future::pending).await;
        assert_eq!(result, Err(GaveUp::TimedOut(Duration::from_secs(2))));
        assert!(started.elapsed() <= Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_cut_short_leaves_all_whole_ones() {
        let mut tries = TRIES.begin();
        let stalled = async |tries: &mut Remaining, seconds| {
            let deadline = Instant::now() + Duration::from_secs_f64(seconds);
            tries.once::<(), ()>(deadline, std::future::pending()).await
        };
        assert_eq!(stalled(&mut tries, 0.5).await, Some(Err(GaveUp::TimedOut(Duration::from_millis(500)))));
        assert_eq!(stalled(&mut tries, 60.0).await, None);
        assert_eq!(stalled(&mut tries, 60.0).await, None);
        assert!(tries.are_left());
        assert_eq!(stalled(&mut tries, 60.0).await, Some(Err(GaveUp::TimedOut(TRIES.timeout))));
        assert!(!tries.are_left());
    }

    #[tokio::test(start_paused = true)]
    async fn without_time_nothing_is_started() {
        let result: Result<(), GaveUp<()>> = TRIES.run(Instant::now(), || async { panic!("must not be called") }).await;
        assert_eq!(result, Err(GaveUp::OutOfTime));
    }
}
