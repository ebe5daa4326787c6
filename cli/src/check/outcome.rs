//! The outcome of one payload, as ingest would decide it.

use std::fmt;

use serde::Deserialize;
use spillway_ingest::judge::{Facts, Judge, Verdict};
use spillway_ingest::payloads::Refused;
use spillway_ingest::rejection::Rejection;

/// What happens to a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fate {
    /// Stored as a record, perhaps with a violation.
    Accepted,
    /// Dropped because consent is missing.
    Withheld,
    /// Rejected and dropped.
    Rejected,
    /// Rejected and kept.
    Kept,
}

/// What happens to a payload, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) fate: Fate,
    /// The rejection, or the violation of an accepted payload.
    pub(crate) finding: Option<Rejection>,
}

impl Fate {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Withheld => "withheld",
            Self::Rejected => "rejected",
            Self::Kept => "kept",
        }
    }
}

impl Outcome {
    /// Judges a payload as ingest does.
    pub(crate) fn of(judge: &Judge, facts: Facts, payload: Result<&str, Refused<'_>>) -> Self {
        let verdict = match payload {
            Ok(payload) => judge.judge(&facts, payload.as_bytes()),
            Err(refused) => Verdict::Reject(refused.rejection),
        };
        match verdict {
            Verdict::Accept => Self { fate: Fate::Accepted, finding: None },
            Verdict::Warn(violation) => Self { fate: Fate::Accepted, finding: Some(violation) },
            Verdict::Withhold => Self { fate: Fate::Withheld, finding: None },
            Verdict::Reject(rejection) => {
                let fate = if judge.keeps(rejection.reason, &facts) { Fate::Kept } else { Fate::Rejected };
                Self { fate, finding: Some(rejection) }
            }
        }
    }

    /// The reason of the rejection or violation.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        self.finding.as_ref().map(|finding| finding.reason.as_str())
    }

    /// Where the payload does not match the schema, as a JSON pointer; empty for the whole payload.
    pub(crate) fn pointer(&self) -> Option<&str> {
        let (place, _) = self.finding.as_ref()?.detail.split_once(": ")?;
        match place {
            "payload" => Some(""),
            pointer => Some(pointer).filter(|pointer| pointer.starts_with('/')),
        }
    }
}

/// Outcomes of a sample's payloads, displayed as a table.
pub(crate) struct Outcomes(pub(crate) Vec<Outcome>);

impl Outcomes {
    pub(crate) fn count(&self, fate: Fate) -> usize {
        self.0.iter().filter(|outcome| outcome.fate == fate).count()
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>7}  {:<8}  {:<13}  detail", "payload", "outcome", "reason")?;
        for (index, Outcome { fate, finding }) in self.0.iter().enumerate() {
            match finding {
                Some(Rejection { reason, detail }) => {
                    writeln!(f, "{index:>7}  {:<8}  {:<13}  {detail}", fate.as_str(), reason.as_str())?;
                }
                None => writeln!(f, "{index:>7}  {}", fate.as_str())?,
            }
        }
        let [accepted, withheld, rejected, kept] =
            [Fate::Accepted, Fate::Withheld, Fate::Rejected, Fate::Kept].map(|fate| self.count(fate));
        write!(f, "{accepted} accepted, {withheld} withheld, {} rejected", rejected + kept)?;
        if kept > 0 { write!(f, " ({kept} of them kept)") } else { Ok(()) }
    }
}
