//! The fronts: a Function URL, and CloudFront with its secret.

use spillway_local::client::{Client, Document};
use spillway_local::front::Kind;
use spillway_local::pipeline::{Pipeline, Settings};

use crate::support::harness::KEY;

/// The statuses of a document, and of one whose path is encoded.
async fn statuses(front: Kind, keys: &str) -> [u16; 2] {
    let (data, config) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(config.path().join("streams")).unwrap();
    std::fs::write(config.path().join("streams/clicks.json"), "{}").unwrap();
    std::fs::write(config.path().join("keys.json"), keys).unwrap();
    let settings = Settings {
        front,
        config: config.path().to_owned(),
        data: data.path().to_owned(),
        ..Settings::new(env!("CARGO_BIN_EXE_spillway"))
    };
    let pipeline = Box::pin(Pipeline::start(settings)).await.unwrap();
    let mut client = Client::connect(pipeline.address()).await.unwrap();
    let mut statuses = [0; 2];
    for (status, stream) in statuses.iter_mut().zip(["clicks", "%63licks"]) {
        *status = client.post(&Document::new(stream, KEY, "{}")).await.unwrap().status.as_u16();
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_pass_through_every_front() {
    let keys = format!(r#"{{"keys":[],"origin":["{}"]}}"#, spillway_shared::keys::digest(b"secret"));
    let cloudfront = |secret: &'static str| Kind::CloudFront(Some(http::HeaderValue::from_static(secret)));
    // Only an HTTP API decodes paths.
    assert_eq!(statuses(Kind::HttpApi, r#"{"keys":[]}"#).await, [200, 200]);
    assert_eq!(statuses(Kind::FunctionUrl, r#"{"keys":[]}"#).await, [200, 404]);
    assert_eq!(statuses(cloudfront("secret"), &keys).await, [200, 404]);
    assert_eq!(statuses(cloudfront("wrong"), &keys).await, [403, 403]);
    assert_eq!(statuses(Kind::FunctionUrl, &keys).await, [403, 403]);
}
