use std::fs;

use tempfile::TempDir;

use super::*;

fn stream(name: &str) -> StreamName {
    StreamName::parse(name).unwrap()
}

fn sentences<T: std::fmt::Debug>(result: Result<T, ConfigErrors>) -> Vec<String> {
    result.unwrap_err().sentences().to_vec()
}

fn from_file(text: &str) -> (TempDir, Result<KeyFile, ConfigErrors>) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("keys.json"), text).unwrap();
    let file = KeyFile::load(folder.path());
    (folder, file)
}

#[test]
fn keys_are_found_by_their_text() {
    let key = generate([7; 32]);
    let text = format!("app={}, web={}:clicks+orders", digest(b"other"), digest(key.as_bytes()).to_uppercase());
    let ring = KeyRing::parse_variable(&text).unwrap();
    let web = ring.find(key.as_bytes()).unwrap();
    assert_eq!(web.name, "web");
    assert!(web.may_write(&stream("clicks")) && web.may_write(&stream("orders")));
    assert!(!web.may_write(&stream("telemetry")));
    assert!(ring.find(b"other").unwrap().may_write(&stream("telemetry")));
    assert!(ring.find(b"unknown").is_none() && ring.find(b"").is_none());
}

#[test]
fn generated_keys_contain_all_random_bits() {
    assert_eq!(generate([0; 32]), format!("sw_{}", "A".repeat(43)));
    assert_ne!(
        generate([0; 32]),
        generate({
            let mut random = [0; 32];
            random[31] = 1;
            random
        })
    );
    assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn errors_in_the_variable_name_the_position_and_no_value() {
    let good = digest(b"a");
    let text = format!("secret,sw_secret==,-x={good},a={good},a={good}:x+,b={good}:,a={},c={good},", digest(b"b"));
    let found = sentences(KeyRing::parse_variable(&text));
    let streams = "after `:` and each `+`: must be a stream: `[a-z][a-z0-9_-]{0,62}`";
    assert_eq!(
        found,
        [
            "WRITE_KEYS: key 1: must be `name=<sha256 hex>` or `name=<sha256 hex>:stream+stream`",
            "WRITE_KEYS: key 2: after `=`: must be the key's SHA-256 in 64 hex digits",
            "WRITE_KEYS: key 3: before `=`: must be a name: `[A-Za-z0-9][A-Za-z0-9_.-]{0,62}`",
            &format!("WRITE_KEYS: key 5: {streams}"),
            &format!("WRITE_KEYS: key 6: {streams}"),
            "WRITE_KEYS: key 7: two keys are named `a`",
            "WRITE_KEYS: key 8: `a` and `c` have the same digest",
            "WRITE_KEYS: key 9: must be `name=<sha256 hex>` or `name=<sha256 hex>:stream+stream`",
        ]
    );
}

#[test]
fn missing_configuration_is_an_empty_ring() {
    assert!(KeyRing::parse_variable(" ").unwrap().is_empty());
    let none = KeyFile::load(TempDir::new().unwrap().path()).unwrap();
    assert!(none.keys.is_empty() && !none.origin.are_required());
    assert!(from_file(r#"{"keys": []}"#).1.unwrap().keys.is_empty());
    assert!(KeyRing::default().find(b"").is_none());
}

#[test]
fn keys_in_the_file_may_be_restricted_to_streams() {
    let (a, b) = (digest(b"a"), digest(b"b"));
    let text =
        format!(r#"{{"keys":[{{"name":"web","sha256":"{a}","streams":["clicks"]}},{{"name":"app","sha256":"{b}"}}]}}"#);
    let ring = from_file(&text).1.unwrap().keys;
    assert!(!ring.find(b"a").unwrap().may_write(&stream("orders")));
    assert!(ring.find(b"b").unwrap().may_write(&stream("orders")));
}

#[test]
fn errors_in_the_file_name_the_member_and_no_value() {
    let a = digest(b"a");
    let entry = |members: &str| format!(r#"{{"keys":[{{"name":"first","sha256":"{}"}},{{{members}}}]}}"#, digest(b"1"));
    for (text, expected) in [
        (r#"{"keys":["sw_secret"]}"#.to_owned(), "f: /keys/0: must be an object"),
        (r#"{"keys":[],"version":1}"#.to_owned(), "f: /version: unknown field `version`, expected `keys` or `origin`"),
        (
            r#"{"keys":[],"origin":["sw_secret"]}"#.to_owned(),
            "f: /origin/0: must be the key's SHA-256 in 64 hex digits",
        ),
        (r#"{"keys":[],"origin":[]}"#.to_owned(), "f: /origin: must have one digest, or two while the secret rotates"),
        (r#"{"keys":[],"origin":null}"#.to_owned(), "f: /origin: has the wrong type"),
        (
            format!(r#"{{"keys":[],"origin":["{}"]}}"#, digest(b"")),
            "f: /origin: must not have the digest of the empty secret",
        ),
        (entry(r#""sha256":"sw_secret""#), "f: /keys/1/sha256: must be the key's SHA-256 in 64 hex digits"),
        (entry(r#""name":"a b""#), "f: /keys/1/name: must be a name: `[A-Za-z0-9][A-Za-z0-9_.-]{0,62}`"),
        (entry(r#""name":"a""#), "f: /keys/1: missing field `sha256`"),
        (entry(&format!(r#""name":"a","sha256":"{a}","streams":[]"#)), "f: /keys/1/streams: must not be empty"),
        (entry(&format!(r#""name":"a","sha256":"{a}","streams":null"#)), "f: /keys/1/streams: has the wrong type"),
        (
            entry(&format!(r#""name":"a","sha256":"{a}","streams":["B"]"#)),
            "f: /keys/1/streams/0: must be a stream's name: `[a-z][a-z0-9_-]{0,62}`",
        ),
        (entry(&format!(r#""name":"first","sha256":"{a}""#)), "f: /keys/1: two keys are named `first`"),
    ] {
        let (folder, result) = from_file(&text);
        let file = folder.path().join("keys.json").display().to_string();
        let found: Vec<_> = sentences(result).iter().map(|sentence| sentence.replace(&file, "f")).collect();
        assert_eq!(found, [expected], "{text}");
    }
}

#[test]
fn malformed_key_files_are_refused() {
    for text in ["", "{", "[]", "{}", r#"{"keys": {}}"#, r#"{"keys": [], "keys": []}"#] {
        assert_eq!(sentences(from_file(text).1).len(), 1, "{text}");
    }
}

/// Otherwise `X-Write-Key:` without a value would grant access.
#[test]
fn the_digest_of_the_empty_key_is_refused() {
    let empty = digest(b"");
    let refused = "`a` has the digest of the empty key";
    let variable = KeyRing::parse_variable(&format!("a={},b={}", empty.to_uppercase(), digest(b"b")));
    assert_eq!(sentences(variable), [format!("WRITE_KEYS: key 1: {refused}")]);
    let (_folder, file) = from_file(&format!(r#"{{"keys":[{{"name":"a","sha256":"{empty}"}}]}}"#));
    assert!(sentences(file)[0].ends_with(&format!("/keys/0: {refused}")));
}

#[test]
fn rings_merge_unless_they_share_a_name_or_digest() {
    let ring = |name: &str, key: &[u8]| KeyRing::parse_variable(&format!("{name}={}", digest(key))).unwrap();
    let both = ring("a", b"1").merge(ring("b", b"2")).unwrap();
    assert!(both.find(b"1").is_some() && both.find(b"2").is_some());
    assert_eq!(sentences(ring("a", b"1").merge(ring("a", b"2"))), ["keys: two keys are named `a`"]);
    assert_eq!(sentences(ring("a", b"1").merge(ring("b", b"1"))), ["keys: `a` and `b` have the same digest"]);
}

#[test]
fn both_secrets_of_a_rotation_are_accepted() {
    let text = format!(r#"{{"keys":[],"origin":["{}","{}"]}}"#, digest(b"old"), digest(b"new"));
    let origin = from_file(&text).1.unwrap().origin;
    assert!(origin.are_required() && origin.contain(b"old") && origin.contain(b"new"));
    assert!(!origin.contain(b"other") && !origin.contain(b""));
}
