//! What strikes how often and for how long, as a user writes it: `s3.error=0.2`, `s3.stall=0.01:3s`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::Kind;
use super::kind::Per;

/// No process is struck more often than this in a second.
const MOST_A_SECOND: f64 = 100.0;
/// No fault lasts longer.
const LONGEST: Duration = Duration::from_hours(1);

/// How often a fault strikes, and how long it lasts. Shown as `RATE` or `RATE:DURATION`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// The chance, from 0 to 1, or how often in a second, up to 100; which of both, its kind says.
    pub rate: f64,
    /// How long it lasts; nothing for what has no length. At most an hour.
    pub lasts: Duration,
}

/// What strikes, and the seed of its sequences.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The same seed gives the same sequences.
    pub seed: u64,
    faults: BTreeMap<Kind, Fault>,
}

/// What is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is no such fault.
    #[error("there is no fault `{0}`, only {all}", all = Kind::ALL.map(Kind::name).join(", "))]
    Kind(String),
    /// A fault is not written as it should be.
    #[error("`{0}` is not NAME=RATE or NAME=RATE:DURATION, as in s3.stall=0.01:3s")]
    Form(String),
    /// A rate is out of its range.
    #[error("the rate of {0} is from 0 to {1}")]
    Rate(Kind, u8),
    /// A duration is too long.
    #[error("{0} lasts at most an hour")]
    Lasts(Kind),
    /// It is JSON of another form.
    #[error("{0}")]
    Json(String),
}

impl Plan {
    /// A plan of these faults; of several of one kind the last one holds, and a rate of 0 takes one out.
    pub fn new(seed: u64, faults: impl IntoIterator<Item = (Kind, Fault)>) -> Self {
        let mut faults: BTreeMap<_, _> = faults.into_iter().collect();
        faults.retain(|_, fault| fault.rate > 0.0);
        Self { seed, faults }
    }

    /// Whether nothing ever strikes.
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

/// Reads `NAME=RATE` or `NAME=RATE:DURATION`.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<(Kind, Fault), PlanError> {
    let (name, fault) = text.split_once('=').ok_or_else(|| PlanError::Form(text.to_owned()))?;
    let kind = name.trim().parse()?;
    Ok((kind, parse_fault(kind, fault)?))
}

/// Reads `RATE` or `RATE:DURATION` of a kind.
pub(super) fn parse_fault(kind: Kind, text: &str) -> Result<Fault, PlanError> {
    let form = || PlanError::Form(format!("{kind}={text}"));
    let (rate, lasts) = text.split_once(':').map_or((text, None), |(rate, lasts)| (rate, Some(lasts)));
    let rate = rate.trim().parse().map_err(|_| form())?;
    let lasts = lasts.map(|lasts| humantime::parse_duration(lasts.trim()).map_err(|_| form())).transpose()?;
    checked(kind, Fault { rate, lasts: lasts.unwrap_or(kind.usually_lasts()) })
}

fn checked(kind: Kind, fault: Fault) -> Result<Fault, PlanError> {
    let most = match kind.per() {
        Per::Chance => 1.0,
        Per::Second => MOST_A_SECOND,
    };
    if !(0.0..=most).contains(&fault.rate) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 1 or 100")]
        return Err(PlanError::Rate(kind, most as u8));
    }
    if fault.lasts > LONGEST { Err(PlanError::Lasts(kind)) } else { Ok(fault) }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rate)?;
        if self.lasts.is_zero() { Ok(()) } else { write!(f, ":{}", humantime::format_duration(self.lasts)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_back_what_it_shows() {
        for text in ["s3.error=0.2", "s3.stall=0.01:3s", "deliver.kill=2.5", "sqs.early=1:250ms"] {
            let (kind, fault) = parse(text).unwrap();
            assert_eq!(format!("{kind}={fault}"), text);
        }
        assert_eq!(parse("s3.stall=1").unwrap().1.lasts, Duration::from_secs(3));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            ("s3.error", "not NAME=RATE"),
            ("s3.error=often", "not NAME=RATE"),
            ("s3.stall=0.1:soon", "not NAME=RATE"),
            ("s3.eror=1", "no fault `s3.eror`, only s3.latency, "),
            ("s3.error=1.1", "the rate of s3.error is from 0 to 1"),
            ("s3.error=NaN", "the rate of s3.error is from 0 to 1"),
            ("ingest.kill=-1", "the rate of ingest.kill is from 0 to 100"),
            ("s3.stall=1:2h", "s3.stall lasts at most an hour"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn the_last_of_a_kind_holds_and_none_of_no_rate() {
        let faults = ["s3.error=0.5", "s3.reset=0", "s3.error=0.1"].map(|text| parse(text).unwrap());
        let plan = Plan::new(1, faults);
        assert_eq!(plan.faults().map(|(kind, fault)| (kind, fault.rate)).collect::<Vec<_>>(), [(Kind::S3Error, 0.1)]);
    }
}
