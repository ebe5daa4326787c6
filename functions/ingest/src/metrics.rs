//! Counts requests, payloads and calls in memory, and writes one log line every ten seconds or thousand requests.
//!
//! A log line per request would cost too much. No timer runs while Lambda has frozen an environment, so each response
//! checks whether a line is due. The first request of an environment writes one, so that a quiet function is visible
//! too; the counts after the last line are written when Lambda ends the environment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use spillway_shared::metrics::emf::Sink;
use spillway_shared::metrics::{Ingested, Taken};
use spillway_shared::stream::StreamName;

use crate::response::Outcomes;

/// A line is due this long after the previous one.
pub const LONGEST_WINDOW: Duration = Duration::from_secs(10);
/// A line is due after this many requests.
pub const MOST_REQUESTS: u64 = 1_000;

/// SQS bills each 64 KiB of a call as one request.
pub(crate) const BILLED_BYTES: usize = 64 << 10;

/// The counts of all requests of a process.
#[derive(Debug)]
pub struct Metrics {
    sink: Sink,
    window: Mutex<Window>,
}

/// The calls to SQS since the last line.
#[derive(Debug, Default)]
pub struct Calls {
    sent: AtomicU64,
    units: AtomicU64,
    retries: AtomicU64,
}

/// The counts since the last line.
#[derive(Debug, Default)]
struct Window {
    ingested: Ingested,
    taken: BTreeMap<StreamName, Taken>,
    /// When the last line was written, by the time of day: monotonic clocks may stop in a frozen environment.
    written: Option<SystemTime>,
}

impl Metrics {
    /// Empty counts; lines go to `sink`.
    #[must_use]
    pub fn new(sink: Sink) -> Self {
        Self { sink, window: Mutex::default() }
    }

    /// Counts the outcomes of a document's payloads.
    pub fn payloads(&self, stream: &StreamName, outcomes: &Outcomes) {
        if !self.sink.is_on() {
            return;
        }
        let taken = Taken::from(outcomes);
        let streams = &mut self.window().taken;
        match streams.get_mut(stream) {
            Some(sum) => sum.add(taken),
            None => drop(streams.insert(stream.clone(), taken)),
        }
    }

    /// Counts a response by its status, and writes a line if one is due.
    pub fn answered(&self, status: u16, is_full: bool, calls: &Calls, now: SystemTime) {
        if !self.sink.is_on() {
            return;
        }
        let mut window = self.window();
        window.ingested.answered(status);
        window.ingested.queue_full += u64::from(is_full);
        if window.is_due(now) {
            let due = window.take(now);
            drop(window);
            due.write(&self.sink, calls, now);
        }
    }

    /// Writes the remaining counts, if any.
    pub fn flush(&self, calls: &Calls, now: SystemTime) {
        let left = self.window().take(now);
        if left.ingested.requests > 0 || !left.taken.is_empty() {
            left.write(&self.sink, calls, now);
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        // No code panics while it holds the lock; after a panic the counts would still be valid.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    /// Counts a call with this many bytes of messages.
    pub fn count(&self, bytes: usize, is_retry: bool) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.units.fetch_add(bytes.div_ceil(BILLED_BYTES).max(1) as u64, Ordering::Relaxed);
        self.retries.fetch_add(u64::from(is_retry), Ordering::Relaxed);
    }

    /// Moves the counts into `ingested`.
    fn take_into(&self, ingested: &mut Ingested) {
        ingested.queue_calls = self.sent.swap(0, Ordering::Relaxed);
        ingested.queue_call_units = self.units.swap(0, Ordering::Relaxed);
        ingested.queue_retries = self.retries.swap(0, Ordering::Relaxed);
    }
}

impl Window {
    /// A clock that was set back makes a line due too; otherwise none might be for hours.
    fn is_due(&self, now: SystemTime) -> bool {
        let waited = self.written.and_then(|written| now.duration_since(written).ok());
        self.ingested.requests >= MOST_REQUESTS || waited.is_none_or(|waited| waited >= LONGEST_WINDOW)
    }

    fn take(&mut self, now: SystemTime) -> Self {
        std::mem::replace(self, Self { written: Some(now), ..Self::default() })
    }

    /// One line, and one more for each further stream: a line has one stream at most.
    fn write(mut self, sink: &Sink, calls: &Calls, now: SystemTime) {
        calls.take_into(&mut self.ingested);
        let mut streams = self.taken.iter();
        let first = streams.next();
        sink.write(now, |line| {
            let line = line.with(&self.ingested);
            first.into_iter().fold(line, |line, (stream, taken)| line.with_stream(stream.as_str(), taken))
        });
        for (stream, taken) in streams {
            sink.write(now, |line| line.with_stream(stream.as_str(), taken));
        }
    }
}

impl From<&Outcomes> for Taken {
    fn from(outcomes: &Outcomes) -> Self {
        let count = |count: usize| count as u64;
        Self {
            accepted: count(outcomes.accepted),
            rejected: count(outcomes.rejected),
            kept: count(outcomes.kept.unwrap_or_default()),
            violations: count(outcomes.violations),
            withheld: count(outcomes.withheld),
            repaired: count(outcomes.repaired),
        }
    }
}

#[cfg(test)]
mod tests;
