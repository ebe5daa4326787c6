//! A circuit breaker for a service, S3 or a partner: after several failures in a row, calls go out one at a time, as
//! probes.

use std::future::Future;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Failures in a row, each after all its attempts, that open the breaker: then the service is at fault and not what is
/// sent.
const FAILURES: u32 = 10;
/// The longest time between two probes; the shortest is half of it, and jitter chooses.
const PAUSE: Duration = Duration::from_secs(1);

/// What all calls of a process know about the service.
#[derive(Debug, Default)]
pub struct Breaker {
    failures: AtomicU32,
    failed_probes: AtomicU64,
    /// Locked by the running probe. Contains when the next one may go out.
    probe: Mutex<Option<Instant>>,
}

/// The number of probes that had failed at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(u64);

impl Breaker {
    /// Whether calls go out only as probes.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= FAILURES
    }

    /// The current moment. Passed to [`Breaker::pass`], it lets a probe that fails later hold back calls planned
    /// earlier.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment(self.failed_probes.load(Ordering::Relaxed))
    }

    /// Makes a call, or returns `None` without making it if a probe has failed since `since`.
    ///
    /// While the service fails, each call waits for the probe before it, so that all of them go out as soon as one succeeds.
    pub async fn pass<T, E>(
        &self,
        since: Moment,
        call: impl Future<Output = Result<T, E>>,
        blames_service: impl Fn(&E) -> bool,
    ) -> Option<Result<T, E>> {
        if !self.is_open() {
            return Some(self.count(call.await, blames_service));
        }
        let mut next = self.probe.lock().await;
        if !self.is_open() {
            drop(next);
            return Some(self.count(call.await, blames_service));
        }
        if self.now() != since {
            return None;
        }
        sleep_until(next.unwrap_or_else(Instant::now)).await;
        let result = self.count(call.await, blames_service);
        if result.is_err() {
            *next = Some(Instant::now() + PAUSE.mul_f64(0.5 + fastrand::f64() / 2.0));
            self.failed_probes.fetch_add(1, Ordering::Relaxed);
        }
        Some(result)
    }

    fn count<T, E>(&self, result: Result<T, E>, blames_service: impl Fn(&E) -> bool) -> Result<T, E> {
        match &result {
            Ok(_) => self.failures.store(0, Ordering::Relaxed),
            Err(error) if blames_service(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    async fn call(breaker: &Breaker, since: Moment, result: Result<(), &str>) -> Option<bool> {
        breaker.pass(since, ready(result), |error| *error != "late").await.map(|result| result.is_ok())
    }

    async fn opened() -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert_eq!(call(&breaker, breaker.now(), Err("500")).await, Some(false));
        }
        assert!(breaker.is_open());
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn one_success_closes_the_breaker() {
        let breaker = opened().await;
        let since = breaker.now();
        assert_eq!(call(&breaker, since, Ok(())).await, Some(true));
        assert!(!breaker.is_open());
        assert_eq!(call(&breaker, since, Err("500")).await, Some(false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_probe_holds_back_calls_planned_before_it() {
        let breaker = opened().await;
        let since = breaker.now();
        assert_eq!(call(&breaker, since, Err("500")).await, Some(false));
        let never = breaker.pass::<(), &str>(since, async { panic!("went out") }, |_| true);
        assert_eq!(never.await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_wait_for_a_probe_go_out_when_it_succeeds() {
        let breaker = opened().await;
        let since = breaker.now();
        let probe = breaker.pass(
            since,
            async {
                tokio::time::sleep(PAUSE).await;
                Ok::<_, ()>(())
            },
            |()| true,
        );
        let waiting = breaker.pass(since, ready(Ok::<_, ()>(())), |()| true);
        assert_eq!(futures::join!(probe, waiting), (Some(Ok(())), Some(Ok(()))));
    }

    #[tokio::test(start_paused = true)]
    async fn probes_are_spaced_out() {
        let breaker = opened().await;
        let started = Instant::now();
        for _ in 0..11 {
            assert_eq!(call(&breaker, breaker.now(), Err("500")).await, Some(false));
        }
        assert!(started.elapsed() >= 5 * PAUSE, "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn failures_that_do_not_blame_the_store_are_not_counted() {
        let breaker = Breaker::default();
        for _ in 0..100 {
            call(&breaker, breaker.now(), Err("late")).await;
        }
        assert!(!breaker.is_open());
    }
}
