//! Judges a kept rejection again. Pure: no clock and no I/O.

use spillway_ingest::body::Form;
use spillway_ingest::judge::{Facts, Judge};
use spillway_ingest::pack::fits;
use spillway_ingest::payloads::split;
use spillway_ingest::record::kept::KeptRecord;

use super::edit::Edit;
use crate::check::outcome::{Fate, Outcome};

/// Kept rejections are of requests whose users had not opted out.
const FACTS: Facts = Facts { opted_out: false };

/// What becomes of a kept rejection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// The record passes; this is its new line.
    Replay(String),
    /// Consent is missing: before the edit or after it.
    Withheld,
    /// The record does not pass, with the reason.
    Rejected(String),
}

/// Judges the payload as it was sent by its consent, and as it is edited by all rules.
pub(super) fn judge(record: &KeptRecord<'_>, edit: &Edit, judge: &Judge, max_message_bytes: usize) -> Judgement {
    if !judge.consents(record.payload.get().as_bytes()) {
        return Judgement::Withheld;
    }
    let payload = match edit.apply(record.payload.get()) {
        Ok(payload) => payload,
        Err(error) => return Judgement::Rejected(format!("{error:#}")),
    };
    let Outcome { fate, finding } = outcome(&payload, judge);
    match (fate, finding) {
        (Fate::Accepted, violation) => {
            let line = record.accepted(&payload, judge.schema_digest(), violation);
            if fits(&line, max_message_bytes) {
                Judgement::Replay(line)
            } else {
                Judgement::Rejected("too_large: the record does not fit into a message".to_owned())
            }
        }
        (Fate::Withheld, _) => Judgement::Withheld,
        (Fate::Rejected | Fate::Kept, rejection) => Judgement::Rejected(
            rejection
                .map_or_else(String::new, |rejection| format!("{}: {}", rejection.reason.as_str(), rejection.detail)),
        ),
    }
}

/// The outcome of a payload that is posted alone, as one line.
fn outcome(payload: &str, judge: &Judge) -> Outcome {
    let document = split(payload.as_bytes(), Form::Lines, 1).unwrap_or_default();
    Outcome::of(judge, FACTS, document.payloads.into_iter().next().unwrap_or(Ok("null")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use spillway_shared::stream::{StreamName, parse};

    use super::*;

    fn judged(payload: &str, edit: &str) -> Judgement {
        let definition = json!({
            "schema": {"required": ["event"]}, "consent": {"pointer": "/ok", "granted": [true]}, "rejected": "keep"
        });
        let name = StreamName::parse("clicks").unwrap();
        let definition = parse("clicks", definition.to_string().as_bytes()).unwrap();
        let line = format!(
            r#"{{"id":"a-0","stream":"clicks","received_at":"t","schema":"old","reason":"schema","detail":"d","payload":{payload}}}"#
        );
        let edit = if edit.is_empty() { Edit::default() } else { Edit::read(edit).unwrap() };
        let compiled = Judge::compile(&name, &definition).unwrap();
        judge(&KeptRecord::read(line.as_bytes()).unwrap(), &edit, &compiled, 1 << 18)
    }

    #[test]
    fn a_payload_that_passes_today_keeps_its_bytes_and_gets_todays_digest() {
        let Judgement::Replay(line) = judged(r#"{"ok":true, "event":1.0}"#, "") else { panic!("it passes") };
        assert!(line.starts_with(r#"{"id":"a-0","stream":"clicks","received_at":"t","schema":""#), "{line}");
        assert!(line.ends_with("\"payload\":{\"ok\":true, \"event\":1.0}}\n") && !line.contains("\"old\""), "{line}");
    }

    #[test]
    fn an_edit_may_repair_a_payload_but_not_its_consent() {
        let add_event = r#"[{"op":"add","path":"/event","value":1}]"#;
        assert!(matches!(judged(r#"{"ok":true}"#, add_event), Judgement::Replay(_)));
        assert_eq!(judged(r#"{"ok":false}"#, add_event), Judgement::Withheld);
        let grant = r#"[{"op":"add","path":"/ok","value":true},{"op":"add","path":"/event","value":1}]"#;
        assert_eq!(judged("{}", grant), Judgement::Withheld, "judged as sent");
        let revoke = r#"[{"op":"remove","path":"/ok"},{"op":"add","path":"/event","value":1}]"#;
        assert_eq!(judged(r#"{"ok":true}"#, revoke), Judgement::Withheld, "judged as edited");
    }

    #[test]
    fn a_payload_that_still_fails_has_its_reason() {
        let required = Judgement::Rejected("schema: payload: required: expected the member \"event\"".to_owned());
        assert_eq!(judged(r#"{"ok":true}"#, ""), required);
        let broken = judged(r#"{"ok":true}"#, r#"[{"op":"replace","path":"","value":7}]"#);
        assert!(matches!(broken, Judgement::Rejected(reason) if reason.starts_with("not_an_object")));
        let unfit = judged(r#"{"ok":true}"#, r#"[{"op":"remove","path":"/x"}]"#);
        assert!(matches!(unfit, Judgement::Rejected(reason) if reason.starts_with("the edit does not fit")));
    }
}
