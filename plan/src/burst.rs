//! The burst, second by second: the API's throttle, Lambda's environments, the queue, and the event source.

use crate::facts::limit;
use crate::load::Load;

/// Seconds of plain load before the burst.
const BEFORE: u32 = 60;
/// Seconds after which the simulation ends, drained or not.
const LIMIT: u32 = 4 * 3600;

/// What bounds each stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    /// Documents a second that the front admits.
    pub throttle_rate: f64,
    /// Documents that the front admits at once.
    pub throttle_burst: f64,
    /// How long a document keeps an environment of ingest busy.
    pub ingest_seconds: f64,
    /// The maximum of these environments. A function also answers at most ten requests a second for each of them.
    pub ingest_concurrency: f64,
    /// Documents a second that one unit of reading stores.
    pub unit_rate: f64,
    /// Units at the start, and at most.
    pub units: [f64; 2],
    /// Units that the event source adds each second while the queue is not empty.
    pub unit_step: f64,
    /// How long a batch gathers.
    pub gather_seconds: f64,
    /// How long deliver works on a batch.
    pub deliver_seconds: f64,
}

/// The state of the pipeline at the end of a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Second {
    /// Seconds since the start.
    pub at: u32,
    /// Documents that clients sent in this second.
    pub offered: f64,
    /// Documents that the front or Lambda refused in this second.
    pub refused: f64,
    /// Documents that wait in the queue.
    pub queued: f64,
    /// How long the oldest of them has waited, in seconds.
    pub age: f64,
    /// Units of reading.
    pub units: f64,
    /// The lag of a document that is stored in this second.
    pub lag: f64,
}

/// The course of the burst.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Each second, from 60 s before the burst until 60 s after the queue is empty again.
    pub seconds: Vec<Second>,
    /// Documents that were refused. Clients send them again later, which the model leaves out.
    pub refused: f64,
    /// The largest lag in seconds; infinite if the queue does not drain.
    pub max_lag: f64,
    /// The largest number of documents in the queue.
    pub max_queued: f64,
    /// How long after its end the burst is stored, in seconds.
    pub drained_after: f64,
}

/// Simulates a burst.
#[must_use]
pub fn simulate(load: &Load, sizes: &Sizes) -> Outcome {
    let end = BEFORE + load.burst.seconds;
    let mut pipeline = Pipeline::new(sizes, load.documents_per_second);
    let mut seconds = Vec::new();
    let mut quiet_since = None;
    for at in 0..LIMIT {
        let burst = (BEFORE..end).contains(&at);
        let second = pipeline.second(at, if burst { load.peak() } else { load.documents_per_second });
        seconds.push(second);
        quiet_since = if at < end || second.queued >= 1.0 { None } else { quiet_since.or(Some(at)) };
        if quiet_since.is_some_and(|since| at >= since + 60) {
            break;
        }
    }
    let most = |of: fn(&Second) -> f64| seconds.iter().map(of).fold(0.0, f64::max);
    Outcome {
        refused: seconds.iter().map(|second| second.refused).sum(),
        max_lag: if quiet_since.is_some() { most(|second| second.lag) } else { f64::INFINITY },
        max_queued: most(|second| second.queued),
        drained_after: quiet_since.map_or(f64::INFINITY, |since| f64::from(since.saturating_sub(end))),
        seconds,
    }
}

/// The moving parts.
struct Pipeline<'a> {
    sizes: &'a Sizes,
    tokens: f64,
    environments: f64,
    /// Environments that Lambda may still add in this period.
    new_environments: f64,
    units: f64,
    /// Documents that arrived until the end of each second, and the sum of the stored ones.
    arrived: Vec<f64>,
    stored: f64,
    /// The first second of which a document still waits.
    oldest: usize,
}

impl<'a> Pipeline<'a> {
    /// A pipeline that has served `rate` documents a second for long.
    fn new(sizes: &'a Sizes, rate: f64) -> Self {
        Self {
            sizes,
            tokens: sizes.throttle_burst,
            environments: (rate * sizes.ingest_seconds).min(sizes.ingest_concurrency),
            new_environments: limit::NEW_ENVIRONMENTS,
            units: sizes.units[0].min(sizes.units[1]),
            arrived: Vec::new(),
            stored: 0.0,
            oldest: 0,
        }
    }

    fn second(&mut self, at: u32, offered: f64) -> Second {
        let admitted = self.serve(at, self.admit(offered));
        self.tokens = (self.tokens + self.sizes.throttle_rate - admitted).clamp(0.0, self.sizes.throttle_burst);
        let queued = self.store(admitted);
        let age = self.age();
        if queued >= 1.0 {
            self.units = (self.units + self.sizes.unit_step).min(self.sizes.units[1]);
        }
        let lag = age + self.sizes.gather_seconds + self.sizes.deliver_seconds + self.sizes.ingest_seconds;
        Second { at, offered, refused: offered - admitted, queued, age, units: self.units, lag }
    }

    /// Documents that the front admits.
    fn admit(&self, offered: f64) -> f64 {
        offered.min(self.sizes.throttle_rate + self.tokens)
    }

    /// Documents that ingest serves: Lambda adds environments while they are needed.
    fn serve(&mut self, at: u32, admitted: f64) -> f64 {
        if at.is_multiple_of(limit::NEW_ENVIRONMENTS_SECONDS) {
            self.new_environments = limit::NEW_ENVIRONMENTS;
        }
        let needed = (admitted * self.sizes.ingest_seconds).min(self.sizes.ingest_concurrency);
        let added = (needed - self.environments).clamp(0.0, self.new_environments);
        self.environments += added;
        self.new_environments -= added;
        let by_time = self.environments / self.sizes.ingest_seconds;
        admitted.min(by_time).min(self.sizes.ingest_concurrency * limit::REQUESTS_PER_CONCURRENCY)
    }

    /// Adds documents to the queue, stores what the units can, and returns how many documents wait.
    fn store(&mut self, admitted: f64) -> f64 {
        let arrived = self.arrived.last().copied().unwrap_or(0.0) + admitted;
        self.arrived.push(arrived);
        self.stored = (self.stored + self.units * self.sizes.unit_rate).min(arrived);
        arrived - self.stored
    }

    /// How long the oldest document has waited, at the end of the last second.
    fn age(&mut self) -> f64 {
        while self.arrived.get(self.oldest).is_some_and(|arrived| *arrived <= self.stored) {
            self.oldest += 1;
        }
        let Some(until) = self.arrived.get(self.oldest) else { return 0.0 };
        let before = self.oldest.checked_sub(1).map_or(0.0, |before| self.arrived[before]);
        let passed = (self.stored - before) / (until - before);
        seconds(self.arrived.len() - self.oldest) - passed
    }
}

/// A count of seconds; the simulation has at most a few thousand.
fn seconds(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
