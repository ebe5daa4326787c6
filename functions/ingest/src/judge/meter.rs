//! Counts the work of judging. Work is counted and never timed, so equal payloads have equal verdicts.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The steps that judging takes and may take.
#[derive(Debug)]
pub(super) struct Meter {
    limit: usize,
    taken: Cell<usize>,
    steps_per_error: usize,
}

/// The work needs more steps than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooCostly;

impl Meter {
    /// A meter that allows this many steps. An error in the payload takes `steps_per_error`.
    pub(super) fn new(limit: usize, steps_per_error: usize) -> Self {
        Self { limit, taken: Cell::new(0), steps_per_error }
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
        self.take(self.steps_per_error.saturating_add(more));
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
        let meter = Meter::new(10, 0);
        assert_eq!(meter.run(|meter| meter.take(10)), Ok(()));
        assert_eq!(meter.run(|meter| meter.take(1)), Err(TooCostly));
        assert_eq!(meter.taken(), 10);
    }

    #[test]
    fn other_panics_go_on() {
        let panics = || Meter::new(1, 0).run(|_| resume_unwind(Box::new("another")));
        assert_eq!(*catch_unwind(panics).unwrap_err().downcast_ref::<&str>().unwrap(), "another");
    }
}
