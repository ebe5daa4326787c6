//! What `docs/streams.md` shows is true: its streams load, its payloads have the fate that is claimed.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::path::Path;

use spillway_ingest::judge::{self, Facts, Judge, Verdict};
use spillway_shared::keys::KeyRing;

const DOC: &str = include_str!("../../../docs/streams.md");

/// The blocks of JSON: what they are said to be, and their text.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let fenced = DOC.split("```").skip(1).step_by(2);
    fenced
        .map(|block| block.split_once('\n').unwrap())
        .map(|(kind, text)| (kind.trim_start_matches("json "), text))
        .collect()
}

fn load(text: &str) -> Judge {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("streams")).unwrap();
    fs::write(folder.path().join("streams/shown.json"), text).unwrap();
    judge::load(folder.path()).unwrap().remove("shown").unwrap().judge
}

fn fate(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accepted",
        Verdict::Withhold => "withheld",
        Verdict::Reject(_) => "rejected",
    }
}

#[test]
fn every_payload_has_the_fate_that_is_claimed() {
    let (mut judge, mut fates) = (None, Vec::new());
    for (kind, text) in blocks() {
        if kind == "stream" {
            judge = Some(load(text));
            continue;
        }
        let verdict = judge.as_ref().unwrap().judge(&Facts::default(), text.as_bytes());
        assert_eq!(fate(&verdict), kind, "{text}: {verdict:?}");
        fates.push(kind);
        if let Verdict::Reject(rejection) = verdict {
            assert!(DOC.contains(&format!("`{}`", rejection.detail)), "the page does not show {}", rejection.detail);
        }
    }
    for kind in ["accepted", "withheld", "rejected"] {
        assert!(fates.contains(&kind), "no payload is said to be {kind}");
    }
}

#[test]
fn consent_blocks_of_others_are_shown() {
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
fn the_configuration_that_comes_along_is_good() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    assert!(!judge::load(&config).unwrap().is_empty());
    assert!(KeyRing::load(&config).unwrap().is_empty());
}
