//! Injects faults of AWS and of functions: into calls, before and after each emulator, and into the processes of functions.
//!
//! A [`Plan`] sets the rate of each [`Kind`]; [`Faults`] samples and counts them. Each kind has its own random sequence,
//! which depends only on the seed: the tenth call to S3 meets the same faults in every run with that seed.

mod call;
mod json;
mod kind;
mod plan;
mod process;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

pub(crate) use call::{CallFaults, Disconnected};
pub use json::State;
pub use kind::Kind;
pub use plan::{Fault, Plan, PlanError, parse};
pub use process::ProcessFaults;
pub(crate) use process::{ProcessFault, ProcessFaultSchedule};

/// Spreads neighbouring positions over all seeds: the fraction of the golden ratio in 64 bits.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Injects faults by a plan that can be replaced at any time. Clones share the plan.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    plan: watch::Sender<Plan>,
    sampled: [AtomicU64; Kind::COUNT],
    injected: [AtomicU64; Kind::COUNT],
}

impl Faults {
    /// Injects the faults of `plan`.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let faults = Self::default();
        faults.set(plan);
        faults
    }

    /// Replaces the plan. Every sequence starts again; the counts continue.
    pub fn set(&self, plan: Plan) {
        self.0.plan.send_modify(|current| {
            *current = plan;
            self.0.sampled.iter().for_each(|sampled| sampled.store(0, Ordering::Relaxed));
        });
    }

    /// The current plan.
    #[must_use]
    pub fn plan(&self) -> Plan {
        self.0.plan.borrow().clone()
    }

    /// The number of injected faults by kind, without the kinds that were never injected.
    #[must_use]
    pub fn injected(&self) -> BTreeMap<Kind, u64> {
        let count = |kind: Kind| (kind, self.0.injected[kind as usize].load(Ordering::Relaxed));
        Kind::ALL.into_iter().map(count).filter(|(_, count)| *count > 0).collect()
    }

    /// Samples a kind of fault and counts it if it is to be injected. Returns the duration of the fault.
    pub(crate) fn inject(&self, kind: Kind) -> Option<Duration> {
        self.sample(kind).inspect(|_| self.count(kind))
    }

    /// The same without counting, for faults that may not happen after all.
    pub(crate) fn sample(&self, kind: Kind) -> Option<Duration> {
        let plan = self.0.plan.borrow();
        let fault = plan.get(kind)?;
        (self.next(&plan, kind) < fault.rate).then_some(fault.duration)
    }

    /// Counts a fault that was sampled and has happened.
    pub(crate) fn count(&self, kind: Kind) {
        self.0.injected[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The next number of a kind's sequence, from 0 up to 1.
    fn next(&self, plan: &Plan, kind: Kind) -> f64 {
        number(plan.seed, kind, self.0.sampled[kind as usize].fetch_add(1, Ordering::Relaxed))
    }
}

/// The number at a position of a kind's sequence: at least 0 and less than 1. It depends only on seed, kind and position,
/// so that concurrent callers share no state.
fn number(seed: u64, kind: Kind, position: u64) -> f64 {
    let of_kind = fastrand::Rng::with_seed(seed.wrapping_mul(SPREAD) ^ kind as u64).u64(..);
    fastrand::Rng::with_seed(of_kind.wrapping_add(position.wrapping_mul(SPREAD))).f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &[&str], seed: u64) -> Plan {
        let faults = text.iter().map(|text| parse(text).unwrap());
        Plan::new(seed, faults)
    }

    fn injections(faults: &Faults, kind: Kind) -> Vec<bool> {
        (0..200).map(|_| faults.inject(kind).is_some()).collect()
    }

    #[test]
    fn one_seed_gives_one_sequence_for_each_kind() {
        let set = || Faults::new(plan(&["s3.error=0.3", "s3.reset=0.3"], 7));
        let (one, other) = (set(), set());
        let errors = injections(&one, Kind::S3Error);
        assert_eq!(injections(&other, Kind::S3Error), errors, "the same seed");
        assert_ne!(injections(&other, Kind::S3Reset), errors, "another kind");
        one.set(plan(&["s3.error=0.3"], 8));
        assert_ne!(injections(&one, Kind::S3Error), errors, "another seed");
    }

    #[test]
    fn only_planned_faults_are_injected_and_all_are_counted() {
        let faults = Faults::new(plan(&["s3.error=1", "s3.stall=0.5:3s"], 1));
        assert_eq!(injections(&faults, Kind::S3Error), [true; 200]);
        assert_eq!(injections(&faults, Kind::SqsError), [false; 200]);
        let stalls = injections(&faults, Kind::S3Stall).into_iter().filter(|injected| *injected).count() as u64;
        assert!((60..140).contains(&stalls), "{stalls}");
        assert_eq!(faults.injected(), BTreeMap::from([(Kind::S3Error, 200), (Kind::S3Stall, stalls)]));
        faults.set(Plan::default());
        assert_eq!(faults.inject(Kind::S3Error), None);
    }
}
