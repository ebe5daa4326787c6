//! Bounds for one process: a pool limits concurrent calls, and a budget limits bytes in memory.

use std::future::Future;
use std::sync::Arc;

use futures::stream::{self, Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Limits concurrent calls. Clones share the limit.
#[derive(Debug, Clone)]
pub struct Pool {
    workers: Arc<Semaphore>,
    limit: usize,
}

/// Permission to make one call; returned to the pool when dropped.
#[derive(Debug)]
pub struct Worker(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Pool {
    /// A pool of `limit` workers, at least one.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self { workers: Arc::new(Semaphore::new(limit)), limit }
    }

    /// A worker, if one is free now.
    #[must_use]
    pub fn try_worker(&self) -> Option<Worker> {
        Arc::clone(&self.workers).try_acquire_owned().ok().map(Worker)
    }

    /// Runs each call on a worker, and yields results as calls end.
    ///
    /// Memory is bounded too: at most one call per worker exists at a time.
    pub fn run<C>(&self, calls: impl IntoIterator<Item = C>) -> impl Stream<Item = C::Output>
    where
        C: Future,
    {
        self.run_stream(stream::iter(calls))
    }

    /// As [`Pool::run`], for calls that a stream makes.
    ///
    /// The stream is polled only while this run has fewer calls than the pool has workers. It does not occupy a worker,
    /// so it may wait for memory that other calls release.
    pub fn run_stream<C>(&self, calls: impl Stream<Item = C>) -> impl Stream<Item = C::Output>
    where
        C: Future,
    {
        calls.map(|call| self.on_worker(call)).buffer_unordered(self.limit)
    }

    async fn on_worker<C: Future>(&self, call: C) -> C::Output {
        // Fails only if the semaphore is closed, which it never is.
        let _worker = self.workers.acquire().await;
        call.await
    }
}

/// Limits bytes in memory. Clones share the limit.
#[derive(Debug, Clone)]
pub struct Budget {
    bytes: Arc<Semaphore>,
    limit: usize,
}

/// Reserved bytes; returned to the budget when dropped.
#[derive(Debug)]
pub struct Reservation(OwnedSemaphorePermit);

impl Budget {
    /// A budget of `limit` bytes, at most 4 GiB.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let limit = limit.min(u32::MAX as usize).min(Semaphore::MAX_PERMITS);
        Self { bytes: Arc::new(Semaphore::new(limit)), limit }
    }

    /// Reserves bytes, if that many are free now.
    #[must_use]
    pub fn try_reserve(&self, bytes: usize) -> Option<Reservation> {
        let permits = u32::try_from(bytes).ok()?;
        Arc::clone(&self.bytes).try_acquire_many_owned(permits).ok().map(Reservation)
    }

    /// Waits in line until the bytes are free, and reserves them. More than the whole budget counts as all of it.
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
    /// Adds another reservation to this one.
    pub fn join(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// Releases everything beyond `bytes`.
    pub fn shrink(&mut self, bytes: usize) {
        drop(self.0.split(self.0.num_permits().saturating_sub(bytes)));
    }

    /// The number of reserved bytes.
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
    async fn concurrent_runs_share_the_workers() {
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
    async fn dropped_and_shrunk_reservations_return_to_the_budget() {
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
