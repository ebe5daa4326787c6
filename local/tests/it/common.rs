//! Servers and clients that the tests share.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use spillway_aws::{Calls, Credentials, SdkConfig};
use spillway_local::data_folder::DataFolder;
use spillway_local::faults::Faults;
use spillway_local::s3::{Bucket, BucketSettings};
use spillway_local::sqs::{MAX_MESSAGE_BYTES, Queue, QueueSettings, Tap};

/// Includes the up to 20 seconds that a receive waits for messages.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);

/// A free port of the loopback interface.
pub(crate) fn free_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A queue with a visibility timeout of one second.
pub(crate) async fn queue(max_receive_count: u32, accepted: Option<Tap>) -> Queue {
    queue_at(free_port(), max_receive_count, accepted).await
}

/// The same at a fixed address.
pub(crate) async fn queue_at(listen: SocketAddr, max_receive_count: u32, accepted: Option<Tap>) -> Queue {
    let settings = queue_settings(listen, max_receive_count, accepted);
    Queue::start(settings).await.unwrap()
}

/// The settings of such a queue.
pub(crate) fn queue_settings(listen: SocketAddr, max_receive_count: u32, accepted: Option<Tap>) -> QueueSettings {
    QueueSettings {
        listen,
        data: None,
        name: "spillway".to_owned(),
        region: "eu-west-1".to_owned(),
        visibility_timeout: Duration::from_secs(1),
        max_receive_count,
        max_message_bytes: MAX_MESSAGE_BYTES,
        accepted,
        faults: Faults::default(),
    }
}

/// A client that signs requests, as the functions do.
pub(crate) fn sqs(endpoint: &str) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(&config(endpoint))
}

/// A bucket in the folder `data`.
pub(crate) async fn bucket(data: &Path) -> Bucket {
    Bucket::start(bucket_settings(data)).await.unwrap()
}

/// The settings of such a bucket.
pub(crate) fn bucket_settings(data: &Path) -> BucketSettings {
    BucketSettings {
        listen: free_port(),
        data: DataFolder::new(data),
        name: "spillway".to_owned(),
        access_key: "local".to_owned(),
        secret_key: "local".to_owned(),
        faults: Faults::default(),
    }
}

/// A client that signs requests, as the functions do.
pub(crate) fn s3(endpoint: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&config(endpoint)).force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}

/// Waits until `condition` holds, for at most a minute, because machines can be busy.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_mins(1), async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "timed out waiting until {what}");
}

fn config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("local", "local", None, None, "tests");
    Calls::retried(CALL_TIMEOUT, CALL_TIMEOUT).fixed(endpoint, "eu-west-1", credentials)
}
