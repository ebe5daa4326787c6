//! Judging of payloads; filled by its own change.

use spillway_shared::config::Faults;
use spillway_shared::stream::{Definition, StreamName};

use crate::rejection::Rejection;

/// One stream's compiled rules.
#[derive(Debug)]
pub struct Judge;

/// What a judgement needs to know of the request.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Whether the client opted out by `Sec-GPC: 1` or `DNT: 1`.
    pub opted_out: bool,
}

/// What becomes of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is taken.
    Accept,
    /// It is dropped for lack of consent.
    Withhold,
    /// It is refused.
    Reject(Rejection),
}

impl Judge {
    /// Compiles a stream's rules.
    ///
    /// # Errors
    /// A stream with rules.
    pub fn compile(name: &StreamName, definition: &Definition) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        if definition.schema.is_some() || definition.consent.is_some() {
            faults.add(name, "has a schema or a consent rule, which this version does not judge");
        }
        faults.or(Self)
    }

    /// Judges a payload.
    #[must_use]
    pub fn judge(&self, _facts: &Facts, _payload: &[u8]) -> Verdict {
        Verdict::Accept
    }
}
