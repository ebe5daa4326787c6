//! The function as Lambda runs it: its own process, the Runtime API on one side and a whole S3 on the other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::future::pending;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long the function may take for all that is asked of it here.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process that does not outlive its test.
struct Function(Child);

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves HTTP on a free port of loopback until the test ends, and says where.
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
    address.to_string()
}

/// The Runtime API: hands out these events, one after the other, and passes on what each was answered: path and body.
async fn runtime_api(events: Vec<Value>) -> (String, mpsc::UnboundedReceiver<(String, Value)>) {
    let (answers, answered) = mpsc::unbounded_channel();
    let events = Arc::new(Mutex::new(events.into_iter()));
    let service = service_fn(move |request: Request<Incoming>| {
        let (events, answers) = (Arc::clone(&events), answers.clone());
        async move {
            if request.method() == Method::GET {
                return Ok::<_, Infallible>(invocation(events.lock().await.next()).await);
            }
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            answers.send((path, serde_json::from_slice(&body).unwrap())).unwrap();
            Ok(Response::builder().status(202).body(Full::default()).unwrap())
        }
    });
    (serve(service).await, answered)
}

/// The answer to `/next`, which waits for ever when there is nothing more to do.
async fn invocation(event: Option<Value>) -> Response<Full<Bytes>> {
    let Some(event) = event else { return pending().await };
    let deadline = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + PATIENCE;
    Response::builder()
        .header("lambda-runtime-aws-request-id", "1")
        .header("lambda-runtime-deadline-ms", deadline.as_millis().to_string())
        .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:1:function:deliver")
        .body(event.to_string().into())
        .unwrap()
}

fn start(runtime_api: &str, s3: &str) -> Function {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deliver"));
    command.env_clear().stdout(Stdio::null()).stderr(Stdio::null());
    command.env("AWS_LAMBDA_RUNTIME_API", runtime_api).env("AWS_ENDPOINT_URL_S3", format!("http://{s3}"));
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", "deliver"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("BUCKET", "bucket"),
        ("QUEUE_URL", "http://127.0.0.1:9/queue"),
        ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9"),
        ("COMPRESSION", "none"),
    ] {
        command.env(name, value);
    }
    Function(command.spawn().unwrap())
}

const RECORD: &str = "{\"id\":\"x-0\",\"stream\":\"clicks\",\"payload\":{\"n\":1}}\n";

/// A message of one record, as the event source passes it.
fn message(sqs_id: &str, version: u32) -> Value {
    let bytes = RECORD.len();
    let body = format!(
        "{{\"v\":{version},\"id\":\"00000000000000000000000000000007\",\"stream\":\"clicks\",\
         \"hour\":\"2026-11-21T18\",\"records\":1,\"bytes\":{bytes},\"encoding\":\"none\"}}\n{RECORD}"
    );
    json!({
        "messageId": sqs_id, "receiptHandle": "AQEB", "body": body, "md5OfBody": "x", "messageAttributes": {},
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795286340123", "SenderId": "AIDA"},
        "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:1:q", "awsRegion": "eu-central-1",
    })
}

#[tokio::test]
async fn a_batch_goes_in_by_the_runtime_api_and_comes_out_in_s3() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("bucket")).unwrap();
    let mut s3 = S3ServiceBuilder::new(FileSystem::new(root.path()).unwrap());
    s3.set_auth(SimpleAuth::from_single("key", "secret"));
    let s3 = serve(s3.build()).await;
    let events = vec![
        json!({"Records": [message("a", 1), message("b", 3)]}),
        json!({"Records": [message("a", 1)]}),
        json!({"Records": [message("b", 3)]}),
        json!({"nothing": "of the kind"}),
    ];
    let (runtime_api, mut answered) = runtime_api(events).await;
    let _function = start(&runtime_api, &s3);

    let mut next = async || timeout(PATIENCE, answered.recv()).await.unwrap().unwrap();
    assert_eq!(next().await.1, json!({"batchItemFailures": [{"itemIdentifier": "b"}]}));
    assert_eq!(next().await.1, json!({"batchItemFailures": []}));
    let (path, failure) = next().await;
    assert!(path.ends_with("/error"), "{path}: {failure}");
    assert_eq!(failure["errorMessage"], "all 1 messages of the batch failed");
    assert!(next().await.0.ends_with("/error"));

    let folder = root.path().join("bucket/records/stream=clicks/dt=2026-11-21/hour=18");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(std::fs::read_to_string(&files[0]).unwrap(), RECORD);
}
