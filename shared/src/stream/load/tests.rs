use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::consent::{Absent, Consent, Regions, Rule, Test};
use crate::event_time::{TimeRule, Unit};
use crate::json::Values;
use crate::pointer::Pointer;
use crate::stream::{ClientIp, Enforce, Rejected, Stamp};

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("streams")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join("streams").join(name), text).unwrap();
    }
    folder
}

/// The errors of a folder, without the folder's path.
fn errors(files: &[(&str, &str)]) -> Vec<String> {
    let folder = folder(files);
    let errors = load(folder.path()).unwrap_err();
    errors.sentences().iter().map(|sentence| sentence.replace("streams/", "")).collect()
}

#[test]
fn a_file_with_every_member_is_read() {
    let text = r#"{
        "description": "Storefront events",
        "schema": { "type": "object", "required": ["event"] },
        "enforce": "warn",
        "rejected": "keep",
        "consent": {
            "pointer": "/consent/analytics", "granted": [true, "granted"], "absent": "allow",
            "regions": { "pointer": "/region", "in": ["EU", "US-CA"] }, "honour_gpc": true
        },
        "stamp": { "client_ip": "truncated", "user_agent": true, "country": true },
        "accept": ["segment"],
        "time": { "pointer": "/sent_at", "unit": "ms" },
        "table": false
    }"#;
    let streams = load(folder(&[("clicks.json", text)]).path()).unwrap();
    let rule = Rule {
        pointer: Pointer::parse("/consent/analytics").unwrap(),
        test: Test::Granted(Values::try_from([json!(true), json!("granted")].as_slice()).unwrap()),
        absent: Absent::Allow,
        regions: Some(Regions {
            pointer: Pointer::parse("/region").unwrap(),
            bound: vec!["EU".into(), "US-CA".into()],
        }),
    };
    let expected = Definition {
        description: Some("Storefront events".into()),
        schema: Some(json!({"type": "object", "required": ["event"]})),
        enforce: Enforce::Warn,
        rejected: Rejected::Keep,
        consent: Some(Consent { rule: Some(rule), honour_gpc: true }),
        stamp: Stamp { client_ip: ClientIp::Truncated, user_agent: true, country: true },
        accept: vec!["segment".to_owned()],
        time: Some(TimeRule { pointer: Pointer::parse("/sent_at").unwrap(), unit: Unit::Ms }),
        table: Some(false),
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
fn each_file_reports_its_first_error() {
    let found = errors(&[
        ("Clicks.json", "{}"),
        ("clicks.json", r#"{"descriptoin": "x"}"#),
        ("orders.json", "{"),
        ("twice.json", "{\"description\": \"a\",\n \"description\": \"b\"}"),
        ("wrong.json", r#"{"description": 1}"#),
    ]);
    assert_eq!(
        found,
        [
            "clicks.json: differs only in case from Clicks.json",
            "Clicks.json: a stream's name must be `[a-z][a-z0-9_-]{0,62}`",
            "clicks.json: /descriptoin: unknown field `descriptoin`, expected one of `description`, `schema`, `enforce`, \
             `rejected`, `consent`, `stamp`, `accept`, `time`, `table`",
            "orders.json: not valid JSON: EOF while parsing an object at line 1 column 1",
            "twice.json: not valid JSON: duplicate key at line 2 column 20",
            "wrong.json: /description: invalid type: integer `1`, expected a string",
        ]
    );
}

#[test]
fn errors_name_the_member() {
    let pointer = "must be a JSON pointer: empty, or `/` before each part, `~` only in `~0` and `~1`";
    let consent = |members: &str| format!(r#"{{"consent": {{{members}}}}}"#);
    let rule = |members: &str| consent(&format!(r#""pointer": "/a", "granted": [1], {members}"#));
    for (text, expected) in [
        ("[]".to_owned(), "must be an object"),
        (r#"{"schema": null}"#.to_owned(), "/schema: must be a JSON Schema: an object, true or false"),
        (r#"{"consent": null}"#.to_owned(), "/consent: must be an object"),
        (
            r#"{"stamp": {"client_ip": "half"}}"#.to_owned(),
            "/stamp/client_ip: unknown variant `half`, expected one of `none`, `truncated`, `full`",
        ),
        (consent(r#""granted": [true]"#), "/consent: needs `pointer`"),
        (consent(r#""absent": "allow""#), "/consent: needs `pointer`"),
        (consent(r#""pointer": "/a""#), "/consent: needs exactly one of `granted`, `any_of`, `none_of`"),
        (rule(r#""any_of": ["x"]"#), "/consent: needs exactly one of `granted`, `any_of`, `none_of`"),
        (consent(r#""honour_gpc": false"#), "/consent: has no effect: add `pointer` with a test, or `honour_gpc`"),
        (consent(r#""pointer": "a""#), &format!("/consent/pointer: {pointer}")),
        (consent(r#""any_of": ["a", true]"#), "/consent/any_of/1: must be an id: a string or a number"),
        (rule(r#""absent": "maybe""#), "/consent/absent: unknown variant `maybe`, expected `withhold` or `allow`"),
        (rule(r#""regions": {"pointer": "/r", "in": []}"#), "/consent/regions/in: must not be empty"),
        (
            rule(r#""regions": {"pointer": "/r", "in": [""]}"#),
            "/consent/regions/in: a region must be a code such as `EU` or `US-CA`",
        ),
        (
            rule(r#""regions": {"pointer": "/r", "in": ["EU", "U S"]}"#),
            "/consent/regions/in: a region must be a code such as `EU` or `US-CA`",
        ),
        (rule(r#""regions": {"in": ["EU"]}"#), "/consent/regions: missing field `pointer`"),
    ] {
        assert_eq!(errors(&[("s.json", &text)]), [format!("s.json: {expected}")], "{text}");
    }
}

#[test]
fn honour_gpc_alone_is_a_consent_rule() {
    let streams = load(folder(&[("s.json", r#"{"consent": {"honour_gpc": true}}"#)]).path()).unwrap();
    assert_eq!(streams["s"].consent, Some(Consent { rule: None, honour_gpc: true }));
}

#[test]
fn errors_of_compiling_a_definition_are_reported_with_those_of_other_files() {
    let folder = folder(&[("a.json", r#"{"stamp": 1}"#), ("b.json", "{}")]);
    let made = load_as(folder.path(), |name, _| -> Result<(), _> {
        let mut errors = ConfigErrors::default();
        errors.add(name, "made badly");
        Err(errors)
    });
    assert_eq!(made.unwrap_err().sentences(), ["streams/a.json: /stamp: must be an object", "b: made badly",]);
}

#[test]
fn missing_folders_and_empty_folders_are_errors() {
    let empty = folder(&[]);
    let sentence = load(empty.path()).unwrap_err().to_string();
    assert!(sentence.ends_with("streams: contains no stream: add at least one `<name>.json`"), "{sentence}");
    let sentence = load(&empty.path().join("none")).unwrap_err().to_string();
    assert!(sentence.contains("none/streams: cannot be read: "), "{sentence}");
}

#[test]
#[cfg(unix)]
fn file_names_must_be_unicode() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = folder(&[]);
    fs::write(folder.path().join("streams").join(std::ffi::OsStr::from_bytes(b"a\xff.json")), "{}").unwrap();
    assert!(load(folder.path()).unwrap_err().to_string().contains("a stream's name must be"));
}
