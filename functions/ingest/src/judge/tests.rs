use serde_json::{Value, json};

use super::*;

mod costs;
mod details;
mod edges;
mod errors;
mod hostile;
mod keywords;
mod random;

const NOBODY: Facts = Facts { opted_out: false };
const OPTED_OUT: Facts = Facts { opted_out: true };

fn name() -> StreamName {
    StreamName::parse("clicks").unwrap()
}

/// A judge from the text of a stream's file.
fn judge(definition: &Value) -> Judge {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("streams")).unwrap();
    std::fs::write(folder.path().join("streams/clicks.json"), definition.to_string()).unwrap();
    load(folder.path()).unwrap().remove("clicks").unwrap().judge
}

fn by_schema(schema: Value) -> Judge {
    Judge::compile(&name(), &Definition { schema: Some(schema), ..Definition::default() }).unwrap()
}

fn rejection(verdict: Verdict) -> Rejection {
    match verdict {
        Verdict::Reject(rejection) => rejection,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_without_schema_and_consent_accepts_without_parsing() {
    let judge = Judge::compile(&name(), &Definition::default()).unwrap();
    assert_eq!(judge.judge(&OPTED_OUT, b"not even JSON"), Verdict::Accept);
}

#[test]
fn an_opted_out_request_is_withheld_without_parsing() {
    let judge = judge(&json!({"consent": {"honour_gpc": true}}));
    assert_eq!(judge.judge(&OPTED_OUT, b"not even JSON"), Verdict::Withhold);
    assert_eq!(judge.judge(&NOBODY, b"{}"), Verdict::Accept);
}

#[test]
fn an_opt_out_counts_in_every_region_and_only_if_the_stream_honours_it() {
    let regions = json!({"pointer": "/region", "in": ["EU"]});
    let mut consent = json!({"pointer": "/c", "granted": [true], "regions": regions, "honour_gpc": true});
    let payload = br#"{"c": true, "region": "US"}"#;
    assert_eq!(judge(&json!({"consent": consent})).judge(&OPTED_OUT, payload), Verdict::Withhold);
    consent["honour_gpc"] = json!(false);
    assert_eq!(judge(&json!({"consent": consent})).judge(&OPTED_OUT, payload), Verdict::Accept);
}

#[test]
fn consent_is_judged_before_the_schema() {
    let judge = judge(&json!({
        "schema": {"required": ["event"]}, "consent": {"pointer": "/c", "granted": [true]}
    }));
    assert_eq!(judge.judge(&NOBODY, br#"{"c": false}"#), Verdict::Withhold);
    assert_eq!(rejection(judge.judge(&NOBODY, br#"{"c": true}"#)).reason, Reason::Schema);
    assert_eq!(judge.judge(&NOBODY, br#"{"c": true, "event": 1}"#), Verdict::Accept);
}

#[test]
fn a_duplicate_key_at_any_level_is_rejected() {
    for definition in
        [json!({"schema": true}), json!({"consent": {"pointer": "/c", "granted": [1], "absent": "allow"}})]
    {
        let found = rejection(judge(&definition).judge(&NOBODY, br#"{"x": [{"secret": 1, "secret": 1}]}"#));
        assert_eq!(found.reason, Reason::DuplicateKey);
        assert_eq!(found.detail, "a key appears twice in one object, at line 1 column 33");
    }
}

#[test]
fn values_that_cannot_be_read_are_rejected() {
    let judge = by_schema(json!(true));
    for payload in [r#"{"a": 1e400}"#, r#"{"a": -1e400}"#, r#"{"a": "\ud800"}"#, r#"{"\udc00": 1}"#] {
        let found = rejection(judge.judge(&NOBODY, payload.as_bytes()));
        assert_eq!(found.reason, Reason::Unreadable, "{payload}");
        assert!(found.detail.starts_with("cannot be read: "), "{}", found.detail);
    }
}

#[test]
fn the_deepest_payload_is_judged() {
    let payload = format!("{}1{}", r#"{"a":"#.repeat(127), "}".repeat(127));
    assert_eq!(by_schema(json!(true)).judge(&NOBODY, payload.as_bytes()), Verdict::Accept);
}

#[test]
fn a_schema_that_refers_to_itself_terminates() {
    let tree =
        by_schema(json!({"additionalProperties": {"anyOf": [{"type": "integer"}, {"$ref": "#"}]}, "type": "object"}));
    let deep = |leaf: &str| format!("{}{leaf}{}", r#"{"a":"#.repeat(127), "}".repeat(127));
    assert_eq!(tree.judge(&NOBODY, deep("1").as_bytes()), Verdict::Accept);
    assert_eq!(rejection(tree.judge(&NOBODY, deep("\"x\"").as_bytes())).reason, Reason::Schema);
    for circle in [json!({"$ref": "#"}), json!({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"$ref": "#"}}})] {
        let definition = Definition { schema: Some(circle), ..Definition::default() };
        if let Ok(judge) = Judge::compile(&name(), &definition) {
            let _ = judge.judge(&NOBODY, b"{}");
        }
    }
}

#[test]
fn equal_payloads_have_equal_verdicts() {
    let judge = by_schema(json!({
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}, "c": {"enum": [1]}}, "required": ["x", "y"]
    }));
    let answer = judge.judge(&NOBODY, br#"{"c": 2, "b": 1, "a": 1}"#);
    for _ in 0..100 {
        assert_eq!(judge.judge(&NOBODY, br#"{"a": 1, "b": 1, "c": 2}"#), answer);
    }
}

#[test]
fn a_judge_is_shared_between_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Judge>();
}

#[test]
fn load_reports_errors_of_files_and_schemas_together() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("streams")).unwrap();
    for (file, text) in
        [("a", r#"{"x": 1, "schema": {"type": "txt"}}"#), ("b", "{"), ("c", r#"{"schema": {"pattern": "("}}"#)]
    {
        std::fs::write(folder.path().join(format!("streams/{file}.json")), text).unwrap();
    }
    let faults = load(folder.path()).unwrap_err();
    let places: Vec<_> =
        faults.sentences().iter().map(|s| s.split(": ").take(2).collect::<Vec<_>>().join(": ")).collect();
    assert_eq!(places, ["streams/a.json: /x", "streams/b.json: not valid JSON", "streams/c.json: /schema/pattern",]);
}
