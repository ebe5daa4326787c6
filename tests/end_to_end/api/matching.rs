//! Compares a shown answer with a real one. Ids and times differ from run to run: an id stands for any id, always the same
//! one; a time stands for any time. The wording of `detail` may differ.

use std::collections::BTreeMap;

use serde_json::Value;
use spillway_local::client::Response;

/// Which real id each shown id stands for.
#[derive(Debug, Default)]
pub(super) struct Ids(BTreeMap<String, String>);

impl Ids {
    /// Checks status, shown headers and body of an answer that is shown as `curl -i` prints it.
    pub(super) fn assert_answer(&mut self, shown: &str, real: &Response) {
        let (head, body) = shown.split_once("\n\n").unwrap_or((shown, ""));
        let mut head = head.lines();
        assert_eq!(head.next().unwrap(), format!("HTTP/1.1 {}", real.status), "{shown}\n{real:?}");
        for line in head {
            let (name, value) = line.split_once(": ").unwrap();
            let real = real.headers.get(name).unwrap_or_else(|| panic!("no {name}: {real:?}"));
            assert_eq!(digits_alike(real.to_str().unwrap()), digits_alike(value), "{name}");
        }
        if body.is_empty() {
            assert!(real.body.is_empty(), "{shown}\n{real:?}");
        } else {
            self.assert_json(body, &real.body);
        }
    }

    /// Checks a text of JSON.
    pub(super) fn assert_json(&mut self, shown: &str, real: &[u8]) {
        let real_text = String::from_utf8_lossy(real);
        let (shown, real) = (serde_json::from_str(shown).unwrap(), serde_json::from_slice(real).unwrap());
        assert!(self.same(&shown, &real), "shown:\n{shown}\nanswered:\n{real_text}");
    }

    /// Whether a shown value stands for a real one.
    pub(super) fn same(&mut self, shown: &Value, real: &Value) -> bool {
        match (shown, real) {
            (Value::Object(shown), Value::Object(real)) => {
                shown.len() == real.len()
                    && shown.iter().all(|(name, shown)| self.same_member(name, shown, real.get(name)))
            }
            (Value::Array(shown), Value::Array(real)) => {
                shown.len() == real.len() && shown.iter().zip(real).all(|(shown, real)| self.same(shown, real))
            }
            (Value::String(shown), Value::String(real)) => self.same_text(shown, real),
            _ => shown == real,
        }
    }

    fn same_member(&mut self, name: &str, shown: &Value, real: Option<&Value>) -> bool {
        match (name, real) {
            (_, None) => false,
            ("detail", Some(real)) => real.as_str().is_some_and(|detail| !detail.is_empty()),
            ("received_at", Some(real)) => shown.as_str().map(digits_alike) == real.as_str().map(digits_alike),
            (_, Some(real)) => self.same(shown, real),
        }
    }

    fn same_text(&mut self, shown: &str, real: &str) -> bool {
        match (leading_id(shown), leading_id(real)) {
            (Some((shown, after_shown)), Some((real, after_real))) => {
                after_shown == after_real && self.same_id(shown, real)
            }
            _ => shown == real,
        }
    }

    fn same_id(&mut self, shown: &str, real: &str) -> bool {
        match self.0.get(shown) {
            Some(known) => known == real,
            None if self.0.values().any(|known| known == real) => false,
            None => self.0.insert(shown.to_owned(), real.to_owned()).is_none(),
        }
    }
}

/// The text with every digit replaced by 0.
fn digits_alike(text: &str) -> String {
    text.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect()
}

/// A UUID at the start of a text, and the rest.
fn leading_id(text: &str) -> Option<(&str, &str)> {
    let (id, rest) = text.split_at_checked(36)?;
    let is_right = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    id.bytes().enumerate().all(is_right).then_some((id, rest))
}

#[test]
fn other_ids_and_details_match_and_other_values_do_not() {
    let same = |shown: &str, real: &str| {
        let [first, second] = ["01a218be-8184-73b5-9b73-feb2f056c888", "228e5e93-3c37-8d24-b81a-c6602230f7e5"];
        let real = real.replace('A', first).replace('B', second);
        let shown = shown.replace('A', second).replace('B', first);
        Ids::default().same(&serde_json::from_str(&shown).unwrap(), &serde_json::from_str(&real).unwrap())
    };
    for text in [r#"["A","A-0","B"]"#, r#"{"detail":"x","n":[1,null]}"#] {
        assert!(same(text, text), "{text}");
    }
    assert!(same(r#"{"detail":"x"}"#, r#"{"detail":"y"}"#));
    assert!(same(r#"{"received_at":"2026-11-21"}"#, r#"{"received_at":"2027-01-30"}"#));
    for (shown, real) in [
        (r#"["A","A"]"#, r#"["A","B"]"#),
        (r#"["A","B"]"#, r#"["A","A"]"#),
        (r#"["A-0"]"#, r#"["A-1"]"#),
        (r#"{"a":1}"#, r#"{"a":2}"#),
        (r#"{"a":1}"#, r#"{"a":1,"b":2}"#),
        (r#"{"reason":"x"}"#, r#"{"reason":"y"}"#),
        (r#"{"detail":"x"}"#, r#"{"detail":""}"#),
        ("[1]", "[1,2]"),
    ] {
        assert!(!same(shown, real), "{shown} {real}");
    }
}
