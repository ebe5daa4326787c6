//! Plan and counts as JSON: `{"seed":7,"faults":{"s3.error":0.2,"s3.stall":"0.01:3s"}}`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plan::parse_fault;
use super::{Faults, Kind, Plan, PlanError};

/// The current plan, in the form in which it can be set, and the counts of injected faults.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    /// The seed of all sequences.
    pub seed: u64,
    /// Each fault as `RATE` or `RATE:DURATION`.
    pub faults: BTreeMap<&'static str, String>,
    /// The number of injected faults by kind since the start.
    pub injected: BTreeMap<&'static str, u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanJson {
    seed: Option<u64>,
    #[serde(default)]
    /// Each rate as a number or as text.
    faults: BTreeMap<String, Value>,
    /// Ignored, so that a [`State`] can be sent back.
    #[serde(default, rename = "injected")]
    _injected: serde::de::IgnoredAny,
}

impl Faults {
    /// The current state.
    #[must_use]
    pub fn state(&self) -> State {
        let plan = self.plan();
        State {
            seed: plan.seed,
            faults: plan.faults().map(|(kind, fault)| (kind.name(), fault.to_string())).collect(),
            injected: self.injected().into_iter().map(|(kind, count)| (kind.name(), count)).collect(),
        }
    }

    /// Replaces the plan. JSON without a seed keeps the current seed.
    ///
    /// # Errors
    /// The plan is invalid; the current one stays.
    pub fn set_json(&self, json: &[u8]) -> Result<(), PlanError> {
        let json_plan: PlanJson = serde_json::from_slice(json).map_err(|error| PlanError::Json(error.to_string()))?;
        let faults = json_plan.faults.iter().map(|(name, rate)| {
            let kind: Kind = name.parse()?;
            let text = rate.as_str().map_or_else(|| rate.to_string(), str::to_owned);
            Ok((kind, parse_fault(kind, &text)?))
        });
        let faults: Vec<_> = faults.collect::<Result<_, PlanError>>()?;
        self.set(Plan::new(json_plan.seed.unwrap_or_else(|| self.plan().seed), faults));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_state_can_be_set() {
        let faults = Faults::default();
        faults.set_json(br#"{"seed":7,"faults":{"s3.error":0.5,"s3.stall":"0.01:2s"}}"#).unwrap();
        while faults.inject(Kind::S3Error).is_none() {}
        let shown = serde_json::to_string(&faults.state()).unwrap();
        assert_eq!(shown, r#"{"seed":7,"faults":{"s3.error":"0.5","s3.stall":"0.01:2s"},"injected":{"s3.error":1}}"#);
        let other = Faults::default();
        other.set_json(shown.as_bytes()).unwrap();
        assert_eq!(other.plan(), faults.plan());
    }

    #[test]
    fn an_invalid_plan_changes_nothing() {
        let faults = Faults::default();
        faults.set_json(br#"{"seed":7,"faults":{"s3.error":1}}"#).unwrap();
        for json in ["", "[]", r#"{"faults":{"s3.eror":1}}"#, r#"{"faults":{"s3.error":2}}"#, r#"{"rates":{}}"#] {
            assert!(faults.set_json(json.as_bytes()).is_err(), "{json}");
        }
        assert!(faults.inject(Kind::S3Error).is_some());
        faults.set_json(b"{}").unwrap();
        assert_eq!((faults.inject(Kind::S3Error), faults.plan().seed), (None, 7));
    }
}
