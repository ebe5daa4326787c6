//! What the tests of the local pipeline share.
#![allow(dead_code, unreachable_pub, reason = "every test file takes what it needs")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use spillway_local::data_folder::DataFolder;
use spillway_local::faults::Faults;
use spillway_local::s3::{Bucket, BucketSettings};
use spillway_local::sqs::{Queue, QueueSettings, Tap};

/// Any free port of the loopback interface.
pub fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A queue whose messages come back after a second.
pub async fn queue(max_receive_count: u32, accepted: Option<Tap>) -> Queue {
    queue_at(anywhere(), max_receive_count, accepted).await
}

/// The same, at one address.
pub async fn queue_at(listen: SocketAddr, max_receive_count: u32, accepted: Option<Tap>) -> Queue {
    let settings = queue_settings(listen, max_receive_count, accepted);
    Queue::start(settings).await.unwrap()
}

/// What such a queue is started with.
pub fn queue_settings(listen: SocketAddr, max_receive_count: u32, accepted: Option<Tap>) -> QueueSettings {
    QueueSettings {
        listen,
        data: None,
        name: "spillway".to_owned(),
        region: "eu-west-1".to_owned(),
        visibility_timeout: Duration::from_secs(1),
        max_receive_count,
        accepted,
        faults: Faults::default(),
    }
}

/// A client that signs, as the functions' does.
pub fn sqs(endpoint: &str) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("eu-west-1"))
        .credentials_provider(credentials());
    aws_sdk_sqs::Client::from_conf(config.build())
}

/// A bucket under `data`.
pub async fn bucket(data: &Path) -> Bucket {
    Bucket::start(bucket_settings(data)).await.unwrap()
}

/// What such a bucket is started with.
pub fn bucket_settings(data: &Path) -> BucketSettings {
    BucketSettings {
        listen: anywhere(),
        data: DataFolder::new(data),
        name: "spillway".to_owned(),
        access_key: "local".to_owned(),
        secret_key: "local".to_owned(),
        faults: Faults::default(),
    }
}

/// A client that signs, as the functions' does.
pub fn s3(endpoint: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .force_path_style(true)
        .region(Region::new("eu-west-1"))
        .credentials_provider(credentials());
    aws_sdk_s3::Client::from_conf(config.build())
}

/// Waits until `condition` holds, for at most a minute: machines can be busy.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_mins(1), async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "never came: {what}");
}

fn credentials() -> Credentials {
    Credentials::new("local", "local", None, None, "tests")
}
