use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::rebuild::payload;
use crate::testing::*;

const MANY: u64 = 256 << 20;

/// Objects a, b and c with two records each.
fn three_objects() -> Memory {
    let memory = Memory::default();
    for (object, name) in ["a", "b", "c"].iter().enumerate() {
        let lines =
            [0, 1].map(|at| record_of(&format!("{name}-{at}"), &format!(r#"{{"n":{object},"text":"{name}"}}"#)));
        store_lines(&memory, name, &lines);
    }
    memory
}

const ALL: [&str; 6] = ["a-0", "a-1", "b-0", "b-1", "c-0", "c-1"];

#[tokio::test(start_paused = true)]
async fn an_hour_becomes_one_file_that_names_its_objects() {
    let memory = three_objects();
    let (end, counts) = compact(&memory, &small_table(), MANY).await.unwrap();
    assert_eq!((end, counts.objects, counts.files, counts.rows), (End::Complete, 3, 1, 6));
    assert_eq!(memory.keys("lake/"), ["lake/stream=clicks/v=1/dt=2026-11-21/hour=18/000.parquet"]);
    let rows = rows_in(&memory);
    assert_eq!(ids(&memory), ALL);
    assert_eq!(rows[2]["payload"], serde_json::json!({"n": 1, "text": "b"}));
    assert_eq!(rows[2]["received_at"], "2026-11-21T18:39:00.123Z");
    assert_eq!(payload(&rows[2], &small_table()), Some(serde_json::json!({"n": 1, "text": "b"})));
    let (end, counts) = compact(&memory, &small_table(), MANY).await.unwrap();
    assert_eq!((end, counts), (End::Complete, Compacted::default()));
}

#[tokio::test(start_paused = true)]
async fn files_close_at_the_end_of_an_object() {
    let memory = three_objects();
    let (_, counts) = compact(&memory, &small_table(), 150).await.unwrap();
    assert_eq!((counts.files, counts.rows), (3, 6));
    assert_eq!(ids(&memory), ALL);
}

#[tokio::test(start_paused = true)]
async fn late_objects_go_into_the_next_file() {
    let memory = three_objects();
    compact(&memory, &small_table(), MANY).await.unwrap();
    store_lines(&memory, "0", &[record_of("late", "{}")]);
    let (_, counts) = compact(&memory, &small_table(), MANY).await.unwrap();
    assert_eq!((counts.objects, counts.rows), (1, 1));
    assert_eq!(memory.keys("lake/").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn copies_are_dropped_and_conflicts_are_kept_within_a_run_and_against_earlier_files() {
    let memory = three_objects();
    store_lines(&memory, "d", &[record_of("a-0", r#"{"n":0,"text":"a"}"#), record_of("a-1", r#"{"n":7}"#)]);
    let (_, counts) = compact(&memory, &small_table(), MANY).await.unwrap();
    assert_eq!((counts.rows, counts.copies, counts.conflicts), (7, 1, 1));
    let lines = [record_of("a-0", r#"{"n":0,"text":"a"}"#), record_of("a-1", r#"{"n":7}"#), record_of("b-0", "{}")];
    store_lines(&memory, "e", &lines);
    let (_, counts) = compact(&memory, &small_table(), MANY).await.unwrap();
    assert_eq!((counts.rows, counts.copies, counts.conflicts), (1, 2, 1));
    assert_eq!(ids(&memory), ["a-0", "a-1", "a-1", "b-0", "b-0", "b-1", "c-0", "c-1"]);
}

#[tokio::test(start_paused = true)]
async fn lines_that_are_no_records_are_rows_and_damaged_objects_are_named() {
    let memory = three_objects();
    let odd = [
        "not JSON",
        "[1]",
        r#"{"id":"x"}"#,
        r#"{"id":"x","stream":"views","received_at":"2026-11-21T18:00:00Z","payload":{}}"#,
        r#"{"id":"x","stream":"clicks","received_at":"2026-11-21T18:00:00Z","payload":{},"more":1}"#,
    ];
    store_lines(&memory, "d", &odd.map(str::to_owned));
    store_lines(&memory, "e", &odd.map(str::to_owned));
    let key = format!("{}f.ndjson.gz", place().records("records/"));
    memory.insert(&key, zstd::encode_all(&b"x"[..], 1).unwrap());
    memory.insert(&format!("{}README", place().records("records/")), "x");
    memory.insert(&format!("{}folder/h.ndjson", place().records("records/")), "x");
    memory.insert(&format!("{}g.ndjson", place().records("records/")), &b"\xff\n"[..]);
    let (end, counts) = compact(&memory, &small_table(), MANY).await.unwrap();
    assert_eq!((end, counts.objects, counts.unreadable), (End::Complete, 7, 1));
    assert_eq!((counts.damaged_lines, counts.copies), (6, 5));
    let rests: Vec<_> =
        rows_in(&memory).iter().filter(|row| row.get("id").is_none()).map(|row| row["rest"].clone()).collect();
    let mut expected = odd.map(|line| serde_json::Value::from(line).to_string()).to_vec();
    expected.push(r#"{"base64":"/w=="}"#.to_owned());
    assert_eq!(rests, expected);
    let (_, counts) = compact(&memory, &small_table(), MANY).await.unwrap();
    assert_eq!(counts.objects, 0, "the unreadable object was tried again");
}

#[tokio::test(start_paused = true)]
async fn time_ends_a_run_after_at_least_one_object() {
    let memory = three_objects();
    for done in 1..=3 {
        let until = Until { stop: Instant::now(), deadline: Instant::now() + Duration::from_mins(1) };
        let (end, counts) = compact_until(&memory, &small_table(), MANY, until).await.unwrap();
        assert_eq!((end == End::Complete, counts.objects), (done == 3, 1));
    }
    assert_eq!(ids(&memory), ALL);
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_objects_has_no_file() {
    let memory = Memory::default();
    assert_eq!(compact(&memory, &small_table(), MANY).await.unwrap().0, End::Complete);
    assert!(memory.keys("").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_stops_the_hour() {
    let memory = three_objects();
    for body in [&b""[..], &b"x"[..], &b"PAR1 and so on PAR1"[..]] {
        memory.insert(&place().file(1, 0), body);
        let error = compact(&memory, &small_table(), MANY).await.unwrap_err().to_string();
        assert!(error.contains("000.parquet is damaged"), "{error}");
    }
}

/// Runs until the hour is complete, each time as a new process; no reader may see fewer rows than before, or one twice.
async fn finish(memory: &Memory, file_bytes: u64) {
    let mut before = ids(memory).len();
    for _ in 0..9 {
        let end = compact(memory, &small_table(), file_bytes).await;
        let now = ids(memory);
        assert!(now.len() >= before && now.windows(2).all(|pair| pair[0] != pair[1]), "{now:?}");
        before = now.len();
        memory.restart();
        if matches!(end, Ok((End::Complete, _))) {
            return;
        }
    }
    panic!("the hour is never complete");
}

#[tokio::test(start_paused = true)]
async fn a_fault_at_any_call_loses_nothing_and_stores_nothing_twice() {
    for file_bytes in [150, MANY] {
        let memory = three_objects();
        compact(&memory, &small_table(), file_bytes).await.unwrap();
        let calls = memory.calls();
        for call in 0..calls {
            for fault in [Fault::Fails, Fault::AnswerLost, Fault::KilledBefore, Fault::KilledAfter] {
                let memory = three_objects();
                memory.fail(call, fault);
                finish(&memory, file_bytes).await;
                assert_eq!(ids(&memory), ALL, "{fault:?} at call {call}, files of {file_bytes}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_compactors_at_once_store_each_record_once() {
    for (one, other) in [(MANY, MANY), (150, MANY), (150, 150), (MANY, 300)] {
        for delay in 0..40 {
            let memory = three_objects();
            let late = async {
                for _ in 0..delay {
                    tokio::task::yield_now().await;
                }
                store_lines(&memory, "bb", &[record_of("bb", "{}"), record_of("a-0", r#"{"n":0,"text":"a"}"#)]);
                compact(&memory, &small_table(), other).await
            };
            let table = small_table();
            let (first, second) = tokio::join!(compact(&memory, &table, one), late);
            assert_eq!((first.unwrap().0, second.unwrap().0), (End::Complete, End::Complete));
            compact(&memory, &small_table(), MANY).await.unwrap();
            assert_eq!(ids(&memory), ["a-0", "a-1", "b-0", "b-1", "bb", "c-0", "c-1"], "{one} {other} {delay}");
        }
    }
}
