//! Checks the examples of `docs/streams.md`: its streams load, and its payloads have the outcomes that it names.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::path::Path;

use spillway_ingest::judge::{self, Facts, Judge, Verdict};
use spillway_shared::keys::KeyFile;

const DOC: &str = include_str!("../../../docs/streams.md");

/// The blocks of JSON: their kind and their text.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let fenced = DOC.split("```").skip(1).step_by(2);
    fenced
        .map(|block| block.split_once('\n').unwrap())
        .filter_map(|(kind, text)| Some((kind.strip_prefix("json ")?, text)))
        .collect()
}

fn load(text: &str) -> Judge {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("streams")).unwrap();
    fs::write(folder.path().join("streams/shown.json"), text).unwrap();
    judge::load(folder.path()).unwrap().remove("shown").unwrap().judge
}

fn outcome(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accept | Verdict::Warn(_) => "accepted",
        Verdict::Withhold => "withheld",
        Verdict::Reject(_) => "rejected",
    }
}

#[test]
fn every_payload_has_the_outcome_that_the_page_names() {
    let (mut judge, mut outcomes) = (None, Vec::new());
    for (kind, text) in blocks() {
        if kind == "stream" {
            judge = Some(load(text));
            continue;
        }
        let verdict = judge.as_ref().unwrap().judge(&Facts::default(), text.as_bytes());
        assert_eq!(outcome(&verdict), kind, "{text}: {verdict:?}");
        outcomes.push(kind);
        if let Verdict::Reject(rejection) = verdict {
            assert!(DOC.contains(&format!("`{}`", rejection.detail)), "the page does not show {}", rejection.detail);
        }
    }
    for kind in ["accepted", "withheld", "rejected"] {
        assert!(outcomes.contains(&kind), "the page shows no payload that is {kind}");
    }
}

#[test]
fn consent_objects_of_other_products_are_shown() {
    for pointer in [
        "/context/consent/categoryPreferences",
        "/context/consentManagement/allowedConsentIds",
        "/context/consentManagement/deniedConsentIds",
    ] {
        let shown = |(kind, text): &(&str, &str)| *kind == "stream" && text.contains(&format!("\"{pointer}\""));
        assert_eq!(blocks().iter().filter(|block| shown(block)).count(), 1, "{pointer}");
    }
}

#[test]
fn the_default_configuration_is_valid() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    assert!(!judge::load(&config).unwrap().is_empty());
    assert!(KeyFile::load(&config).unwrap().keys.is_empty());
}
