//! A team's own presets, and errors at start.

use serde_json::json;

use crate::server::{KEY, Server, configured};

const OWN: &str = r#"{
    "suffixes": ["devices/v2"],
    "key": ["header:X-Device-Key"],
    "items": [{ "path": "readings[]", "id": ["/serial", "/n"], "time": [{ "pointer": "/at", "unit": "s" }] }],
    "answer": { "success": { "status": 202, "body": { "ok": "$accepted" } } }
}"#;

#[tokio::test]
async fn a_teams_own_preset_is_read_like_a_built_in_one() {
    let server = Server::with(&[("devices", r#"{"accept":["own","segment"]}"#)], &[("own", OWN)], false);
    let body = r#"{"site":"a","readings":[{"serial":"s","n":"1","at":1795692615},{"serial":"s","n":"2"}]}"#;
    let exchange = server.post("devices/devices/v2", &[("x-device-key", KEY)], body).await;
    let records = exchange.records();
    assert_eq!((exchange.status, exchange.json()), (202, json!({"ok": 2})));
    assert_eq!(
        (&records[0]["context"], &records[0]["event_time"]),
        (&json!({"site": "a"}), &json!("2026-11-26T11:30:15Z"))
    );
    assert_ne!(records[0]["id"], records[1]["id"]);
}

#[test]
fn errors_at_start_name_the_file_and_both_presets() {
    let with = |accept: &str, presets: &[(&str, &str)]| configured(&[("clicks", accept)], presets).unwrap_err();
    let unknown = with(r#"{"accept":["segmint"]}"#, &[]);
    assert!(
        unknown.contains("streams/clicks.json: /accept: no preset is named `segmint`; known: amplitude"),
        "{unknown}"
    );
    let twice = with(r#"{"accept":["segment","own"]}"#, &[("own", r#"{"suffixes":["x","/v1/batch/"]}"#)]);
    assert!(twice.contains("streams/clicks.json: /accept: `segment` and `own` both handle `v1/batch`"), "{twice}");
    let built_in = with("{}", &[("segment", OWN)]);
    assert!(built_in.contains("presets/segment.json: a built-in preset has this name"), "{built_in}");
    let broken = with("{}", &[("own", "{"), ("Odd", OWN)]);
    assert!(
        broken.contains("presets/own.json: not valid JSON") && broken.contains("presets/Odd.json: a preset's name")
    );
    let same = [("own", OWN), ("other", OWN)];
    assert!(configured(&[("clicks", r#"{"accept":["own"]}"#)], &same).is_ok(), "only accepted ones must differ");
}

/// The page for client developers.
const PAGE: &str = include_str!("../../../../docs/clients.md");

#[test]
fn the_page_names_every_built_in_preset_and_suffix() {
    let presets = configured(&[("clicks", "{}")], &[]).unwrap().intake.presets;
    for name in presets.names() {
        let section = PAGE.split("\n### ").find(|section| section.starts_with(&format!("{name}\n")));
        let section = section.unwrap_or_else(|| panic!("{name} has no section"));
        for suffix in &presets.named(name).unwrap().suffixes {
            assert!(section.contains(&format!("`{suffix}`")), "{suffix} of {name}");
        }
    }
}

#[test]
fn the_preset_on_the_page_is_valid() {
    let block = PAGE.split("```json preset\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(configured(&[("clicks", r#"{"accept":["own"]}"#)], &[("own", block)]).is_ok());
}
