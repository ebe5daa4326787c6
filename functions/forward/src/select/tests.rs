use serde_json::{Value, json};
use spillway_shared::destination::Destination;

use super::*;
use crate::testing::{destination, record};

fn with(members: &Value) -> Destination {
    destination("https://partner.example/", members)
}

/// The payload that is sent, or the name of the outcome.
fn sent(members: &Value, line: &str) -> String {
    let destination = with(members);
    match Select::new(&destination).judge(line.as_bytes()) {
        Selected::Send(item) => item.payload().to_owned(),
        other => format!("{other:?}"),
    }
}

fn payload(members: &Value, payload: &str) -> String {
    let line = record("a", &Value::Null).replace("null", payload);
    sent(members, &line)
}

#[test]
fn payloads_are_sent_byte_by_byte() {
    let text = r#"{"big": 12345678901234567890123,"b":1.00, "a":"\u00e4"}"#;
    assert_eq!(payload(&json!({}), text), text);
    assert_eq!(payload(&json!({"omit": ["/a"]}), text), r#"{"big":12345678901234567890123,"b":1.00}"#);
}

#[test]
fn consent_fails_closed() {
    let members = json!({"consent": {"pointer": "/c/ads", "granted": [true]}});
    for (text, expected) in [
        (r#"{"c":{"ads":true}}"#, r#"{"c":{"ads":true}}"#),
        (r#"{"c":{"ads":false}}"#, "Withheld"),
        (r#"{"c":true}"#, "Withheld"),
        ("{}", "Withheld"),
        (r#"{"c":{"ads":false},"c":{"ads":true}}"#, "Withheld"),
    ] {
        assert_eq!(payload(&members, text), expected, "{text}");
    }
}

#[test]
fn opt_outs_are_honoured_unless_the_destination_says_otherwise() {
    let line =
        |source: &str| record("a", &json!({})).replace("\"payload\"", &format!("\"source\":{source},\"payload\""));
    for (source, expected) in [
        (r#"{"opted_out":true}"#, "OptedOut"),
        (r#"{"opted_out":"yes"}"#, "OptedOut"),
        ("7", "OptedOut"),
        (r#"{"opted_out":false}"#, "{}"),
        (r#"{"user_agent":"x"}"#, "{}"),
    ] {
        assert_eq!(sent(&json!({}), &line(source)), expected, "{source}");
        assert_eq!(sent(&json!({"honour_gpc": false}), &line(source)), "{}", "{source}");
    }
}

#[test]
fn conditions_must_all_hold() {
    let members = json!({"where": {"/event": ["a", "b"], "/n": [1]}});
    assert_eq!(payload(&members, r#"{"event":"b","n":1.0}"#), r#"{"event":"b","n":1.0}"#);
    for text in [r#"{"event":"c","n":1}"#, r#"{"event":"a"}"#, r#"{"event":"a","n":2}"#] {
        assert_eq!(payload(&members, text), "Skipped", "{text}");
    }
}

#[test]
fn members_are_picked_and_omitted_at_any_level() {
    let text = r#"{"a":{"b":1,"c":[10,{"d":2,"e":3}]},"x/y":4,"f":5,"f":6}"#;
    for (members, expected) in [
        (json!({"pick": ["/a/c/1/d", "/x~1y"]}), r#"{"a":{"c":[{"d":2}]},"x/y":4}"#),
        (json!({"pick": ["/a", "/a/b"]}), r#"{"a":{"b":1,"c":[10,{"d":2,"e":3}]}}"#),
        (json!({"pick": ["/a/b/z"]}), r#"{"a":{"b":null}}"#),
        (json!({"pick": ["/none"]}), "{}"),
        (json!({"omit": ["/a/c/0", "/f", "/none"]}), r#"{"a":{"b":1,"c":[{"d":2,"e":3}]},"x/y":4}"#),
        (json!({"omit": ["/a/b/z"]}), text),
        (json!({"omit": [""]}), "{}"),
    ] {
        assert_eq!(payload(&members, text), expected, "{members}");
    }
}

#[test]
fn a_pruned_record_keeps_everything_else() {
    let destination = with(&json!({"omit": ["/secret"]}));
    let line = record("a", &json!({"secret": 1, "b": 2}));
    let Selected::Send(item) = Select::new(&destination).judge(line.as_bytes()) else { panic!("not sent") };
    let mut onto = Vec::new();
    item.push_record(&mut onto);
    assert_eq!(String::from_utf8(onto).unwrap(), record("a", &json!({"b": 2})));
}

#[test]
fn what_is_not_a_record_is_not_sent() {
    for line in ["", "{}", "[]", "{\"id\":1}", "{\"id\":\"a\",\"stream\":\"clicks\",\"received_at\":\"x\",\"payload\":"]
    {
        assert_eq!(sent(&json!({}), line), "Unreadable", "{line}");
    }
}
