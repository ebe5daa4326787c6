use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use spillway_deliver::unpack::SAME_ID;
use spillway_local::data_folder::DataFolder;
use spillway_local::faults::Faults;
use spillway_local::s3::{Bucket as S3, BucketSettings};
use spillway_local::sqs::{MAX_MESSAGE_BYTES, Queue as Sqs, QueueSettings};

use super::*;
use crate::aws;
use crate::aws::queue::Queue;

fn free_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn s3(data: &Path) -> (S3, Bucket) {
    let settings = BucketSettings {
        listen: free_port(),
        data: DataFolder::new(data),
        name: "spillway".to_owned(),
        access_key: "local".to_owned(),
        secret_key: "local".to_owned(),
        faults: Faults::default(),
    };
    let server = S3::start(settings).await.unwrap();
    let bucket = Bucket::new(&aws::config(Some(&server.endpoint)).await, "spillway");
    (server, bucket)
}

async fn sqs() -> (Sqs, Queue) {
    let settings = QueueSettings {
        listen: free_port(),
        data: None,
        name: "spillway".to_owned(),
        region: "us-east-1".to_owned(),
        visibility_timeout: Duration::from_mins(1),
        max_receive_count: 3,
        max_message_bytes: MAX_MESSAGE_BYTES,
        accepted: None,
        faults: Faults::default(),
    };
    let server = Sqs::start(settings).await.unwrap();
    let config = aws::config(aws::endpoint_of_queue(None, &server.url)).await;
    let queue = Queue::new(&config, &server.url);
    (server, queue)
}

/// Writes an object in the format of deliver, and returns its key.
fn quarantine(server: &S3, day: &str, id: &str, body: &str) -> String {
    quarantine_for("not zstd", server, day, id, body)
}

fn quarantine_for(reason: &str, server: &S3, day: &str, id: &str, body: &str) -> String {
    let key = format!("{PREFIX}dt={day}/{id}.json");
    let path = server.root.join(&key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let object = serde_json::json!({
        "reason": reason, "message_id": id, "receive_count": 3, "sent_at": null, "body": body,
    });
    std::fs::write(path, object.to_string()).unwrap();
    key
}

#[tokio::test]
async fn only_quarantined_messages_are_listed_by_day() {
    let data = tempfile::tempdir().unwrap();
    let (server, bucket) = s3(data.path()).await;
    let keys = [quarantine(&server, "2026-11-20", "b", "x"), quarantine(&server, "2026-11-21", "a", "x")];
    std::fs::create_dir_all(server.root.join("records")).unwrap();
    std::fs::write(server.root.join("records/x.ndjson"), "{}\n").unwrap();
    let listed = |all: Vec<crate::aws::bucket::Listed>| all.into_iter().map(|one| one.key).collect::<Vec<_>>();
    assert_eq!(listed(list(&bucket, None).await.unwrap()), keys);
    assert_eq!(listed(list(&bucket, Some("2026-11-21")).await.unwrap()), keys[1..]);
    assert!(list(&bucket, Some("2026-11-22")).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_is_shown_with_its_properties() {
    let data = tempfile::tempdir().unwrap();
    let (server, bucket) = s3(data.path()).await;
    let key = quarantine(&server, "2026-11-20", "id-1", "line one\nline two");
    let text = read(&bucket, &key).await.unwrap().to_string();
    let expected =
        "reason        not zstd\nmessage id    id-1\nreceive count 3\nsent at       unknown\n\nline one\nline two";
    assert_eq!(text, expected);
}

#[tokio::test]
async fn other_objects_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let (server, bucket) = s3(data.path()).await;
    std::fs::write(server.root.join("records.json"), "{\"reason\":\"\",\"body\":\"x\"}").unwrap();
    let (sqs, queue) = sqs().await;
    assert!(replay::one(&bucket, &queue, "records.json").await.is_err());
    assert!(server.root.join("records.json").exists());
    assert_eq!(sqs.counts().await.unwrap().queued, 0);
}

#[tokio::test]
async fn a_replayed_message_is_on_the_queue_and_not_in_quarantine() {
    let data = tempfile::tempdir().unwrap();
    let (server, bucket) = s3(data.path()).await;
    let (_sqs, queue) = sqs().await;
    let key = quarantine(&server, "2026-11-20", "id-1", "a \"body\"\nä");
    replay::one(&bucket, &queue, &key).await.unwrap();
    assert_eq!(queue.receive().await.unwrap()[0].body, "a \"body\"\nä");
    assert!(list(&bucket, None).await.unwrap().is_empty());
}

/// Deliver distinguishes two messages with one id only within one batch.
#[tokio::test]
async fn a_message_with_the_id_of_another_is_not_replayed() {
    let data = tempfile::tempdir().unwrap();
    let (server, bucket) = s3(data.path()).await;
    let (sqs, queue) = sqs().await;
    let key = quarantine_for(SAME_ID, &server, "2026-11-20", "id-1", "x");
    let error = replay::one(&bucket, &queue, &key).await.unwrap_err();
    assert!(error.to_string().contains("new id"), "{error}");
    assert_eq!((sqs.counts().await.unwrap().queued, list(&bucket, None).await.unwrap().len()), (0, 1));
}

#[tokio::test]
async fn a_message_that_sqs_refuses_stays_in_quarantine() {
    let data = tempfile::tempdir().unwrap();
    let (server, bucket) = s3(data.path()).await;
    let (sqs, queue) = sqs().await;
    let refused = quarantine(&server, "2026-11-20", "refused", "\u{1}");
    assert!(replay::one(&bucket, &queue, &refused).await.is_err());
    let nowhere = queue.sibling(format!("{}-unknown", sqs.url));
    let good = quarantine(&server, "2026-11-20", "good", "x");
    assert!(replay::one(&bucket, &nowhere, &good).await.is_err());
    assert_eq!(list(&bucket, None).await.unwrap().len(), 2);
}
