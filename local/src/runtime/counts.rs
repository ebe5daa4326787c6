//! Counts of invocations, restarts and cold starts of a function.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::invoke::InvokeError;
use crate::lock::lock;

/// The number of cold starts that are kept.
const REMEMBERED: usize = 1_000;

/// The counts of a function so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FunctionCounts {
    /// Invocations that ended, with or without success.
    pub invocations: u64,
    /// Invocations that failed in the function.
    pub failed: u64,
    /// Invocations that exceeded the function's timeout.
    pub timed_out: u64,
    /// Invocations that found no environment in time.
    pub without_environment: u64,
    /// Processes that replaced a process that ended.
    pub restarts: u64,
}

#[derive(Default)]
pub(super) struct Counts {
    invocations: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    without_environment: AtomicU64,
    restarts: AtomicU64,
    busy_micros: AtomicU64,
    cold_starts: Mutex<VecDeque<Duration>>,
}

impl Counts {
    pub(super) fn invocation(&self, result: &Result<Bytes, InvokeError>) {
        add(&self.invocations);
        match result {
            Ok(_) => {}
            Err(InvokeError::Failed(_)) => add(&self.failed),
            Err(InvokeError::TimedOut) => add(&self.timed_out),
            Err(InvokeError::NoEnvironment) => add(&self.without_environment),
        }
    }

    pub(super) fn restart(&self) {
        add(&self.restarts);
    }

    /// Adds the time that an invocation ran in its process.
    pub(super) fn add_busy(&self, time: Duration) {
        self.busy_micros.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn busy(&self) -> Duration {
        Duration::from_micros(self.busy_micros.load(Ordering::Relaxed))
    }

    pub(super) fn cold_start(&self, took: Duration) {
        let mut starts = lock(&self.cold_starts);
        if starts.len() == REMEMBERED {
            starts.pop_front();
        }
        starts.push_back(took);
    }

    pub(super) fn cold_starts(&self) -> Vec<Duration> {
        lock(&self.cold_starts).iter().copied().collect()
    }

    pub(super) fn read(&self) -> FunctionCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        FunctionCounts {
            invocations: read(&self.invocations),
            failed: read(&self.failed),
            timed_out: read(&self.timed_out),
            without_environment: read(&self.without_environment),
            restarts: read(&self.restarts),
        }
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}
