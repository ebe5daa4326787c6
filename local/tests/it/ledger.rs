//! The ledger over a queue and a bucket, by record id.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

use crate::common::{bucket, bucket_settings, free_port, queue, queue_settings, s3, until};
use aws_sdk_s3::primitives::ByteStream;
use spillway_compact::build::Build;
use spillway_compact::dedupe::Records;
use spillway_compact::list::Place;
use spillway_compact::table::{Table, Type};
use spillway_local::data_folder::DataFolder;
use spillway_local::ledger::{Ledger, Report, Unseen};
use spillway_local::s3::{Bucket, BucketSettings};
use spillway_local::sqs::{Queue, QueueSettings};
use spillway_shared::hour::Hour;
use spillway_shared::message::{self, Encoding, Header, Kind, MessageId};
use spillway_shared::stream::StreamName;

/// Lines of NDJSON for the records `indices` of one request.
fn lines(request: u128, indices: std::ops::Range<u32>) -> String {
    let request = uuid::Uuid::from_u128(request);
    indices.fold(String::new(), |mut lines, index| {
        writeln!(lines, "{{\"id\":\"{request}-{index}\",\"payload\":{{\"id\":\"not this\"}}}}").unwrap();
        lines
    })
}

/// A file of a table with the records `indices` of requests.
fn rows(records: &[(u128, std::ops::Range<u32>)]) -> Vec<u8> {
    let place = Place { stream: StreamName::parse("clicks").unwrap(), hour: Hour::parse("2026-11-21T18").unwrap() };
    let mut build = Build::new(&place, &Table::new(Type::Json)).unwrap();
    let members = r#","stream":"clicks","received_at":"2026-11-21T18:39:00.123Z","payload""#;
    let text: String = records.iter().map(|(request, indices)| lines(*request, indices.clone())).collect();
    let text = text.replace(r#","payload""#, members);
    build.add("a.ndjson", text.as_bytes(), &mut Records::default()).unwrap();
    build.finish().unwrap().0
}

fn sealed(records: &str, encoding: Encoding) -> String {
    let header = Header {
        kind: Kind::Accepted,
        id: MessageId::new(1),
        stream: StreamName::parse("clicks").unwrap(),
        hour: Hour::of(SystemTime::now()),
        records: u32::try_from(records.lines().count()).unwrap(),
        bytes: u32::try_from(records.len()).unwrap(),
        encoding,
    };
    message::seal(&header, records).unwrap()
}

async fn send(queue: &Queue, body: impl Into<String>) {
    queue.client().send_message().queue_url(&queue.url).message_body(body).send().await.unwrap();
}

/// Receives one message and keeps it.
async fn receive(queue: &Queue) -> aws_sdk_sqs::types::Message {
    let received = queue.client().receive_message().queue_url(&queue.url).send().await.unwrap();
    received.messages.unwrap_or_default().remove(0)
}

async fn delete_one(queue: &Queue) {
    let handle = receive(queue).await.receipt_handle.unwrap();
    queue.client().delete_message().queue_url(&queue.url).receipt_handle(handle).send().await.unwrap();
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_counted_by_outcome() {
    let data = tempfile::tempdir().unwrap();
    let bucket = bucket(data.path()).await;
    let ledger = Ledger::default();
    let queue = queue(1, Some(ledger.tap())).await;
    let client = s3(&bucket.endpoint);
    let put = async |key: &str, body: Vec<u8>| {
        let call = client.put_object().bucket("spillway").key(key).if_none_match("*");
        call.body(ByteStream::from(body)).send().await
    };

    // Ten records of request 1 in three objects of three encodings; the gzip has two members. One record is stored twice.
    for body in [sealed(&lines(1, 0..6), Encoding::None), sealed(&lines(1, 6..10), Encoding::ZstdBase64)] {
        send(&queue, body).await;
        delete_one(&queue).await;
    }
    put("records/a.ndjson.gz", [gzip(&lines(1, 0..2)), gzip(&lines(1, 2..4))].concat()).await.unwrap();
    put("records/b.ndjson.zst", zstd::bulk::compress(lines(1, 4..7).as_bytes(), 1).unwrap()).await.unwrap();
    put("records/c.ndjson", lines(1, 6..10).into_bytes()).await.unwrap();
    // A record that this run did not accept, and an object that Spillway did not write.
    put("records/d.ndjson", lines(99, 0..1).into_bytes()).await.unwrap();
    // One record that was rejected and kept, and one that was replayed since.
    send(&queue, sealed(&lines(5, 0..2), Encoding::None)).await;
    delete_one(&queue).await;
    put("rejected/e.ndjson", lines(5, 0..2).into_bytes()).await.unwrap();
    put("records/e.ndjson", lines(5, 1..2).into_bytes()).await.unwrap();
    put("replayed/e.json", b"{}".to_vec()).await.unwrap();
    // Five records of request 1 in tables, one of them in two hours, and a record that this run did not accept.
    put("lake/stream=clicks/v=1/dt=2026-11-21/hour=18/000.parquet", rows(&[(1, 0..4)])).await.unwrap();
    put("lake/stream=clicks/v=1/dt=2026-11-21/hour=19/000.parquet", rows(&[(1, 3..5), (98, 0..1)])).await.unwrap();
    put("lake/stream=clicks/v=2/dt=2026-11-21/hour=18/000.parquet", rows(&[(1, 0..1)])).await.unwrap();
    put("notes.txt", b"hello\nworld\n".to_vec()).await.unwrap();
    // Garbage, quarantined.
    send(&queue, "garbage \"quoted\"\n").await;
    delete_one(&queue).await;
    let quarantined = serde_json::json!({"reason": "no header", "message_id": "m", "body": "garbage \"quoted\"\n"});
    put("quarantine/dt=2026-11-21/m.json", quarantined.to_string().into_bytes()).await.unwrap();
    // Two records that were deleted and never stored.
    send(&queue, sealed(&lines(2, 0..2), Encoding::None)).await;
    delete_one(&queue).await;
    // Three records that were received too often.
    send(&queue, sealed(&lines(3, 0..3), Encoding::None)).await;
    receive(&queue).await;
    until("it is dead-lettered", async || {
        queue.client().receive_message().queue_url(&queue.url).send().await.unwrap();
        queue.counts().await.unwrap().dead_lettered == 1
    })
    .await;
    // Someone reads the dead-letter queue, which hides the message but does not remove it.
    let read = queue.client().receive_message().queue_url(&queue.dead_letter_url).visibility_timeout(600).send().await;
    assert_eq!(read.unwrap().messages().len(), 1);
    assert_eq!(queue.counts().await.unwrap().dead_lettered, 1);
    // Four records in flight and one that waits in two copies of a message.
    send(&queue, sealed(&lines(4, 0..4), Encoding::None)).await;
    receive(&queue).await;
    send(&queue, sealed(&lines(4, 4..5), Encoding::None)).await;
    send(&queue, sealed(&lines(4, 4..5), Encoding::None)).await;

    let so_far = ledger.so_far(&queue, &bucket).await.unwrap();
    let report = ledger.settle(&queue, &bucket).await.unwrap();
    assert_eq!(so_far, report);
    let expected = Report {
        accepted: 23,
        stored: 11,
        kept: 1,
        quarantined: 1,
        dead_lettered: 3,
        in_flight: 5,
        missing: 2,
        duplicates: 1,
        foreign: 2,
        in_tables: 5,
        rows_again: 1,
        unreadable: vec![],
        unseen: Unseen::default(),
        earlier_runs: false,
    };
    assert_eq!(report, expected, "{report}");
    assert!(!report.holds());
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_earlier_runs_count_only_if_found_again() {
    let data = tempfile::tempdir().unwrap();
    let earlier = bucket(data.path()).await;
    let put = async |endpoint: &str, key: &str, body: String| {
        let client = s3(endpoint);
        let call = client.put_object().bucket("spillway").key(key).if_none_match("*");
        call.body(ByteStream::from(body.into_bytes())).send().await
    };
    put(&earlier.endpoint, "records/earlier.ndjson", lines(1, 0..1)).await.unwrap();
    put(&earlier.endpoint, "records/met.ndjson", lines(2, 0..1)).await.unwrap();
    earlier.close().await;

    let bucket = bucket(data.path()).await;
    let ledger = Ledger::default();
    let queue = queue(5, Some(ledger.tap())).await;
    send(&queue, sealed(&lines(2, 0..1), Encoding::None)).await;
    delete_one(&queue).await;
    assert!(put(&bucket.endpoint, "records/met.ndjson", lines(2, 0..1)).await.is_err());
    let report = ledger.settle(&queue, &bucket).await.unwrap();
    assert_eq!(report, Report { accepted: 1, stored: 1, ..Report::default() });
    assert!(report.is_settled());
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_on_disk_adds_up_over_restarts() {
    let data = tempfile::tempdir().unwrap();
    let run = async || {
        let data = DataFolder::new(data.path());
        let ledger = Ledger::open(&data, "spillway").unwrap();
        let bucket = Bucket::start(BucketSettings { data: data.clone(), ..bucket_settings(Path::new("")) });
        let accepted = Some(ledger.tap());
        let queue = Queue::start(QueueSettings { data: Some(data), ..queue_settings(free_port(), 5, accepted) });
        (ledger, bucket.await.unwrap(), queue.await.unwrap())
    };
    // A server that ends without settling: two records stored, one lost, three queued.
    let (_, bucket, queue) = run().await;
    send(&queue, sealed(&lines(1, 0..3), Encoding::ZstdBase64)).await;
    delete_one(&queue).await;
    let put = s3(&bucket.endpoint).put_object().bucket("spillway").key("records/a.ndjson");
    put.body(ByteStream::from(lines(1, 0..2).into_bytes())).send().await.unwrap();
    send(&queue, sealed(&lines(2, 0..3), Encoding::None)).await;
    queue.close().await;
    bucket.close().await;

    // The next ones settle.
    let (ledger, bucket, queue) = run().await;
    send(&queue, "garbage").await;
    let earlier = Report { accepted: 7, stored: 2, in_flight: 4, missing: 1, earlier_runs: true, ..Report::default() };
    assert_eq!(ledger.settle(&queue, &bucket).await.unwrap(), earlier);
    queue.close().await;
    bucket.close().await;
    let (ledger, bucket, queue) = run().await;
    assert_eq!(ledger.accepted(), 0, "of this run");
    assert_eq!(ledger.settle(&queue, &bucket).await.unwrap(), earlier);
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_objects_are_listed() {
    let data = tempfile::tempdir().unwrap();
    let bucket = bucket(data.path()).await;
    let ledger = Ledger::default();
    let queue = queue(5, Some(ledger.tap())).await;
    let client = s3(&bucket.endpoint);
    for key in ["records/broken.ndjson.gz", "quarantine/broken.json"] {
        let call = client.put_object().bucket("spillway").key(key);
        call.body(ByteStream::from_static(b"neither gzip nor JSON")).send().await.unwrap();
    }
    let report = ledger.settle(&queue, &bucket).await.unwrap();
    assert_eq!(report.unreadable.len(), 2, "{report}");
    assert!(report.to_string().contains("cannot be read: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_records_are_counted_immediately() {
    let ledger = Ledger::default();
    let queue = queue(5, Some(ledger.tap())).await;
    send(&queue, sealed(&lines(1, 0..1000), Encoding::ZstdBase64)).await;
    until("all are counted", async || ledger.accepted() == 1000).await;
}
