use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::service::{Service, service_fn};
use hyper::{HeaderMap, Request, Response};
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

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const TIMEOUT: Duration = Duration::from_secs(5);

fn object(key: &str, body: &'static [u8]) -> Object {
    Object {
        key: key.to_owned(),
        body: Bytes::from_static(body),
        content_type: "application/x-ndjson",
        records: Some(2),
    }
}

/// A client of the server at `endpoint`, with this secret key.
fn client(endpoint: &str, secret: &str, call_timeout: Duration) -> S3 {
    let credentials = Credentials::new("key", secret, None, None, "test");
    S3::new(&Calls::once(call_timeout).fixed(endpoint, "eu-central-1", credentials), "bucket")
}

/// Serves HTTP on a free port of loopback until the test ends, and returns its URL.
async fn serve<S, B>(service: S) -> String
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send, Error: Into<BoxError>> + Clone + Send + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    format!("http://{address}")
}

/// A complete S3 with an empty bucket, in a temporary folder.
async fn embedded() -> (TempDir, String) {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("bucket")).unwrap();
    let mut builder = S3ServiceBuilder::new(FileSystem::new(root.path()).unwrap());
    builder.set_auth(SimpleAuth::from_single("key", "secret"));
    (root, serve(builder.build()).await)
}

/// A server that answers every request with this status and code, and records the headers of the last request.
async fn answering(status: u16, code: &str) -> (Arc<Mutex<HeaderMap>>, String) {
    let headers = Arc::new(Mutex::new(HeaderMap::new()));
    let recorded = Arc::clone(&headers);
    let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    let service = service_fn(move |request: Request<Incoming>| {
        *recorded.lock().unwrap() = request.headers().clone();
        std::future::ready(Ok::<_, Infallible>(Response::builder().status(status).body(body.clone()).unwrap()))
    });
    (headers, serve(service).await)
}

/// Checks what every store must do.
async fn conforms(store: &impl ObjectStore) {
    let (first, other) = (object("a=1/b.ndjson", b"{}\n{}\n"), object("a=1/c.ndjson", b""));
    for (object, stored) in [(&first, Stored::Now), (&first, Stored::Before), (&other, Stored::Now)] {
        let outcome = store.put(object).await;
        assert!(matches!(outcome, Outcome::Done(done) if done == stored), "{}: {outcome:?}", object.key);
    }
    let overwriting = store.put(&object("a=1/b.ndjson", b"[]\n")).await;
    assert!(matches!(overwriting, Outcome::Done(Stored::Before)), "{overwriting:?}");
    for (prefix, after, expected) in [
        ("a=1/", "a=1/", &["a=1/b.ndjson", "a=1/c.ndjson"][..]),
        ("a=1/", "a=1/b.ndjson", &["a=1/c.ndjson"]),
        ("a=2/", "", &[]),
    ] {
        let Outcome::Done(listed) = store.list(prefix, after).await else { panic!("{prefix}") };
        assert_eq!((listed.keys, listed.is_truncated), (expected.iter().map(|key| (*key).to_owned()).collect(), false));
    }
}

#[tokio::test]
async fn a_bucket_in_memory_conforms() {
    let memory = Memory::new();
    conforms(&memory).await;
    assert_eq!(memory.objects()["a=1/b.ndjson"].body, "{}\n{}\n");
}

#[tokio::test]
async fn s3_conforms() {
    let (_root, endpoint) = embedded().await;
    let s3 = client(&endpoint, "secret", TIMEOUT);
    conforms(&s3).await;
    let read = s3.client.get_object().bucket("bucket").key("a=1/b.ndjson").send().await.unwrap();
    assert_eq!(read.metadata().unwrap()[RECORDS], "2");
    assert_eq!((read.content_type(), read.content_encoding()), (Some("application/x-ndjson"), None));
    assert_eq!(read.body.collect().await.unwrap().into_bytes(), "{}\n{}\n");
}

#[tokio::test]
async fn large_objects_arrive_whole() {
    let (root, endpoint) = embedded().await;
    let body: Bytes = (0..3_u32 << 20).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let large = Object { body: body.clone(), ..object("large", b"") };
    let outcome = client(&endpoint, "secret", TIMEOUT).put(&large).await;
    assert!(matches!(outcome, Outcome::Done(Stored::Now)), "{outcome:?}");
    assert_eq!(std::fs::read(root.path().join("bucket/large")).unwrap(), body);
}

#[tokio::test]
async fn a_wrong_secret_key_is_refused() {
    let (_root, endpoint) = embedded().await;
    let outcome = client(&endpoint, "wrong", TIMEOUT).put(&object("a", b"")).await;
    assert!(matches!(&outcome, Outcome::Never(error) if error.0.starts_with("S3 answered 403")), "{outcome:?}");
}

#[tokio::test]
async fn transient_errors_refusals_and_existing_keys_are_distinguished() {
    let again = [(409, "ConditionalRequestConflict"), (429, "SlowDown"), (500, "InternalError"), (503, "SlowDown")];
    let damaged_in_transit = [(400, "RequestTimeout"), (400, "BadDigest"), (400, "IncompleteBody")];
    for (status, code) in again.into_iter().chain(damaged_in_transit) {
        let outcome = put_to(status, code).await;
        assert!(matches!(outcome, Outcome::Again(_)), "{status} {code}: {outcome:?}");
    }
    for (status, code) in [(400, "InvalidArgument"), (403, "AccessDenied"), (404, "NoSuchBucket"), (405, "")] {
        let outcome = put_to(status, code).await;
        assert!(matches!(outcome, Outcome::Never(_)), "{status} {code}: {outcome:?}");
    }
    let outcome = put_to(412, "PreconditionFailed").await;
    assert!(matches!(outcome, Outcome::Done(Stored::Before)), "{outcome:?}");
}

async fn put_to(status: u16, code: &str) -> Outcome<Stored, PutError> {
    let (_, endpoint) = answering(status, code).await;
    client(&endpoint, "secret", TIMEOUT).put(&object("a", b"x")).await
}

#[tokio::test]
async fn a_put_is_conditional_and_has_a_checksum() {
    let (headers, endpoint) = answering(200, "").await;
    client(&endpoint, "secret", TIMEOUT).put(&object("a", b"123456789")).await;
    let headers = headers.lock().unwrap();
    for (name, value) in [
        ("if-none-match", "*"),
        ("x-amz-meta-records", "2"),
        ("x-amz-checksum-crc32", "y/Q5Jg=="),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("content-length", "9"),
    ] {
        assert_eq!(headers.get(name).map(|value| value.to_str().unwrap()), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_missing_or_silent_server_is_a_transient_error() {
    let nowhere = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", nowhere.local_addr().unwrap());
    let silent = client(&endpoint, "secret", Duration::from_millis(100)).put(&object("a", b"")).await;
    assert!(matches!(silent, Outcome::Again(_)), "{silent:?}");
    drop(nowhere);
    let gone = client(&endpoint, "secret", TIMEOUT).put(&object("a", b"")).await;
    assert!(matches!(&gone, Outcome::Again(error) if error.0.contains("refused")), "{gone:?}");
}
