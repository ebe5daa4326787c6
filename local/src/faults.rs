//! Faults of AWS and of functions, put in on purpose: what is set here strikes at the one place before and after each
//! emulator, and in the runtime.
//!
//! A [`Plan`] says what strikes how often; [`Faults`] draws from it and counts. Each kind of fault has a sequence of its
//! own, which follows from the seed alone: the tenth call to S3 meets the same faults in every run with that seed.

mod calls;
mod json;
mod kind;
mod plan;
mod processes;
mod sequence;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

pub(crate) use calls::{Broken, Calls, Harm};
pub use json::State;
pub use kind::Kind;
pub use plan::{Fault, Plan, PlanError, parse};
pub use processes::ProcessFaults;
pub(crate) use processes::{Blow, Blows};

/// Faults that strike by a plan, which whoever holds a clone may replace at any time. Without a plan nothing strikes, and
/// asking costs one relaxed load.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    armed: AtomicBool,
    plan: watch::Sender<Plan>,
    drawn: [AtomicU64; Kind::COUNT],
    injected: [AtomicU64; Kind::COUNT],
}

impl Faults {
    /// Faults by `plan`.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let faults = Self::default();
        faults.set(plan);
        faults
    }

    /// Replaces the plan; every sequence starts anew, the counts go on.
    pub fn set(&self, plan: Plan) {
        let armed = !plan.is_empty();
        self.0.plan.send_modify(|current| {
            *current = plan;
            self.0.drawn.iter().for_each(|drawn| drawn.store(0, Ordering::Relaxed));
        });
        self.0.armed.store(armed, Ordering::Relaxed);
    }

    /// The plan that holds now.
    #[must_use]
    pub fn plan(&self) -> Plan {
        self.0.plan.borrow().clone()
    }

    /// How often each kind struck so far; kinds that never did are left out.
    #[must_use]
    pub fn injected(&self) -> BTreeMap<Kind, u64> {
        let count = |kind: Kind| (kind, self.0.injected[kind as usize].load(Ordering::Relaxed));
        Kind::ALL.into_iter().map(count).filter(|(_, count)| *count > 0).collect()
    }

    /// Whether nothing strikes at all.
    pub(crate) fn are_off(&self) -> bool {
        !self.0.armed.load(Ordering::Relaxed)
    }

    /// Draws the next number of a kind's sequence, and counts if it strikes; answers how long the fault lasts.
    pub(crate) fn strike(&self, kind: Kind) -> Option<Duration> {
        self.draw(kind).inspect(|_| self.count(kind))
    }

    /// The same without counting, for faults that may come to nothing.
    pub(crate) fn draw(&self, kind: Kind) -> Option<Duration> {
        if self.are_off() {
            return None;
        }
        let plan = self.0.plan.borrow();
        let fault = plan.get(kind)?;
        (self.next(&plan, kind) < fault.rate).then_some(fault.lasts)
    }

    /// A fault has come to something.
    pub(crate) fn count(&self, kind: Kind) {
        self.0.injected[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The next number of a kind's sequence, from 0 to 1.
    fn next(&self, plan: &Plan, kind: Kind) -> f64 {
        let number = self.0.drawn[kind as usize].fetch_add(1, Ordering::Relaxed);
        sequence::number(plan.seed, kind, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &[&str], seed: u64) -> Plan {
        let faults = text.iter().map(|text| parse(text).unwrap());
        Plan::new(seed, faults)
    }

    fn strikes(faults: &Faults, kind: Kind) -> Vec<bool> {
        (0..200).map(|_| faults.strike(kind).is_some()).collect()
    }

    #[test]
    fn one_seed_gives_one_sequence_for_each_kind() {
        let set = || Faults::new(plan(&["s3.error=0.3", "s3.reset=0.3"], 7));
        let (one, other) = (set(), set());
        let errors = strikes(&one, Kind::S3Error);
        assert_eq!(strikes(&other, Kind::S3Error), errors, "the same seed");
        assert_ne!(strikes(&other, Kind::S3Reset), errors, "another kind");
        one.set(plan(&["s3.error=0.3"], 8));
        assert_ne!(strikes(&one, Kind::S3Error), errors, "another seed");
    }

    #[test]
    fn what_strikes_is_counted_and_what_is_not_set_never_strikes() {
        let faults = Faults::new(plan(&["s3.error=1", "s3.stall=0.5:3s"], 1));
        assert_eq!(strikes(&faults, Kind::S3Error), [true; 200]);
        assert_eq!(strikes(&faults, Kind::SqsError), [false; 200]);
        let stalls = strikes(&faults, Kind::S3Stall).into_iter().filter(|struck| *struck).count() as u64;
        assert!((60..140).contains(&stalls), "{stalls}");
        assert_eq!(faults.injected(), BTreeMap::from([(Kind::S3Error, 200), (Kind::S3Stall, stalls)]));
        faults.set(Plan::default());
        assert_eq!(faults.strike(Kind::S3Error), None);
    }
}
