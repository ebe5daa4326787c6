use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::consent::{Absent, Regions, Rule, Test};
use crate::pointer::Pointer;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("streams")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join("streams").join(name), text).unwrap();
    }
    folder
}

/// The errors of a folder, without the folder's own name.
fn errors(files: &[(&str, &str)]) -> Vec<String> {
    let folder = folder(files);
    let errors = load(folder.path()).unwrap_err();
    errors.sentences().iter().map(|sentence| sentence.replace("streams/", "")).collect()
}

fn faults_of(text: &str) -> Vec<String> {
    errors(&[("s.json", text)])
}

#[test]
fn a_file_with_every_member_is_read() {
    let text = r#"{
        "description": "Storefront events",
        "schema": { "type": "object", "required": ["event"] },
        "consent": {
            "pointer": "/consent/analytics", "granted": [true, "granted"], "absent": "allow",
            "regions": { "pointer": "/region", "in": ["EU", "US-CA"] }, "honour_gpc": true
        },
        "stamp": { "client_ip": "truncated", "user_agent": true, "country": true }
    }"#;
    let streams = load(folder(&[("clicks.json", text)]).path()).unwrap();
    let rule = Rule {
        pointer: Pointer::parse("/consent/analytics").unwrap(),
        test: Test::Granted(vec![json!(true), json!("granted")]),
        absent: Absent::Allow,
        regions: Some(Regions {
            pointer: Pointer::parse("/region").unwrap(),
            bound: vec!["EU".into(), "US-CA".into()],
        }),
    };
    let expected = Definition {
        description: Some("Storefront events".into()),
        schema: Some(json!({"type": "object", "required": ["event"]})),
        consent: Some(Consent { rule: Some(rule), honour_gpc: true }),
        stamp: Stamp { client_ip: ClientIp::Truncated, user_agent: true, country: true },
    };
    assert_eq!(streams.into_iter().collect::<Vec<_>>(), [(StreamName::parse("clicks").unwrap(), expected)]);
}

#[test]
fn an_empty_object_is_a_stream_with_every_default() {
    let streams = load(folder(&[("clicks.json", "{}")]).path()).unwrap();
    assert_eq!(streams["clicks"], Definition::default());
}

#[test]
fn other_files_and_folders_are_ignored() {
    let folder = folder(&[("a.json", "{}"), ("b.JSON", "no"), ("README.md", "no"), ("c.json.bak", "no")]);
    fs::create_dir(folder.path().join("streams/d.json")).unwrap();
    fs::create_dir(folder.path().join("streams/more")).unwrap();
    fs::write(folder.path().join("streams/more/e.json"), "no").unwrap();
    let streams = load(folder.path()).unwrap();
    assert_eq!(streams.keys().map(StreamName::as_str).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn every_fault_of_every_file_is_named_at_once() {
    let found = errors(&[
        ("Clicks.json", "{}"),
        ("clicks.json", r#"{"descriptoin": "x", "stamp": {"client_ip": "half", "ip": 1, "country": 1}}"#),
        ("orders.json", "{"),
        ("twice.json", "{\"description\": \"a\",\n \"description\": \"b\"}"),
        ("wrong.json", r#"{"description": 1, "schema": null, "consent": [], "stamp": true}"#),
    ]);
    assert_eq!(
        found,
        [
            "clicks.json: differs only in case from Clicks.json",
            "Clicks.json: a stream's name must be `[a-z][a-z0-9_-]{0,62}`",
            "clicks.json: /stamp/client_ip: must be one of `none`, `truncated`, `full`",
            "clicks.json: /stamp/country: must be true or false",
            "clicks.json: /stamp/ip: is not known here",
            "clicks.json: /descriptoin: is not known here",
            "orders.json: is not JSON as it should be: EOF while parsing an object at line 1 column 1",
            "twice.json: is not JSON as it should be: duplicate key at line 2 column 20",
            "wrong.json: /description: must be a text",
            "wrong.json: /schema: must be a JSON Schema: an object, true or false",
            "wrong.json: /consent: must be an object",
            "wrong.json: /stamp: must be an object",
        ]
    );
}

#[test]
fn what_is_made_of_a_definition_adds_its_faults_file_by_file() {
    let folder = folder(&[("a.json", r#"{"stamp": 1}"#), ("b.json", r#"{"x": 1}"#)]);
    let made = load_as(folder.path(), |name, _| -> Result<(), _> {
        let mut errors = ConfigErrors::default();
        errors.add(name, "made badly");
        Err(errors)
    });
    assert_eq!(
        made.unwrap_err().sentences(),
        [
            "streams/a.json: /stamp: must be an object",
            "a: made badly",
            "streams/b.json: /x: is not known here",
            "b: made badly",
        ]
    );
}

#[test]
fn a_definition_is_an_object() {
    assert_eq!(faults_of("[]"), ["s.json: must be an object"]);
}

#[test]
fn a_consent_rule_needs_a_pointer_and_one_test() {
    let one = "needs exactly one of `granted`, `any_of`, `none_of`";
    assert_eq!(faults_of(r#"{"consent": {"granted": [true]}}"#), ["s.json: /consent: needs `pointer`"]);
    assert_eq!(faults_of(r#"{"consent": {"pointer": "/a"}}"#), [format!("s.json: /consent: {one}")]);
    assert_eq!(
        faults_of(r#"{"consent": {"pointer": "/a", "granted": [1], "any_of": ["x"]}}"#),
        [format!("s.json: /consent: {one}")]
    );
    assert_eq!(
        faults_of(r#"{"consent": {"honour_gpc": false}}"#),
        ["s.json: /consent: asks for nothing: it needs `pointer` with a rule, or `honour_gpc`"]
    );
    let streams = load(folder(&[("s.json", r#"{"consent": {"honour_gpc": true}}"#)]).path()).unwrap();
    assert_eq!(streams["s"].consent, Some(Consent { rule: None, honour_gpc: true }));
}

#[test]
fn faults_of_consent_name_the_member() {
    let text = r#"{"consent": {
        "pointer": "consent", "any_of": ["a", true, 3], "absent": "maybe", "honor_gpc": true,
        "regions": {"pointer": "/~", "in": [], "out": 1}
    }}"#;
    let pointer = "must be a JSON pointer: empty, or `/` before every part, `~` only in `~0` and `~1`";
    assert_eq!(
        faults_of(text),
        [
            &format!("s.json: /consent/pointer: {pointer}"),
            "s.json: /consent/any_of/1: must be an id: a text or a number",
            "s.json: /consent/absent: must be one of `withhold`, `allow`",
            &format!("s.json: /consent/regions/pointer: {pointer}"),
            "s.json: /consent/regions/in: must not be empty",
            "s.json: /consent/regions/out: is not known here",
            "s.json: /consent/honor_gpc: is not known here",
        ]
    );
}

#[test]
fn no_folder_and_no_stream_are_faults() {
    let empty = folder(&[]);
    let sentence = load(empty.path()).unwrap_err().to_string();
    assert!(sentence.ends_with("streams: holds no stream: there must be at least one `<name>.json`"), "{sentence}");
    let sentence = load(&empty.path().join("none")).unwrap_err().to_string();
    assert!(sentence.contains("none/streams: cannot be read: "), "{sentence}");
}

#[test]
#[cfg(unix)]
fn a_name_that_is_no_unicode_is_a_fault() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = folder(&[]);
    fs::write(folder.path().join("streams").join(std::ffi::OsStr::from_bytes(b"a\xff.json")), "{}").unwrap();
    assert!(load(folder.path()).unwrap_err().to_string().contains("a stream's name must be"));
}
