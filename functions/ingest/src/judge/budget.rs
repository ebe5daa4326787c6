//! How much work judging may take, in steps of a [`Meter`].

use super::meter::{Meter, TooCostly};

/// The steps that judging may take for each byte of a payload.
///
/// A payload of numbers `[1,2,…]` has the most values for its bytes. It takes 3 steps a byte by a schema with a type
/// and a range, and events take less than 1: schemas ten times as complex are still judged.
const STEPS_PER_BYTE: usize = 16;
/// A smaller payload has the steps of one with this many bytes, because a schema takes steps for missing members too.
const LEAST_PAYLOAD_BYTES: usize = 16 << 10;
/// A smaller document has the steps of one with this many bytes.
const LEAST_DOCUMENT_BYTES: usize = 1 << 20;
/// The steps for explaining a document's rejections. They never reject a payload.
const STEPS_TO_EXPLAIN: usize = 16 << 20;

/// The work that judging the payloads of one document may take.
#[derive(Debug)]
pub struct Budget {
    judging: usize,
    explaining: usize,
    taken: usize,
}

impl Budget {
    /// The budget of a document whose payloads have this many bytes.
    #[must_use]
    pub fn of(bytes: usize) -> Self {
        Self { judging: steps(bytes, LEAST_DOCUMENT_BYTES), explaining: STEPS_TO_EXPLAIN, taken: 0 }
    }

    /// The steps taken so far.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// The budget of one payload of this many bytes.
    pub(super) fn for_payload(&mut self, bytes: usize) -> PayloadBudget<'_> {
        PayloadBudget { left: steps(bytes, LEAST_PAYLOAD_BYTES), document: self }
    }
}

fn steps(bytes: usize, least: usize) -> usize {
    bytes.max(least).saturating_mul(STEPS_PER_BYTE)
}

/// What one payload may take: its own steps, as long as its document has as many left.
#[derive(Debug)]
pub(super) struct PayloadBudget<'a> {
    left: usize,
    document: &'a mut Budget,
}

impl PayloadBudget<'_> {
    /// Takes the steps of judging.
    ///
    /// # Errors
    /// Not enough steps are left.
    pub(super) fn judge<T>(&mut self, steps_per_error: usize, judge: impl FnOnce(&Meter) -> T) -> Result<T, TooCostly> {
        let meter = Meter::new(self.left.min(self.document.judging), steps_per_error);
        let judged = meter.run(judge);
        self.document.judging -= meter.taken();
        self.take(&meter);
        judged
    }

    /// Takes the steps of explaining a rejection.
    ///
    /// # Errors
    /// Not enough steps are left.
    pub(super) fn explain<T>(
        &mut self,
        steps_per_error: usize,
        explain: impl FnOnce(&Meter) -> T,
    ) -> Result<T, TooCostly> {
        let meter = Meter::new(self.left.min(self.document.explaining), steps_per_error);
        let explained = meter.run(explain);
        self.document.explaining -= meter.taken();
        self.take(&meter);
        explained
    }

    fn take(&mut self, meter: &Meter) {
        self.left -= meter.taken();
        self.document.taken += meter.taken();
    }
}
