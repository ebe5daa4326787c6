use super::*;

fn record(payload: &str) -> Record {
    Record { payload: payload.to_owned(), context: Some("{}".to_owned()) }
}

fn document(name: &str, request_id: Option<&str>) -> Judged {
    let records = vec![record(r#"{"a":1.0}"#), record(r#"{"a":2}"#)];
    Judged { name: name.to_owned(), request_id: request_id.map(str::to_owned), records }
}

/// The last words of each line of the table, for one accepted document and these records.
fn outcomes(found: &[(&str, Record)]) -> Vec<String> {
    let mut stored = Found { most_frames: 2, ..Found::default() };
    for (id, record) in found {
        stored.records.entry((*id).to_owned()).or_default().push(record.clone());
    }
    let mut table = Table::default();
    all(&[document("x", Some("r"))], &stored, &mut table);
    table.to_string().lines().skip(1).take(3).map(|line| line.rsplit("  ").next().unwrap().to_owned()).collect()
}

#[test]
fn the_same_records_are_ok_also_twice() {
    let [first, second] = [r#"{"a":1.0}"#, r#"{"a":2}"#].map(record);
    let both = [("r-0", first.clone()), ("r-1", second)];
    assert_eq!(outcomes(&both), ["ok", "ok", "ok"]);
    assert_eq!(outcomes(&[both.to_vec(), vec![("r-0", first)]].concat()), ["ok", "ok", "ok"]);
}

#[test]
fn a_missing_record_an_altered_byte_and_another_record_fail() {
    let [first, second, altered] = [r#"{"a":1.0}"#, r#"{"a":2}"#, r#"{"a":1}"#].map(record);
    let no_context = Record { context: None, ..first.clone() };
    assert_eq!(outcomes(&[("r-0", first.clone())]), ["FAILED", "ok", "ok"]);
    for other in [altered.clone(), no_context] {
        assert_eq!(outcomes(&[("r-0", other), ("r-1", second.clone())]), ["FAILED", "ok", "ok"]);
    }
    let copies = [("r-0", first.clone()), ("r-0", altered), ("r-1", second.clone())];
    assert_eq!(outcomes(&copies), ["FAILED", "ok", "ok"], "every copy is compared");
    assert_eq!(outcomes(&[("r-0", first.clone()), ("r-1", second), ("q-0", first)]), ["ok", "FAILED", "ok"]);
}

#[test]
fn without_an_answer_there_is_nothing_to_compare() {
    let mut table = Table::default();
    all(&[document("x", None)], &Found { most_frames: 2, ..Found::default() }, &mut table);
    assert!(table.to_string().contains("not accepted  skipped"), "{table}");
    assert!(!table.is_good());
}

#[test]
fn a_repetition_has_the_same_id() {
    for (again, is_good) in [(Some("r"), true), (Some("q"), false), (None, false)] {
        let mut table = Table::default();
        repeated(&[document(FIRST, Some("r")), document(AGAIN, again)], &mut table);
        assert_eq!(table.is_good(), is_good, "{again:?}");
    }
}

#[test]
fn an_unreadable_bucket_fails_what_needs_it() {
    let mut table = Table::default();
    let found = Found { most_frames: 2, error: Some("access denied".to_owned()), ..Found::default() };
    all(&[document("x", Some("r"))], &found, &mut table);
    let table = table.to_string();
    assert!(table.contains("2 payloads missing: access denied  FAILED"), "{table}");
    assert!(table.ends_with("0 ok, 1 FAILED, 2 skipped"), "{table}");
}

#[test]
fn only_zstd_objects_need_several_frames() {
    for (most_frames, other_objects, is_good) in
        [(2, 0, true), (0, 1, true), (1, 0, false), (1, 1, false), (0, 0, false)]
    {
        let mut table = Table::default();
        frames(&Found { most_frames, other_objects, ..Found::default() }, &mut table);
        assert_eq!(table.is_good(), is_good, "{most_frames} {other_objects}");
    }
}
