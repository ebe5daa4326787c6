//! The inside of the article's pool: a bounded queue in memory, and workers that PUT its payloads.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use serde_json::value::RawValue;
use spillway_aws::Calls;
use spillway_deliver::s3::{Object, ObjectStore as _, S3};
use spillway_local::account::REGION;
use spillway_local::environment::exit_when_stdin_closes;
use spillway_local::loopback::Server;
use spillway_shared::retry::Outcome;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use uuid::Uuid;

use super::BUCKET;

/// Its `MAX_WORKERS` and `MAX_QUEUE`: so high that the machine is the limit.
const WORKERS: usize = 64;
const QUEUE: usize = 1_000;
/// The timeout of a PUT.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs a worker pool in this process until it is stopped, with the S3 at `endpoint`.
pub(crate) fn run(endpoint: String) -> anyhow::Result<()> {
    exit_when_stdin_closes();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(endpoint))
}

async fn serve(endpoint: String) -> anyhow::Result<()> {
    let aws = Calls::once(CALL_TIMEOUT).load(Some(REGION), Some(&endpoint)).await;
    let store = S3::new(&aws, BUCKET);
    let (queue, jobs) = mpsc::channel(QUEUE);
    let jobs = Arc::new(Mutex::new(jobs));
    for _ in 0..WORKERS {
        tokio::spawn(work(store.clone(), Arc::clone(&jobs)));
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let server = Server::start(listener, service_fn(move |request| answer(queue.clone(), request)))?;
    println!("{}", server.address());
    std::future::pending().await
}

/// One worker: one object per payload, with one attempt.
async fn work(store: S3, jobs: Arc<Mutex<mpsc::Receiver<String>>>) {
    loop {
        let Some(payload) = jobs.lock().await.recv().await else { return };
        let object = Object {
            key: format!("payloads/{}.json", Uuid::new_v4()),
            body: payload.into(),
            content_type: "application/json",
            records: None,
        };
        if !matches!(store.put(&object).await, Outcome::Done(_)) {
            eprintln!("a payload is lost, because S3 did not store it");
        }
    }
}

/// Answers 200 when all payloads of a document are in the queue, otherwise 400.
async fn answer(queue: mpsc::Sender<String>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    if enqueue(request, &queue).await.is_err() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

async fn enqueue(request: Request<Incoming>, queue: &mpsc::Sender<String>) -> anyhow::Result<()> {
    let body = request.into_body().collect().await?.to_bytes();
    for payload in serde_json::from_slice::<Vec<&RawValue>>(&body)? {
        queue.send(payload.get().to_owned()).await?;
    }
    Ok(())
}
