//! What ingest counts: gathered in memory, written as a line in ten seconds or a thousand requests.
//!
//! A log line costs, so there is none for each request. An environment is frozen between its invocations and no timer runs
//! then: whoever answers a request looks whether a line is due. The first request of an environment is due at once, so
//! that a quiet function is seen as well; what comes after the last line is written when Lambda ends the environment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use spillway_shared::metrics::emf::Sink;
use spillway_shared::metrics::{Ingested, Taken};
use spillway_shared::stream::StreamName;

use crate::answer::Fates;

/// A line is written this long after the one before it.
pub const LONGEST_WINDOW: Duration = Duration::from_secs(10);
/// Or after this many requests.
pub const MOST_REQUESTS: u64 = 1_000;

/// SQS bills every so many bytes of a call as a request of its own.
pub(crate) const BILLED_BYTES: usize = 64 << 10;

/// What all requests of a process count together.
#[derive(Debug)]
pub struct Metrics {
    sink: Sink,
    window: Mutex<Window>,
}

/// The calls to SQS since they were taken last.
#[derive(Debug, Default)]
pub struct Calls {
    sent: AtomicU64,
    units: AtomicU64,
    retries: AtomicU64,
}

/// What happened since the last line.
#[derive(Debug, Default)]
struct Window {
    ingested: Ingested,
    taken: BTreeMap<StreamName, Taken>,
    /// When the last line was written; by the time of day, since other clocks may stand still in a frozen environment.
    written: Option<SystemTime>,
}

impl Metrics {
    /// Counts nothing yet; lines go to `sink`.
    #[must_use]
    pub fn new(sink: Sink) -> Self {
        Self { sink, window: Mutex::default() }
    }

    /// Counts what became of a document's payloads.
    pub fn payloads(&self, stream: &StreamName, fates: &Fates) {
        if !self.sink.is_on() {
            return;
        }
        let taken = Taken::from(fates);
        let streams = &mut self.window().taken;
        match streams.get_mut(stream) {
            Some(sum) => sum.add(taken),
            None => drop(streams.insert(stream.clone(), taken)),
        }
    }

    /// Counts an answer by its status, and writes a line if one is due.
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

    /// Writes what is left, if anything is.
    pub fn flush(&self, calls: &Calls, now: SystemTime) {
        let left = self.window().take(now);
        if left.ingested.requests > 0 || !left.taken.is_empty() {
            left.write(&self.sink, calls, now);
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        // Nothing panics while it is held; if it did, counts would still be counts.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    /// Counts a call that carries so many bytes of messages.
    pub fn count(&self, bytes: usize, is_retry: bool) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.units.fetch_add(bytes.div_ceil(BILLED_BYTES).max(1) as u64, Ordering::Relaxed);
        self.retries.fetch_add(u64::from(is_retry), Ordering::Relaxed);
    }

    /// Moves what was counted into `ingested`.
    fn take_into(&self, ingested: &mut Ingested) {
        ingested.queue_calls = self.sent.swap(0, Ordering::Relaxed);
        ingested.queue_call_units = self.units.swap(0, Ordering::Relaxed);
        ingested.queue_retries = self.retries.swap(0, Ordering::Relaxed);
    }
}

impl Window {
    /// A clock that was set back makes a line due as well: else none might be for long.
    fn is_due(&self, now: SystemTime) -> bool {
        let waited = self.written.and_then(|written| now.duration_since(written).ok());
        self.ingested.requests >= MOST_REQUESTS || waited.is_none_or(|waited| waited >= LONGEST_WINDOW)
    }

    fn take(&mut self, now: SystemTime) -> Self {
        std::mem::replace(self, Self { written: Some(now), ..Self::default() })
    }

    /// One line, and one more for each stream beyond the first: a line can be of one stream only.
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

impl From<&Fates> for Taken {
    fn from(fates: &Fates) -> Self {
        let [accepted, rejected, withheld] = [fates.accepted, fates.rejected, fates.withheld].map(|count| count as u64);
        Self { accepted, rejected, withheld }
    }
}

#[cfg(test)]
#[path = "metrics/tests.rs"]
mod tests;
