//! Rejected payloads that are kept, and violations that are accepted.

use super::*;

const MIXED: &str = r#"[{"event":"a"},{"b":2},7,{"c":1,"c":2},{"event":"d"}]"#;

async fn stored(stream: &str, body: &str, headers: &[(&'static str, &str)]) -> (Value, Vec<Value>, Vec<Kind>) {
    let queue = Memory::default();
    let exchange = headers.iter().fold(post(stream, body), |exchange, (name, value)| exchange.header(name, value));
    let response = ingest(&queue, &[]).handle(exchange.request).await;
    let Body::Text(text) = response.body() else { panic!("answers are text") };
    let mut answer = parsed(text);
    answer["status"] = response.status().as_u16().into();
    (answer, queue.records(), queue.kinds())
}

fn payloads(records: &[Value]) -> Vec<&Value> {
    records.iter().map(|record| &record["payload"]).collect()
}

#[tokio::test]
async fn rejected_payloads_are_kept_with_their_reason_in_messages_of_their_kind() {
    let (answer, records, kinds) = stored("kept", MIXED, &[]).await;
    assert_eq!((&answer["accepted"], &answer["rejected"], &answer["kept"]), (&json!(2), &json!(3), &json!(3)));
    assert_eq!(kinds, [Kind::Accepted, Kind::Rejected]);
    let id = answer["request_id"].as_str().unwrap();
    let ids: Vec<_> = records.iter().map(|record| record["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [0, 4, 1, 2, 3].map(|number| format!("{id}-{number}")), "ids count all stored payloads");
    assert_eq!(payloads(&records[2..]), [&json!({"b": 2}), &json!(7), &json!({"c": 2})]);
    let reasons: Vec<_> = records.iter().map(|record| &record["reason"]).collect();
    assert_eq!(
        reasons,
        [&Value::Null, &Value::Null, &json!("schema"), &json!("not_an_object"), &json!("duplicate_key")]
    );
    assert_eq!(records[2]["detail"], "payload: required: expected the member \"event\"");
    assert_eq!(records[2]["schema"].as_str().unwrap().len(), 16);
    assert_eq!(answer["rejections"][0]["detail"], records[2]["detail"]);
}

#[tokio::test]
async fn a_document_whose_payloads_were_all_kept_is_answered_200() {
    let (answer, _, kinds) = stored("kept", "[{},{}]", &[]).await;
    assert_eq!((&answer["status"], &answer["kept"], kinds), (&json!(200), &json!(2), vec![Kind::Rejected]));
    let (answer, _, kinds) = stored("kept", "[{]\n", &[("content-type", "application/x-ndjson")]).await;
    assert_eq!((&answer["status"], &answer["kept"], kinds.len()), (&json!(400), &json!(0), 0));
}

#[tokio::test]
async fn nothing_is_kept_whose_consent_was_not_established() {
    let body = r#"[{"ok":true},{"ok":false},{},7,{"ok":true,"ok":true},{"ok":true,"event":1}]"#;
    let (answer, records, _) = stored("kept-if-consented", body, &[]).await;
    assert_eq!((&answer["accepted"], &answer["withheld"]), (&json!(1), &json!(2)));
    assert_eq!((&answer["rejected"], &answer["kept"]), (&json!(3), &json!(1)));
    assert_eq!(payloads(&records), [&json!({"ok": true, "event": 1}), &json!({"ok": true})]);
}

#[tokio::test]
async fn nothing_is_kept_of_a_request_whose_user_opted_out() {
    for header in [("sec-gpc", "1"), ("dnt", "1, 1")] {
        let (answer, records, _) = stored("kept", MIXED, &[header]).await;
        assert_eq!((&answer["accepted"], &answer["rejected"], &answer["kept"]), (&json!(2), &json!(3), &json!(0)));
        assert_eq!(payloads(&records), [&json!({"event": "a"}), &json!({"event": "d"})]);
    }
}

#[tokio::test]
async fn payloads_that_no_reader_could_read_are_not_kept() {
    let deep = format!("[{}]", "[".repeat(200) + &"]".repeat(200));
    let large = format!("[{{\"a\":\"{}\"}}]", "x".repeat(1 << 20));
    for (body, reason) in [(deep, "not_an_object"), (large, "too_large")] {
        let (answer, records, _) = stored("kept", &body, &[]).await;
        assert_eq!((&answer["rejections"][0]["reason"], records.len()), (&json!(reason), 0));
    }
}

#[tokio::test]
async fn a_violation_is_accepted_and_recorded_where_the_schema_is_not_enforced() {
    let (answer, records, kinds) = stored("tried", r#"[{"event":1},{"b":2},7]"#, &[]).await;
    assert_eq!((&answer["accepted"], &answer["rejected"], answer.get("kept")), (&json!(2), &json!(1), None));
    assert_eq!(kinds, [Kind::Accepted]);
    assert!(records[0].get("violation").is_none());
    let expected = json!({"reason": "schema", "detail": "payload: required: expected the member \"event\""});
    assert_eq!(records[1]["violation"], expected);
}

#[tokio::test]
async fn every_rejection_of_a_large_document_is_kept() {
    let body = format!("[{}]", vec!["{}"; 100_000].join(","));
    let (answer, records, _) = stored("kept", &body, &[]).await;
    assert_eq!((&answer["kept"], answer["rejections"].as_array().unwrap().len()), (&json!(100_000), 100));
    assert_eq!(records.len(), 100_000);
    assert!(records.iter().all(|record| record["detail"].as_str().unwrap().len() > 10));
}

#[tokio::test]
async fn retries_have_the_same_ids_unless_what_is_kept_differs() {
    let key = [("idempotency-key", "k")];
    let id = async |stream: &str, body: &str| stored(stream, body, &key).await.0["request_id"].clone();
    assert_eq!(id("kept", MIXED).await, id("kept", MIXED).await);
    assert_ne!(id("kept", r#"[{"event":1},{"b":1}]"#).await, id("kept", r#"[{"event":1}]"#).await);
}
