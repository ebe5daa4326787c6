//! Counts of invocations, restarts and cold starts of a function.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::invoke::InvokeError;

/// The number of cold starts that are kept.
const REMEMBERED: usize = 1_000;

/// The counts of a function so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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

/// What a function has done so far.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) total: FunctionCounts,
    /// The total time that invocations ran in their processes.
    pub(super) busy: Duration,
    /// The last times from the start of a process to its first request for an event, oldest first.
    pub(super) cold_starts: VecDeque<Duration>,
}

impl Counts {
    pub(super) fn invocation(&mut self, result: &Result<Bytes, InvokeError>) {
        self.total.invocations += 1;
        match result {
            Ok(_) => {}
            Err(InvokeError::Failed(_)) => self.total.failed += 1,
            Err(InvokeError::TimedOut) => self.total.timed_out += 1,
            Err(InvokeError::NoEnvironment) => self.total.without_environment += 1,
        }
    }

    pub(super) fn cold_start(&mut self, took: Duration) {
        if self.cold_starts.len() == REMEMBERED {
            self.cold_starts.pop_front();
        }
        self.cold_starts.push_back(took);
    }
}
