//! The bounded pool: at most so many calls at once, and at most so many bytes held, in one process.

use std::future::Future;
use std::sync::Arc;

use futures::stream::{self, Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// At most `limit` calls at once, shared by all who hold a clone.
#[derive(Debug, Clone)]
pub struct Pool {
    workers: Arc<Semaphore>,
    limit: usize,
}

/// The right to make one call; given back when dropped.
#[derive(Debug)]
pub struct Worker(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Pool {
    /// A pool of `limit` workers; at least one.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self { workers: Arc::new(Semaphore::new(limit)), limit }
    }

    /// A free worker, if there is one now.
    #[must_use]
    pub fn try_worker(&self) -> Option<Worker> {
        Arc::clone(&self.workers).try_acquire_owned().ok().map(Worker)
    }

    /// Runs `calls`, each on a worker of its own, and yields what they came to as they end.
    ///
    /// Memory is bounded too: no more calls than there are workers exist at once.
    pub fn run<C>(&self, calls: impl IntoIterator<Item = C>) -> impl Stream<Item = C::Output>
    where
        C: Future,
    {
        self.run_stream(stream::iter(calls))
    }

    /// Runs calls that are still being made, each on a worker of its own; otherwise as [`Pool::run`].
    ///
    /// `calls` is asked for the next one only while this run has fewer of them than there are workers, and is not
    /// on a worker itself: what it waits for can be what other calls give back.
    pub fn run_stream<C>(&self, calls: impl Stream<Item = C>) -> impl Stream<Item = C::Output>
    where
        C: Future,
    {
        calls.map(|call| self.on_worker(call)).buffer_unordered(self.limit)
    }

    async fn on_worker<C: Future>(&self, call: C) -> C::Output {
        // The semaphore is never closed; a refusal could only mean that, and then nothing bounds us either.
        let _worker = self.workers.acquire().await;
        call.await
    }
}

/// At most so many bytes held at once, shared by all who hold a clone.
#[derive(Debug, Clone)]
pub struct Budget {
    bytes: Arc<Semaphore>,
    limit: usize,
}

/// Bytes that are held; given back when dropped.
#[derive(Debug)]
pub struct Reservation(OwnedSemaphorePermit);

impl Budget {
    /// A budget of `limit` bytes, at most 4 GiB.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let limit = limit.min(u32::MAX as usize).min(Semaphore::MAX_PERMITS);
        Self { bytes: Arc::new(Semaphore::new(limit)), limit }
    }

    /// Bytes, if there are so many left now.
    #[must_use]
    pub fn try_reserve(&self, bytes: usize) -> Option<Reservation> {
        let permits = u32::try_from(bytes).ok()?;
        Arc::clone(&self.bytes).try_acquire_many_owned(permits).ok().map(Reservation)
    }

    /// Waits, first come first served, until there are so many bytes left; more than the whole budget counts as all of it.
    ///
    /// # Panics
    /// Never: the semaphore inside is not closed.
    pub async fn reserve(&self, bytes: usize) -> Reservation {
        let permits = u32::try_from(bytes.min(self.limit)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.bytes).acquire_many_owned(permits).await;
        Reservation(permit.expect("the semaphore is never closed"))
    }
}

impl Reservation {
    /// Joins another reservation to this one.
    pub fn join(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// Gives back what is held beyond `bytes`.
    pub fn shrink(&mut self, bytes: usize) {
        drop(self.0.split(self.0.num_permits().saturating_sub(bytes)));
    }

    /// How many bytes are held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.num_permits()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn no_more_calls_run_than_there_are_workers_whoever_asks() {
        let (pool, running, most) = (Pool::new(3), AtomicUsize::new(0), AtomicUsize::new(0));
        let call = || async {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            running.fetch_sub(1, Ordering::SeqCst);
        };
        let one = pool.run((0..20).map(|_| call())).count();
        let other = pool.run((0..20).map(|_| call())).count();
        assert_eq!(futures::join!(one, other), (20, 20));
        assert_eq!(most.into_inner(), 3);
    }

    #[tokio::test]
    async fn a_budget_gives_back_what_is_dropped() {
        let budget = Budget::new(100);
        let mut held = budget.try_reserve(60).unwrap();
        assert!(budget.try_reserve(41).is_none());
        held.join(budget.try_reserve(40).unwrap());
        assert_eq!(held.bytes(), 100);
        held.shrink(90);
        assert!(budget.try_reserve(11).is_none());
        assert_eq!(budget.try_reserve(10).unwrap().bytes(), 10);
        drop(held);
        assert_eq!(budget.reserve(1_000).await.bytes(), 100);
    }
}
