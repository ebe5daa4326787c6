//! The real SDK against a whole S3, and the double in memory against the same suite.

use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use spillway_aws::{Calls, Credentials};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::*;
use crate::testing::Memory;

/// A complete S3 with an empty bucket, in a temporary folder.
async fn embedded() -> (TempDir, S3) {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("bucket")).unwrap();
    let mut builder = S3ServiceBuilder::new(FileSystem::new(root.path()).unwrap());
    builder.set_auth(SimpleAuth::from_single("key", "secret"));
    let service = builder.build();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    let credentials = Credentials::new("key", "secret", None, None, "test");
    let config = Calls::once(Duration::from_secs(5)).fixed(&endpoint, "eu-central-1", credentials);
    (root, S3::new(&config, "bucket"))
}

fn done<T>(outcome: Outcome<T, StoreError>) -> T {
    match outcome {
        Outcome::Done(value) => value,
        Outcome::Again(error) | Outcome::Never(error) => panic!("{error}"),
    }
}

/// What every bucket does.
async fn suite(store: &impl Store) {
    assert_eq!(done(store.list("a/", "").await).objects, []);
    assert_eq!(done(store.get("a/1", Part::Whole).await), None);
    assert_eq!(done(store.put("a/1", Bytes::from_static(b"12345")).await), Put::Created);
    assert_eq!(done(store.put("a/2", Bytes::from_static(b"2")).await), Put::Created);
    assert_eq!(done(store.put("b/3", Bytes::from_static(b"3")).await), Put::Created);
    for (part, bytes) in [
        (Part::Whole, "12345"),
        (Part::Range(1..3), "23"),
        (Part::Range(4..99), "5"),
        (Part::Last(2), "45"),
        (Part::Last(5), "12345"),
    ] {
        assert_eq!(done(store.get("a/1", part.clone()).await), Some(Bytes::from(bytes)), "{part:?}");
    }
    let keys = async |prefix: &str, after: &str| {
        let page = done(store.list(prefix, after).await);
        page.objects.into_iter().map(|listed| (listed.key, listed.size)).collect::<Vec<_>>()
    };
    assert_eq!(keys("a/", "").await, [("a/1".to_owned(), 5), ("a/2".to_owned(), 1)]);
    assert_eq!(keys("a/", "a/1").await, [("a/2".to_owned(), 1)]);
}

/// A key that exists is never replaced.
async fn create_only(store: &impl Store) {
    assert_eq!(done(store.put("a/1", Bytes::from_static(b"other")).await), Put::Exists);
    assert_eq!(done(store.get("a/1", Part::Whole).await), Some(Bytes::from_static(b"12345")));
}

#[tokio::test]
async fn both_buckets_pass_the_suite() {
    let (_root, s3) = embedded().await;
    suite(&s3).await;
    let memory = Memory::default();
    suite(&memory).await;
    create_only(&memory).await;
}
