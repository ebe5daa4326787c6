//! Chooses the sizes of the stages: the cheapest way that keeps the objective.

use crate::burst::{Outcome, Sizes, simulate};
use crate::demand::Demand;
use crate::facts::limit;
use crate::load::{Front, Load};

/// What the sizes exceed the calculated need by.
const HEADROOM: f64 = 1.5;
/// Batching windows in seconds, the cheapest first.
const WINDOWS: [f64; 5] = [5.0, 4.0, 3.0, 2.0, 1.0];

/// Messages in flight that a choice plans with: a quarter of the limit stays free.
const MOST_IN_FLIGHT: f64 = limit::SQS_IN_FLIGHT * 0.75;

/// The chosen sizes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// How Lambda reads the queue.
    pub pollers: Pollers,
    /// The batching window in seconds.
    pub window: f64,
    /// Concurrent invocations of deliver (standard) or pollers (provisioned): at the load, and at most.
    pub units: [f64; 2],
    /// Concurrent environments of ingest, at most.
    pub ingest_concurrency: f64,
    /// Concurrent invocations of deliver, at most.
    pub deliver_concurrency: f64,
    /// Messages of a batch at the load.
    pub batch_messages: f64,
    /// Requests a second that the API admits; infinite without an API.
    pub throttle_rate: f64,
    /// Requests that it admits at once.
    pub throttle_burst: f64,
}

/// How Lambda reads the queue: the template's `Pollers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pollers {
    /// Lambda scales the invocations.
    Standard,
    /// The template states the number of pollers; they cost extra.
    Provisioned,
}

/// One unit of reading: an invocation (standard) or a poller (provisioned).
#[derive(Debug, Clone, Copy)]
struct Unit {
    /// Messages a second.
    rate: f64,
    /// Messages in flight.
    in_flight: f64,
    /// Concurrent invocations of deliver.
    invocations: f64,
    batch_messages: f64,
}

impl Choice {
    /// The first choice that keeps the objective; if none does, the one that reads fastest.
    #[must_use]
    pub fn of(load: &Load, demand: &Demand) -> (Self, Outcome) {
        let attempt = |(pollers, window)| {
            let choice = Self::with(load, demand, pollers, window);
            (choice, simulate(load, &choice.sizes(load, demand)))
        };
        let windows = || WINDOWS.into_iter().filter(|window| in_flight(load, demand, *window) <= MOST_IN_FLIGHT);
        let ways = [Pollers::Standard, Pollers::Provisioned].into_iter();
        ways.flat_map(|pollers| windows().map(move |window| (pollers, window)))
            .map(attempt)
            .find(|(_, outcome)| outcome.max_lag <= load.objective_seconds)
            .unwrap_or_else(|| attempt((Pollers::Provisioned, 1.0)))
    }

    fn with(load: &Load, demand: &Demand, pollers: Pollers, window: f64) -> Self {
        let unit = Unit::of(demand, pollers, window);
        let need = |documents: f64| (documents / demand.documents_per_message / unit.rate).ceil();
        let [least, most] = match pollers {
            Pollers::Standard => [2.0, limit::MAX_CONCURRENCY],
            Pollers::Provisioned => [2.0, limit::MAX_POLLERS],
        };
        let at_the_load = need(load.documents_per_second * HEADROOM).clamp(least, limit::MIN_POLLERS.max(least));
        let at_most = (need(load.peak()) * HEADROOM).ceil().clamp(least, most);
        let (rate, at_once) = match load.front {
            Front::HttpApi => ((load.peak() * 1.2).ceil(), load.peak().ceil()),
            Front::FunctionUrl | Front::CloudFront => (f64::INFINITY, f64::INFINITY),
        };
        let busy = load.peak() * demand.ingest_seconds * HEADROOM;
        Self {
            pollers,
            window,
            units: [at_the_load, at_most],
            ingest_concurrency: busy.max(load.peak() / limit::REQUESTS_PER_CONCURRENCY).ceil(),
            deliver_concurrency: (at_most * unit.invocations).ceil(),
            batch_messages: unit
                .batch_messages
                .min(load.documents_per_second / demand.documents_per_message * window)
                .max(1.0),
            throttle_rate: rate,
            throttle_burst: at_once,
        }
    }

    /// The sizes that the simulation needs, in documents.
    #[must_use]
    pub fn sizes(&self, load: &Load, demand: &Demand) -> Sizes {
        let unit = Unit::of(demand, self.pollers, self.window);
        let unit_rate = unit.rate * demand.documents_per_message;
        let (start, step) = match self.pollers {
            Pollers::Standard => {
                let busy = (load.documents_per_second / unit_rate).ceil();
                (busy.max(limit::STANDARD_START), limit::STANDARD_STEP)
            }
            Pollers::Provisioned => (self.units[0], limit::POLLER_STEP),
        };
        Sizes {
            throttle_rate: self.throttle_rate,
            throttle_burst: self.throttle_burst,
            ingest_seconds: demand.ingest_seconds,
            ingest_concurrency: self.ingest_concurrency,
            unit_rate,
            units: [start.min(self.units[1]), self.units[1].min(limit::SQS_IN_FLIGHT / unit.in_flight)],
            unit_step: step,
            gather_seconds: self.window,
            deliver_seconds: demand.deliver_seconds(unit.batch_messages),
        }
    }
}

/// Messages in flight at the peak: those that batches gather, and those that deliver works on.
pub(crate) fn in_flight(load: &Load, demand: &Demand, window: f64) -> f64 {
    let messages = load.peak() / demand.documents_per_message;
    messages * (window + demand.deliver_seconds(demand.gathered(window)))
}

impl Unit {
    fn of(demand: &Demand, pollers: Pollers, window: f64) -> Self {
        let batch_messages = demand.gathered(window);
        let work = demand.deliver_seconds(batch_messages);
        let gathering = batch_messages / demand.poller_messages();
        match pollers {
            // An invocation follows the gathering of its batch.
            Pollers::Standard => Self {
                rate: batch_messages / (gathering + work),
                in_flight: batch_messages,
                invocations: 1.0,
                batch_messages,
            },
            // A poller gathers the next batch during the invocation.
            Pollers::Provisioned => {
                let invocations = (work / gathering).min(limit::POLLER_INVOCATIONS);
                let rate = demand.poller_messages().min(limit::POLLER_INVOCATIONS * batch_messages / work);
                Self { rate, in_flight: rate * (gathering + work), invocations: invocations.max(1.0), batch_messages }
            }
        }
    }
}
