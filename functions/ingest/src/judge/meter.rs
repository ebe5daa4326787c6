//! Counts the work of judging. Work is counted and never timed, so equal payloads have equal verdicts.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The steps that judging takes and may take.
#[derive(Debug)]
pub(super) struct Meter {
    limit: usize,
    taken: Cell<usize>,
    prices: Prices,
}

/// The steps of work that depends on the schema.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Prices {
    /// The steps of an error.
    pub(super) error: usize,
    /// The steps of 64 bytes of a member's name.
    pub(super) name: usize,
}

const BYTES_PER_PRICE: usize = 64;

/// The work needs more steps than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooCostly;

impl Meter {
    /// A meter that allows this many steps.
    pub(super) fn new(limit: usize, prices: Prices) -> Self {
        Self { limit, taken: Cell::new(0), prices }
    }

    /// The steps taken, at most the limit.
    pub(super) fn taken(&self) -> usize {
        self.taken.get()
    }

    /// Takes steps. Over the limit it ends [`Meter::run`], by unwinding: the validator that calls this has no other way
    /// out, and its recursion could go on for exponential time.
    pub(super) fn take(&self, steps: usize) {
        let taken = self.taken.get().saturating_add(steps);
        self.taken.set(taken.min(self.limit));
        if taken > self.limit {
            // No panic: the hook that logs panics is not called.
            resume_unwind(Box::new(TooCostly));
        }
    }

    /// Takes the steps of an error, and more for its place.
    pub(super) fn take_error(&self, more: usize) {
        self.take(self.prices.error.saturating_add(more));
    }

    /// Takes the steps of a member whose name has this many bytes, and more.
    pub(super) fn take_name(&self, more: usize, bytes: usize) {
        self.take(more.saturating_add(bytes.saturating_mul(self.prices.name) / BYTES_PER_PRICE));
    }

    /// The result of work that takes its steps from this meter.
    ///
    /// # Errors
    /// The work needs more steps than the limit.
    pub(super) fn run<T>(&self, work: impl FnOnce(&Self) -> T) -> Result<T, TooCostly> {
        catch_unwind(AssertUnwindSafe(|| work(self))).map_err(too_costly)
    }
}

/// Any other panic goes on.
fn too_costly(cause: Box<dyn Any + Send>) -> TooCostly {
    match cause.downcast() {
        Ok(too_costly) => *too_costly,
        Err(other) => resume_unwind(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_when_it_takes_more_than_the_limit() {
        let meter = Meter::new(10, Prices::default());
        assert_eq!(meter.run(|meter| meter.take(10)), Ok(()));
        assert_eq!(meter.run(|meter| meter.take(1)), Err(TooCostly));
        assert_eq!(meter.taken(), 10);
    }

    #[test]
    fn other_panics_go_on() {
        let panics = || Meter::new(1, Prices::default()).run(|_| resume_unwind(Box::new("another")));
        assert_eq!(*catch_unwind(panics).unwrap_err().downcast_ref::<&str>().unwrap(), "another");
    }
}
