//! Batches in, responses and objects out.

mod frames;
mod metrics;
mod outcomes;
mod poison;

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lambda_runtime::Context;

use super::*;
use crate::testing::{Act, Memory, MemoryQueue, payload, record, sealed, sealed_lines, sqs_message};

const LIMIT: Duration = Duration::from_secs(10);

/// Deliver with these variables and the required ones.
fn deliver(store: &Memory, variables: &[(&str, &str)]) -> Deliver<Memory, MemoryQueue> {
    deliver_from(&MemoryQueue::default(), store, variables)
}

/// The same with a queue.
fn deliver_from(queue: &MemoryQueue, store: &Memory, variables: &[(&str, &str)]) -> Deliver<Memory, MemoryQueue> {
    let lookup = |name: &str| {
        let needed = [("BUCKET", "b"), ("AWS_REGION", "eu-central-1"), ("QUEUE_URL", "http://q")];
        variables.iter().chain(&needed).find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    Deliver::new(&Config::read(&lookup).unwrap(), store.clone(), queue.clone())
}

async fn run(deliver: &Deliver<Memory, MemoryQueue>, batch: &[SqsMessage]) -> Result<Vec<String>, BatchFailure> {
    let response = deliver.batch(batch, Instant::now() + LIMIT).await?;
    Ok(response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect())
}

/// The payloads of all records under `records/`.
fn records(store: &Memory) -> Vec<String> {
    let mut all = Vec::new();
    for (key, object) in store.objects().into_iter().filter(|(key, _)| key.starts_with("records/")) {
        let mut text = String::new();
        match key.rsplit_once('.') {
            Some((_, "gz")) => flate2::read::GzDecoder::new(&object.body[..]).read_to_string(&mut text).unwrap(),
            Some((_, "zst")) => zstd::Decoder::new(&object.body[..]).unwrap().read_to_string(&mut text).unwrap(),
            _ => (&object.body[..]).read_to_string(&mut text).unwrap(),
        };
        assert_eq!(object.records, Some(text.lines().count() as u64), "{key}");
        all.extend(text.lines().map(|line| payload(line).to_owned()));
    }
    all.sort_unstable();
    all
}

/// A message of `clicks` and one of `views`, for two objects.
fn two_streams() -> [SqsMessage; 2] {
    [
        sqs_message("a", &sealed(1, "clicks", &[r#"{"n":1}"#, r#"{"n":2}"#])),
        sqs_message("b", &sealed(2, "views", &[r#"{"n":3}"#])),
    ]
}

/// A bucket that answers with `act` to every object of clicks.
fn clicks(act: Act) -> Memory {
    Memory::acting(move |object, _| if object.key.contains("clicks") { act } else { Act::Take })
}

#[tokio::test(start_paused = true)]
async fn a_batch_becomes_one_object_per_stream() {
    let store = Memory::new();
    assert_eq!(run(&deliver(&store, &[]), &two_streams()).await, Ok(vec![]));
    assert_eq!(records(&store), [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#]);
    let keys: Vec<_> = store.objects().into_keys().collect();
    assert!(keys[0].starts_with("records/stream=clicks/dt=2026-11-21/hour=18/"), "{keys:?}");
    assert_eq!(keys.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_redelivered_batch_is_not_stored_twice() {
    let store = Memory::new();
    let (deliver, mut batch) = (deliver(&store, &[]), two_streams());
    run(&deliver, &batch).await.unwrap();
    let before = store.objects();
    batch.reverse();
    assert_eq!(run(&deliver, &batch).await, Ok(vec![]));
    assert_eq!(store.objects(), before);
}

#[tokio::test(start_paused = true)]
async fn the_same_messages_form_the_same_objects_in_any_order() {
    let (store, other) = (Memory::new(), Memory::new());
    let mut batch: Vec<_> = (0..9).map(|id| sqs_message("x", &sealed(id, "clicks", &[&id.to_string()]))).collect();
    run(&deliver(&store, &[]), &batch).await.unwrap();
    batch.reverse();
    run(&deliver(&other, &[]), &batch).await.unwrap();
    assert_eq!(store.objects(), other.objects());
}

#[tokio::test(start_paused = true)]
async fn a_failed_object_fails_only_its_own_messages() {
    for act in [Act::Fail, Act::Refuse, Act::Stall, Act::Panic] {
        let store = clicks(act);
        assert_eq!(run(&deliver(&store, &[]), &two_streams()).await, Ok(vec!["a".to_owned()]), "{act:?}");
        assert_eq!(records(&store), [r#"{"n":3}"#], "{act:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_invocation_fails_if_all_messages_fail() {
    let store = Memory::acting(|_, _| Act::Refuse);
    assert_eq!(run(&deliver(&store, &[]), &two_streams()).await, Err(BatchFailure::All(2)));
}

#[tokio::test(start_paused = true)]
async fn a_transient_error_is_retried_and_a_refusal_is_not() {
    for (act, calls) in [(Act::Fail, 3), (Act::TakeAndFail, 3), (Act::Refuse, 2)] {
        let store = Memory::acting(move |_, before| if before == 0 { act } else { Act::Take });
        let failed = run(&deliver(&store, &[("MAX_WORKERS", "1")]), &two_streams()).await.unwrap();
        assert_eq!((store.calls(), failed.len()), (calls, usize::from(calls == 2)), "{act:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_responds_before_the_deadline_even_if_s3_stalls() {
    let started = Instant::now();
    run(&deliver(&clicks(Act::Stall), &[("CALL_TIMEOUT_MS", "19000")]), &two_streams()).await.unwrap();
    assert!(started.elapsed() <= LIMIT, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn without_time_no_put_is_made() {
    let store = Memory::new();
    let result = deliver(&store, &[]).batch(&two_streams(), Instant::now()).await;
    assert_eq!((result.unwrap_err(), store.calls()), (BatchFailure::All(2), 0));
}

#[tokio::test(start_paused = true)]
async fn an_invocation_that_waits_for_the_workers_of_another_ends_by_its_deadline() {
    let store = clicks(Act::Stall);
    let deliver = deliver(&store, &[("MAX_WORKERS", "1"), ("CALL_TIMEOUT_MS", "19000")]);
    let [mut clicks, mut views] = two_streams();
    // With a handle each is also delayed, which needs a worker too.
    (clicks.receipt_handle, views.receipt_handle) = (Some("a".to_owned()), Some("b".to_owned()));
    let (first, second) = ([clicks], [views]);
    let started = Instant::now();
    let late = deliver.batch(&first, started + Duration::from_mins(1));
    let early = async {
        let result = deliver.batch(&second, started + Duration::from_secs(1)).await;
        (result, started.elapsed())
    };
    let (late, (early, took)) = futures::join!(late, early);
    assert_eq!((late, early), (Err(BatchFailure::All(1)), Err(BatchFailure::All(1))));
    assert!(took <= Duration::from_secs(2), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn uploads_that_the_deadline_cuts_short_do_not_blame_s3() {
    let store = clicks(Act::Stall);
    let batch: Vec<_> = (0..20).map(|id| sqs_message(&id.to_string(), &sealed(id, "clicks", &["{}"]))).collect();
    // The last one has time for two full attempts and a part of the third.
    for (timeout, attempts, is_blamed) in [("5000", "1", false), ("500", "1", true), ("850", "3", true)] {
        let variables = [("MAX_OBJECT_MESSAGES", "1"), ("CALL_TRIES", attempts), ("CALL_TIMEOUT_MS", timeout)];
        let deliver = deliver(&store, &variables);
        let result = deliver.batch(&batch, Instant::now() + Duration::from_secs(3)).await;
        assert_eq!((result, deliver.uploads.are_failing()), (Err(BatchFailure::All(20)), is_blamed));
    }
}

#[tokio::test(start_paused = true)]
async fn unreadable_messages_are_quarantined_and_the_others_stored() {
    let store = Memory::new();
    let whole = sealed(1, "clicks", &["{}"]);
    // Only unpacking its records reveals the second; the headers reveal the others.
    let broken = sealed(3, "clicks", &["{}"]).replace("\"records\":1", "\"records\":2");
    let batch =
        [sqs_message("a", &whole), sqs_message("b", &broken), sqs_message("c", "nonsense"), sqs_message("d", "")];
    assert_eq!(run(&deliver(&store, &[]), &batch).await, Ok(vec![]));
    assert_eq!(records(&store), ["{}"]);
    let alone = Memory::new();
    run(&deliver(&alone, &[]), &batch[..1]).await.unwrap();
    let quarantined: Vec<_> =
        store.objects().into_iter().filter(|(key, _)| !alone.objects().contains_key(key)).collect();
    assert_eq!(quarantined.len(), 3, "the object is named after the messages that are in it");
    let body: serde_json::Value = serde_json::from_slice(&quarantined[0].1.body).unwrap();
    assert_eq!(
        (body["body"].as_str(), body["reason"].as_str()),
        (Some(&*broken), Some("1 records, the header says 2"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_with_a_line_that_is_not_a_record_is_quarantined_whole() {
    for (id, limit) in [(1, "0"), (2, "0"), (1, "1"), (2, "1")] {
        let store = Memory::new();
        let lines = [record("clicks", "1"), "{}".to_owned()];
        let broken = sqs_message("a", &sealed_lines(id, "clicks", &[&lines[0], &lines[1]]));
        let batch = [broken, sqs_message("b", &sealed(3, "clicks", &["2"]))];
        assert_eq!(run(&deliver(&store, &[("MAX_OBJECT_RECORDS", limit)]), &batch).await, Ok(vec![]));
        assert_eq!(records(&store), ["2"]);
        let body: serde_json::Value =
            serde_json::from_slice(&store.objects()[&quarantine_key(&batch[0])].body).unwrap();
        assert_eq!(body["reason"], "record 2 does not begin with {\"id\":\"");
    }
}

#[tokio::test(start_paused = true)]
async fn a_test_event_of_s3_is_acknowledged_and_not_quarantined() {
    let event = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-21T18:39:00.123Z","Bucket":"b"}"#;
    let (queue, store) = (MemoryQueue::default(), Memory::new());
    let suspect = crate::testing::received(9, "b", event);
    assert_eq!(run(&deliver_from(&queue, &store, &[]), &[sqs_message("a", event), suspect]).await, Ok(vec![]));
    assert!(store.objects().is_empty());
    assert_eq!(queue.calls().deleted, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_quarantined_fails_alone() {
    let store = Memory::acting(|object, _| if object.key.starts_with("quarantine/") { Act::Refuse } else { Act::Take });
    let batch = [sqs_message("a", &sealed(1, "clicks", &["{}"])), sqs_message("b", "nonsense")];
    assert_eq!(run(&deliver(&store, &[]), &batch).await, Ok(vec!["b".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_newer_version_is_returned() {
    let store = Memory::new();
    let batch = [sqs_message("a", &sealed(1, "clicks", &["{}"])), sqs_message("b", "{\"v\":3}\n")];
    assert_eq!(run(&deliver(&store, &[]), &batch).await, Ok(vec!["b".to_owned()]));
    assert_eq!(store.objects().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn equal_messages_share_their_outcome() {
    for (act, failed) in [(Act::Take, vec![]), (Act::Refuse, vec!["a".to_owned(), "c".to_owned()])] {
        let store = clicks(act);
        let [a, b] = two_streams();
        let again = sqs_message("c", a.body.as_deref().unwrap());
        assert_eq!(run(&deliver(&store, &[]), &[a, b, again]).await, Ok(failed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_message_without_an_id_fails_the_batch() {
    for nameless in [None, Some(String::new())] {
        let [mut a, b] = two_streams();
        a.message_id = nameless;
        let batch = [a, b];
        assert_eq!(run(&deliver(&Memory::new(), &[]), &batch).await, Ok(vec![]));
        assert_eq!(run(&deliver(&clicks(Act::Refuse), &[]), &batch).await, Err(BatchFailure::Nameless));
    }
}

/// A message with more parts than an invocation has time for, in a store that stalls after ten PUTs.
#[tokio::test(start_paused = true)]
async fn every_receive_of_a_split_message_stores_further_parts() {
    let left = Arc::new(AtomicUsize::new(0));
    let in_time = Arc::clone(&left);
    let one_less = |left: usize| left.checked_sub(1);
    let store = Memory::acting(move |_, _| match in_time.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
        Ok(_) => Act::Take,
        Err(_) => Act::Stall,
    });
    let deliver = deliver(&store, &[("MAX_OBJECT_RECORDS", "1"), ("MAX_WORKERS", "1")]);
    let batch = [sqs_message("a", &sealed(1, "clicks", &["{}"; 25]))];
    for stored in [10, 20, 25] {
        left.store(10, Ordering::SeqCst);
        let result = run(&deliver, &batch).await;
        assert_eq!((store.objects().len(), result.is_ok()), (stored, stored == 25), "{result:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_limit_of_one_record_every_record_has_its_own_object() {
    let store = Memory::new();
    let deliver = deliver(&store, &[("MAX_OBJECT_RECORDS", "1"), ("COMPRESSION", "none"), ("MAX_WORKERS", "2")]);
    run(&deliver, &two_streams()).await.unwrap();
    let names: Vec<_> = store.objects().into_keys().map(|key| key.rsplit('/').next().unwrap().to_owned()).collect();
    let parts = |part: &str| names.iter().filter(|name| name.ends_with(part)).count();
    assert_eq!((parts("-0-0.ndjson"), parts("-1-1.ndjson")), (1, 1), "{names:?}");
    assert_eq!((names.len(), records(&store).len(), store.max_running()), (3, 3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_message_is_done_when_all_its_parts_are_stored() {
    let store = Memory::acting(|object, _| if object.key.contains("-1-1.") { Act::Refuse } else { Act::Take });
    let deliver = deliver(&store, &[("MAX_OBJECT_RECORDS", "1")]);
    assert_eq!(run(&deliver, &two_streams()).await, Ok(vec!["a".to_owned()]));
    assert_eq!(records(&store), [r#"{"n":1}"#, r#"{"n":3}"#]);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_message_to_split_is_quarantined() {
    let store = Memory::new();
    let bytes = 2 * (record("clicks", "{}").len() + 1);
    let of = |bytes: usize| format!("\"bytes\":{bytes},");
    let broken = sealed(2, "clicks", &["{}", "{}"]).replace(&of(bytes), &of(bytes - 1));
    let batch = [sqs_message("a", &broken)];
    assert_eq!(run(&deliver(&store, &[("MAX_OBJECT_RECORDS", "1")]), &batch).await, Ok(vec![]));
    assert!(store.objects().into_keys().eq([quarantine_key(&batch[0])]));
}

fn quarantine_key(sqs_message: &SqsMessage) -> String {
    Broken { index: BatchIndex(0), sqs_message, reason: String::new() }.object(SystemTime::now()).key
}

#[tokio::test(start_paused = true)]
async fn everything_is_stored_with_the_smallest_memory_budget() {
    let record = format!("\"{}\"", "x".repeat(900_000));
    let batch: Vec<_> =
        (0..12).map(|id| sqs_message(&id.to_string(), &sealed(id, "clicks", &[&record, "1", "2"]))).collect();
    for records_limit in ["0", "2"] {
        let store = Memory::new();
        let variables = [
            ("MAX_INFLIGHT_BYTES", "4194304"),
            ("MAX_OBJECT_MESSAGES", "1"),
            ("MAX_OBJECT_RECORDS", records_limit),
            ("COMPRESSION", "none"),
        ];
        let deliver = deliver(&store, &variables);
        let (one, other) = futures::join!(run(&deliver, &batch[..6]), run(&deliver, &batch[6..]));
        assert_eq!((one, other), (Ok(vec![]), Ok(vec![])));
        assert_eq!(records(&store).len(), 36);
    }
}

#[tokio::test]
async fn an_event_from_lambda_is_handled() {
    let message = |id: &str, body: &str| {
        serde_json::json!({
            "messageId": id, "receiptHandle": "AQEB", "body": body, "md5OfBody": "x",
            "attributes": {
                "ApproximateReceiveCount": "2", "SentTimestamp": "1795286340123", "SenderId": "AIDA:i",
                "ApproximateFirstReceiveTimestamp": "1795286341000", "MessageGroupId": "clicks",
            },
            "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "eu-central-1",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:q",
        })
    };
    let records = [message("a", &sealed(1, "clicks", &["{}"])), message("b", "{\"v\":3}\n"), message("c", "?")];
    let event: SqsEvent = serde_json::from_str(&serde_json::json!({ "Records": records }).to_string()).unwrap();
    let mut context = Context::default();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    context.deadline = u64::try_from((now + LIMIT).as_millis()).unwrap();
    let store = Memory::new();
    let response = deliver(&store, &[]).invocation(LambdaEvent::new(event, context)).await.unwrap();
    let expected = serde_json::json!({"batchItemFailures": [{"itemIdentifier": "b"}]});
    assert_eq!(serde_json::to_value(response).unwrap(), expected);
    assert!(store.objects().contains_key("quarantine/dt=2026-11-21/c.json"));
}

#[tokio::test]
async fn an_event_from_another_service_fails_the_invocation() {
    for record in [
        serde_json::json!({"EventSource": "aws:sns", "Sns": {"Message": "text"}}),
        serde_json::json!({"eventSource": "aws:kinesis", "kinesis": {"data": "e30="}}),
        serde_json::json!({"eventSource": "aws:s3", "s3": {"object": {"key": "k"}}}),
    ] {
        let event: SqsEvent = serde_json::from_value(serde_json::json!({ "Records": [record] })).unwrap();
        let result = deliver(&Memory::new(), &[]).invocation(LambdaEvent::new(event, Context::default())).await;
        assert_eq!(result, Err(BatchFailure::NotSqs));
    }
}

#[tokio::test(start_paused = true)]
async fn headers_that_claim_millions_of_records_use_no_memory() {
    let header = |id: u128| {
        let bytes = record("clicks", "{}").len() + 1;
        let honest = format!("\"records\":1,\"bytes\":{bytes}");
        let text = sealed(id, "clicks", &["{}"]).replace(&honest, "\"records\":1048576,\"bytes\":1048576");
        assert!(text.contains("1048576"));
        sqs_message(&id.to_string(), &text)
    };
    let batch: Vec<_> = (0..10_000).map(|id| header(2 * id)).collect();
    let store = Memory::new();
    assert_eq!(run(&deliver(&store, &[("MAX_OBJECT_RECORDS", "1")]), &batch).await, Ok(vec![]));
    assert!(store.objects().keys().all(|key| key.starts_with("quarantine/")));
    assert_eq!(store.objects().len(), batch.len());
}
