//! The faults to inject, with rate and duration, and their text form: `s3.error=0.2`, `s3.stall=0.01:3s`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::Kind;

/// The maximum duration of a fault.
const MAX_DURATION: Duration = Duration::from_hours(1);

/// Rate and duration of a fault. Displayed as `RATE` or `RATE:DURATION`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// A probability from 0 to 1, or a number per second up to 100, depending on the kind.
    pub rate: f64,
    /// The duration, at most an hour; zero for kinds without a duration.
    pub duration: Duration,
}

/// The faults to inject, and the seed of their random sequences.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The same seed gives the same sequences.
    pub seed: u64,
    faults: BTreeMap<Kind, Fault>,
}

/// Why a plan is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The kind is unknown.
    #[error("unknown fault `{0}`; the faults are {all}", all = Kind::ALL.map(Kind::name).join(", "))]
    Kind(String),
    /// The text is malformed.
    #[error("`{0}` is not NAME=RATE or NAME=RATE:DURATION, as in s3.stall=0.01:3s")]
    Form(String),
    /// The rate is out of range.
    #[error("the rate of {0} must be from 0 to {1}")]
    Rate(Kind, u8),
    /// The duration is too long.
    #[error("the duration of {0} must be at most 1 hour")]
    Duration(Kind),
    /// The JSON is invalid.
    #[error("{0}")]
    Json(String),
}

impl Plan {
    /// A plan with these faults. The last fault of a kind wins; a rate of 0 removes it.
    pub fn new(seed: u64, faults: impl IntoIterator<Item = (Kind, Fault)>) -> Self {
        let mut faults: BTreeMap<_, _> = faults.into_iter().collect();
        faults.retain(|_, fault| fault.rate > 0.0);
        Self { seed, faults }
    }

    /// Whether the plan has no faults.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// The faults of the plan.
    pub fn faults(&self) -> impl Iterator<Item = (Kind, Fault)> {
        self.faults.iter().map(|(kind, fault)| (*kind, *fault))
    }

    pub(super) fn get(&self, kind: Kind) -> Option<Fault> {
        self.faults.get(&kind).copied()
    }
}

/// Parses `NAME=RATE` or `NAME=RATE:DURATION`.
///
/// # Errors
/// The text is invalid.
pub fn parse(text: &str) -> Result<(Kind, Fault), PlanError> {
    let (name, fault) = text.split_once('=').ok_or_else(|| PlanError::Form(text.to_owned()))?;
    let kind = name.trim().parse()?;
    Ok((kind, parse_fault(kind, fault)?))
}

/// Parses `RATE` or `RATE:DURATION`.
pub(super) fn parse_fault(kind: Kind, text: &str) -> Result<Fault, PlanError> {
    let form = || PlanError::Form(format!("{kind}={text}"));
    let (rate, duration) = text.split_once(':').map_or((text, None), |(rate, duration)| (rate, Some(duration)));
    let rate = rate.trim().parse().map_err(|_| form())?;
    let duration =
        duration.map(|duration| humantime::parse_duration(duration.trim()).map_err(|_| form())).transpose()?;
    check(kind, Fault { rate, duration: duration.unwrap_or(kind.default_duration()) })
}

fn check(kind: Kind, fault: Fault) -> Result<Fault, PlanError> {
    if !(0.0..=f64::from(kind.max_rate())).contains(&fault.rate) {
        return Err(PlanError::Rate(kind, kind.max_rate()));
    }
    if fault.duration > MAX_DURATION { Err(PlanError::Duration(kind)) } else { Ok(fault) }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rate)?;
        if self.duration.is_zero() { Ok(()) } else { write!(f, ":{}", humantime::format_duration(self.duration)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_displayed_fault_parses_back() {
        for text in ["s3.error=0.2", "s3.stall=0.01:3s", "deliver.kill=2.5", "sqs.early=1:250ms"] {
            let (kind, fault) = parse(text).unwrap();
            assert_eq!(format!("{kind}={fault}"), text);
        }
        assert_eq!(parse("s3.stall=1").unwrap().1.duration, Duration::from_secs(3));
    }

    #[test]
    fn errors_name_the_fault_and_the_rule() {
        for (text, expected) in [
            ("s3.error", "not NAME=RATE"),
            ("s3.error=often", "not NAME=RATE"),
            ("s3.stall=0.1:soon", "not NAME=RATE"),
            ("s3.eror=1", "unknown fault `s3.eror`; the faults are s3.latency, "),
            ("s3.error=1.1", "the rate of s3.error must be from 0 to 1"),
            ("s3.error=NaN", "the rate of s3.error must be from 0 to 1"),
            ("ingest.kill=-1", "the rate of ingest.kill must be from 0 to 100"),
            ("s3.stall=1:2h", "the duration of s3.stall must be at most 1 hour"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_last_fault_of_a_kind_wins_and_a_zero_rate_removes_it() {
        let faults = ["s3.error=0.5", "s3.reset=0", "s3.error=0.1"].map(|text| parse(text).unwrap());
        let plan = Plan::new(1, faults);
        assert_eq!(plan.faults().map(|(kind, fault)| (kind, fault.rate)).collect::<Vec<_>>(), [(Kind::S3Error, 0.1)]);
    }
}
