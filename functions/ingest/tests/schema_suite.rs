//! Runs the JSON Schema Test Suite through `Judge`. `.ci/schema-suite` downloads the suite and starts these tests.
//!
//! Payloads are objects, but most instances of the suite are not. Every instance is therefore judged as the member `x`
//! of a payload, by a schema that embeds the suite's schema; instances that are objects are also judged as payloads, by
//! the suite's schema itself.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed, as it should")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use spillway_ingest::judge::{Facts, Judge, Verdict};
use spillway_ingest::rejection::Reason;
use spillway_shared::stream::{Definition, StreamName};

#[derive(Deserialize)]
struct Group {
    description: String,
    schema: Value,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    description: String,
    /// The text, so that `1.0` stays `1.0`.
    data: Box<RawValue>,
    valid: bool,
}

struct Draft {
    folder: &'static str,
    uri: &'static str,
    definitions: &'static str,
    /// Groups whose schema ingest refuses at start.
    refused: &'static [Refused],
    /// The number of tests in the other groups.
    tests: usize,
}

/// A file, the description of a group in it, and a part of the error.
type Refused = (&'static str, &'static str, &'static str);

const REMOTE: &str = "is outside this file and is never fetched";
const TOO_COMPLEX: &str = "does not match the stream's schema (too complex to locate the error)";
const OTHER_DIALECT: &str = "/schema/$schema: must be";

/// Files that ingest does not support: it asserts formats, and refuses remote references.
const SKIPPED: [&str; 2] = ["format", "refRemote"];

/// These groups refer to schemas on a test server.
const REFUSED_2020_12: [Refused; 7] = [
    ("dynamicRef", "strict-tree schema, guards against misspelled properties", REMOTE),
    ("dynamicRef", "tests for implementation dynamic anchor and reference link", REMOTE),
    ("dynamicRef", "$ref and $dynamicAnchor are independent of order - $defs first", REMOTE),
    ("dynamicRef", "$ref and $dynamicAnchor are independent of order - $ref first", REMOTE),
    ("dynamicRef", "$ref to $dynamicRef finds detached $dynamicAnchor", REMOTE),
    // These groups define a dialect.
    ("vocabulary", "schema that uses custom metaschema with with no validation vocabulary", OTHER_DIALECT),
    ("vocabulary", "ignore unrecognized optional vocabulary", OTHER_DIALECT),
];

#[test]
#[ignore = "needs the suite: run .ci/schema-suite"]
fn draft_2020_12_passes() {
    run(&Draft {
        folder: "draft2020-12",
        uri: "https://json-schema.org/draft/2020-12/schema",
        definitions: "$defs",
        refused: &REFUSED_2020_12,
        tests: 1075,
    });
}

#[test]
#[ignore = "needs the suite: run .ci/schema-suite"]
fn draft_7_passes() {
    run(&Draft {
        folder: "draft7",
        uri: "http://json-schema.org/draft-07/schema#",
        definitions: "definitions",
        refused: &[],
        tests: 788,
    });
}

fn run(draft: &Draft) {
    let (mut failures, mut judged, mut refused) = (Vec::new(), 0, 0);
    for (file, group) in groups(draft.folder) {
        let place = format!("{file}: {}", group.description);
        if let Some((.., reason)) = draft.refused.iter().find(|entry| entry.0 == file && entry.1 == group.description) {
            let fault = judge(&direct(draft, &group.schema)).unwrap_err();
            assert!(fault.contains(reason), "{place}: {fault}");
            refused += 1;
            continue;
        }
        let failed = run_group(draft, &group);
        failures.extend(failed.iter().map(|failure| format!("{place}: {failure}")));
        judged += group.tests.len();
    }
    assert!(failures.is_empty(), "{} failures of {judged} tests:\n{}", failures.len(), failures.join("\n"));
    assert_eq!((judged, refused), (draft.tests, draft.refused.len()));
}

fn run_group(draft: &Draft, group: &Group) -> Vec<String> {
    let (direct, wrapped) = match (judge(&direct(draft, &group.schema)), judge(&wrapped(draft, &group.schema))) {
        (Ok(direct), Ok(wrapped)) => (direct, wrapped),
        (direct, wrapped) => return [direct.err(), wrapped.err()].into_iter().flatten().collect(),
    };
    let check = |judge: &Judge, payload: &str, test: &Test| {
        let failure = check(judge, payload, test.valid, &group.schema);
        failure.map(|failure| format!("{}: {payload}: {failure}", test.description))
    };
    let check_both = |test: &Test| {
        let text = test.data.get();
        let as_payload = text.starts_with('{').then(|| check(&direct, text, test)).flatten();
        [check(&wrapped, &format!(r#"{{"x":{text}}}"#), test), as_payload]
    };
    group.tests.iter().flat_map(check_both).flatten().collect()
}

fn groups(folder: &str) -> Vec<(String, Group)> {
    let suite = std::env::var_os("SCHEMA_SUITE").expect("SCHEMA_SUITE must name the suite's folder `tests`");
    let folder = Path::new(&suite).join(folder);
    let is_run = |file: &PathBuf| {
        let stem = file.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        file.is_file() && !SKIPPED.contains(&stem)
    };
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(is_run).collect();
    files.sort();
    files
        .iter()
        .flat_map(|file| {
            let groups: Vec<Group> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            groups.into_iter().map(move |group| (name.clone(), group))
        })
        .collect()
}

fn judge(schema: &Value) -> Result<Judge, String> {
    let name = StreamName::parse("suite").unwrap();
    let definition = Definition { schema: Some(schema.clone()), ..Definition::default() };
    Judge::compile(&name, &definition).map_err(|faults| faults.to_string())
}

fn direct(draft: &Draft, schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(members) = schema.as_object_mut() {
        members.entry("$schema").or_insert(json!(draft.uri));
    }
    schema
}

/// The suite's schema for the member `x`: a resource with an id, so that its references stay inside.
fn wrapped(draft: &Draft, schema: &Value) -> Value {
    let mut inner = schema.clone();
    let plain = json!({"$schema": draft.uri, "properties": {"x": schema}});
    let Some(members) = inner.as_object_mut() else { return plain };
    // Draft 7 ignores an id next to a `$ref`; these references are absolute.
    if draft.folder == "draft7" && members.get("$ref").is_some_and(|reference| reference == draft.uri) {
        return plain;
    }
    let id = members.entry("$id").or_insert(json!("https://suite.example/schema")).clone();
    json!({"$schema": draft.uri, "properties": {"x": {"$ref": id}}, draft.definitions: {"suite": inner}})
}

fn check(judge: &Judge, payload: &str, valid: bool, schema: &Value) -> Option<String> {
    let verdict = judge.judge(&Facts::default(), payload.as_bytes());
    match (&verdict, valid) {
        (Verdict::Accept, true) => None,
        (Verdict::Reject(rejection), false) if rejection.reason == Reason::Schema => {
            let leak = leak(&rejection.detail, payload, schema);
            leak.map(|leak| format!("`{}` repeats `{leak}`", rejection.detail))
        }
        _ => Some(format!("{verdict:?}")),
    }
}

/// A text of the payload that the detail repeats although neither the schema nor the fixed wording contains it.
fn leak(detail: &str, payload: &str, schema: &Value) -> Option<String> {
    let is_explained = detail.contains(": expected ") || detail == TOO_COMPLEX;
    assert!(detail.chars().count() <= 300 && is_explained, "{detail}");
    let (mut texts, mut known) = (BTreeSet::new(), BTreeSet::from(["type".to_owned(), TOO_COMPLEX.to_owned()]));
    gather(&serde_json::from_str(payload).unwrap(), &mut texts);
    gather(schema, &mut known);
    let is_known = |text: &String| text.len() < 3 || known.iter().any(|known| known.contains(text));
    texts.into_iter().find(|text| detail.contains(text) && !is_known(text))
}

fn gather(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => _ = texts.insert(text.clone()),
        Value::Number(number) => _ = texts.insert(number.to_string()),
        Value::Array(elements) => elements.iter().for_each(|element| gather(element, texts)),
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            texts.insert(key.clone());
            gather(value, texts);
        }),
        Value::Null | Value::Bool(_) => {}
    }
}
