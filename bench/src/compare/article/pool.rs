//! The inside of the article's pool: a bounded queue in memory, and workers that PUT what waits there.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::Service;
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

use super::{ARTICLE, BUCKET};

/// Its `MAX_WORKERS` and `MAX_QUEUE`: enough that it is the machine that bounds it.
const WORKERS: usize = 64;
const QUEUE: usize = 1_000;
/// How long a PUT may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs a pool and never returns, if this process was started as one.
pub(crate) fn become_article_if_asked() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(ARTICLE) {
        return Ok(());
    }
    exit_when_stdin_closes();
    let endpoint = arguments.next().context("where S3 is")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(endpoint))
}

async fn serve(endpoint: String) -> anyhow::Result<()> {
    let aws = Calls::once(CALL_TIMEOUT).load(Some(REGION), Some(&endpoint)).await;
    let store = S3::new(&aws, BUCKET);
    let (queue, jobs) = mpsc::channel(QUEUE);
    let jobs = Arc::new(Mutex::new(jobs));
    for _ in 0..WORKERS {
        tokio::spawn(work(store.clone(), Arc::clone(&jobs)));
    }
    let server = Server::start(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?, Handler(queue))?;
    println!("{}", server.address());
    std::future::pending().await
}

/// One worker: a payload, an object, one try.
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
            eprintln!("a payload is lost: S3 did not take it");
        }
    }
}

/// What takes requests.
#[derive(Clone)]
struct Handler(mpsc::Sender<String>);

impl Service<Request<Incoming>> for Handler {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let queue = self.0.clone();
        Box::pin(async move {
            let mut response = Response::new(Full::default());
            *response.status_mut() = match enqueue(request, &queue).await {
                Ok(()) => StatusCode::OK,
                Err(_) => StatusCode::BAD_REQUEST,
            };
            Ok(response)
        })
    }
}

async fn enqueue(request: Request<Incoming>, queue: &mpsc::Sender<String>) -> anyhow::Result<()> {
    let body = request.into_body().collect().await?.to_bytes();
    for payload in serde_json::from_slice::<Vec<&RawValue>>(&body)? {
        queue.send(payload.get().to_owned()).await?;
    }
    Ok(())
}
