//! `spillway check --expect`: compares the outcomes of sample payloads with those that a file expects.
//!
//! Each line of the file is one case: `{"payload":{…},"outcome":"rejected","reason":"schema","pointer":"/user/id"}`.

use std::fmt;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::value::RawValue;
use spillway_ingest::body::Form;
use spillway_ingest::judge::{Facts, Judge};
use spillway_ingest::payloads::split;

use super::outcome::{Fate, Outcome};

/// One line of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case<'a> {
    /// The payload, byte for byte.
    #[serde(borrow)]
    payload: &'a RawValue,
    /// Whether the request states that its user has opted out (`Sec-GPC: 1`).
    #[serde(default)]
    opted_out: bool,
    outcome: Fate,
    /// The reason of the rejection or violation; not compared if it is missing.
    reason: Option<String>,
    /// Where the payload does not match the schema; not compared if it is missing.
    pointer: Option<String>,
}

/// The cases whose outcomes differ, displayed as a diff.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    cases: usize,
    differences: Vec<Difference>,
}

#[derive(Debug, PartialEq, Eq)]
struct Difference {
    line: usize,
    expected: String,
    found: String,
}

/// Judges each case and compares its outcome.
///
/// # Errors
/// A line is not a case: it is not JSON, or it has an unknown member or outcome.
pub(super) fn compare(judge: &Judge, file: &str) -> anyhow::Result<Comparison> {
    let mut comparison = Comparison { cases: 0, differences: Vec::new() };
    for (number, line) in file.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let case: Case<'_> = serde_json::from_str(line).with_context(|| format!("line {}", number + 1))?;
        comparison.cases += 1;
        comparison.differences.extend(case.difference(judge, number + 1));
    }
    ensure!(comparison.cases > 0, "the file has no cases; write one JSON object per line");
    Ok(comparison)
}

impl Comparison {
    pub(super) fn holds(&self) -> bool {
        self.differences.is_empty()
    }
}

impl Case<'_> {
    fn difference(&self, judge: &Judge, line: usize) -> Option<Difference> {
        let found = self.outcome_of(judge);
        let differs = found.fate != self.outcome
            || self.reason.as_deref().is_some_and(|reason| found.reason() != Some(reason))
            || self.pointer.as_deref().is_some_and(|pointer| found.pointer() != Some(pointer));
        let expected = describe(self.outcome, self.reason.as_deref(), self.pointer.as_deref());
        differs.then(|| Difference { line, expected, found: describe(found.fate, found.reason(), found.pointer()) })
    }

    /// A case is one line of NDJSON, so that it meets the same limits as a payload that is posted.
    fn outcome_of(&self, judge: &Judge) -> Outcome {
        let facts = Facts { opted_out: self.opted_out };
        let document = split(self.payload.get().as_bytes(), Form::Lines, 1).unwrap_or_default();
        let payload = document.payloads.into_iter().next().unwrap_or(Ok(self.payload.get()));
        Outcome::of(judge, facts, payload)
    }
}

fn describe(fate: Fate, reason: Option<&str>, pointer: Option<&str>) -> String {
    let pointer = pointer.map(|pointer| if pointer.is_empty() { "(whole payload)" } else { pointer });
    [Some(fate.as_str()), reason, pointer].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Difference { line, expected, found } in &self.differences {
            writeln!(f, "line {line}\n- {expected}\n+ {found}")?;
        }
        let failed = self.differences.len();
        write!(f, "{} of {} cases have the expected outcome", self.cases - failed, self.cases)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use spillway_shared::stream::{StreamName, parse};

    use super::*;

    fn compared(definition: &serde_json::Value, file: &str) -> anyhow::Result<Comparison> {
        let name = StreamName::parse("clicks").unwrap();
        let definition = parse("clicks", definition.to_string().as_bytes()).unwrap();
        compare(&Judge::compile(&name, &definition).unwrap(), file)
    }

    fn schema() -> serde_json::Value {
        json!({"schema": {"required": ["event"], "properties": {"event": {"type": "string"}}}, "rejected": "keep",
               "consent": {"honour_gpc": true}})
    }

    #[test]
    fn a_file_that_expects_what_happens_has_no_difference() {
        let file = r#"
            {"payload":{"event":"a"},"outcome":"accepted"}
            {"payload":{"event":1},"outcome":"kept","reason":"schema","pointer":"/event"}
            {"payload":{},"outcome":"kept","pointer":""}

            {"payload":{"event":"a"},"opted_out":true,"outcome":"withheld"}
            {"payload":7,"outcome":"kept","reason":"not_an_object"}
            {"payload":7,"opted_out":true,"outcome":"rejected","reason":"not_an_object"}"#;
        let comparison = compared(&schema(), file).unwrap();
        assert!(comparison.holds(), "{comparison}");
        assert_eq!(comparison.to_string(), "6 of 6 cases have the expected outcome");
    }

    #[test]
    fn differences_are_shown_with_their_lines() {
        let file = "{\"payload\":{\"event\":1},\"outcome\":\"accepted\"}\n\
                    {\"payload\":{\"event\":1},\"outcome\":\"kept\",\"reason\":\"schema\",\"pointer\":\"/name\"}\n";
        let comparison = compared(&schema(), file).unwrap();
        assert!(!comparison.holds());
        assert_eq!(
            comparison.to_string(),
            "line 1\n- accepted\n+ kept schema /event\nline 2\n- kept schema /name\n+ kept schema /event\n\
             0 of 2 cases have the expected outcome"
        );
    }

    #[test]
    fn a_line_that_is_no_case_is_named() {
        for (file, error) in [
            ("{\"payload\":{},\"outcome\":\"lost\"}", "unknown variant `lost`"),
            ("{\"payload\":{},\"outcome\":\"kept\",\"why\":1}", "unknown field `why`"),
            ("{\"outcome\":\"kept\"}", "missing field `payload`"),
        ] {
            let found = format!("{:#}", compared(&schema(), file).unwrap_err());
            assert!(found.starts_with("line 1: ") && found.contains(error), "{found}");
        }
        assert!(compared(&schema(), "\n").is_err());
    }
}
