//! How much work judging may take, in steps of a [`Meter`].

use super::meter::{Meter, Prices, TooCostly};

/// The steps that judging may take for each byte of a payload.
///
/// A step takes 10 to 40 ns. Events take 0.3 steps a byte, with 20 alternatives 0.7. A list of digits, which has the
/// most values for its bytes, takes 2 by a schema with a type and a range. So a schema may be ten times as complex, and
/// a payload of 1 MiB still takes only a fraction of a second.
const STEPS_PER_BYTE: usize = 8;
/// A smaller payload has the steps of one with this many bytes, because a schema takes steps for missing members too.
pub const LEAST_PAYLOAD_BYTES: usize = 16 << 10;
/// The steps for each byte of a document's payloads. Only many small payloads can take so many.
const STEPS_PER_BYTE_OF_DOCUMENT: usize = 16;
/// A smaller document has the steps of one with this many bytes.
const LEAST_DOCUMENT_BYTES: usize = 1 << 20;
/// The steps for explaining a document's rejections. Explaining never rejects a payload.
const STEPS_TO_EXPLAIN: usize = 8 << 20;

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
        let judging = bytes.max(LEAST_DOCUMENT_BYTES).saturating_mul(STEPS_PER_BYTE_OF_DOCUMENT);
        Self { judging, explaining: STEPS_TO_EXPLAIN, taken: 0 }
    }

    /// The steps taken so far.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// The budget of one payload of this many bytes.
    pub(super) fn for_payload(&mut self, bytes: usize) -> PayloadBudget<'_> {
        PayloadBudget { left: bytes.max(LEAST_PAYLOAD_BYTES).saturating_mul(STEPS_PER_BYTE), document: self }
    }
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
    pub(super) fn judge<T>(&mut self, prices: Prices, judge: impl FnOnce(&Meter) -> T) -> Result<T, TooCostly> {
        let meter = Meter::new(self.left.min(self.document.judging), prices);
        let judged = meter.run(judge);
        self.document.judging -= meter.taken();
        self.take(&meter);
        judged
    }

    /// Takes the steps of explaining a rejection.
    ///
    /// # Errors
    /// Not enough steps are left.
    pub(super) fn explain<T>(&mut self, prices: Prices, explain: impl FnOnce(&Meter) -> T) -> Result<T, TooCostly> {
        let meter = Meter::new(self.left.min(self.document.explaining), prices);
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
