//! The other, where none is named: the pool of workers as the article of 2015 has it, on the same S3 and the same SDK.
//!
//! A request is answered as soon as its payloads wait in a bounded queue, in memory; workers take them from there, each PUTs
//! one object a payload, once. What is in memory is lost with the process, and what S3 refuses is lost as well.
//! (M. Castilho, "Handling 1 Million Requests per Minute with Go", 2015; written anew here, not in Go.)

use std::convert::Infallible;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
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
use spillway_deliver::store::{Bucket as Named, Object, ObjectStore as _, S3};
use spillway_local::bucket::{Bucket, BucketSettings};
use spillway_local::environment::exit_when_stdin_closes;
use spillway_local::faults::Faults;
use spillway_local::loopback::Server;
use spillway_shared::retry::Outcome;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use uuid::Uuid;

use super::Side;
use crate::load::Target;

/// The first argument that makes this program such a pool; where its S3 is follows.
const ARTICLE: &str = "article";
/// Its `MAX_WORKERS` and `MAX_QUEUE`: enough that it is the machine that bounds it.
const WORKERS: usize = 64;
const QUEUE: usize = 1_000;
/// How long a PUT may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
const BUCKET: &str = "article";
const REGION: &str = "us-east-1";
const CREDENTIAL: &str = "local";

/// A pool in a process of its own, and the S3 that it stores to. It ends with this.
pub(super) struct Article {
    child: Child,
    address: SocketAddr,
    bucket: Bucket,
    data: PathBuf,
}

impl Article {
    /// Starts both; objects lie under `data`, which is removed at the end.
    pub(super) async fn start(data: &Path) -> anyhow::Result<Self> {
        let bucket = Bucket::start(BucketSettings {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            data: data.to_owned(),
            name: BUCKET.to_owned(),
            access_key: CREDENTIAL.to_owned(),
            secret_key: CREDENTIAL.to_owned(),
            faults: Faults::default(),
        })
        .await?;
        let mut child = Command::new(std::env::current_exe()?)
            .args([ARTICLE, &bucket.endpoint])
            .env("AWS_ACCESS_KEY_ID", CREDENTIAL)
            .env("AWS_SECRET_ACCESS_KEY", CREDENTIAL)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("its standard output")?;
        BufReader::new(stdout).read_line(&mut line).await?;
        let address = line.trim().parse().context("the address that it should print")?;
        Ok(Self { child, address, bucket, data: data.to_owned() })
    }

    pub(super) fn side(&self) -> Side {
        Side {
            name: "the article's pool",
            target: Target { address: self.address, path: "/".to_owned(), status: None },
            objects: self.bucket.root.clone(),
            pids: self.child.id().into_iter().collect(),
        }
    }

    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        drop(self.bucket);
        Ok(fs::remove_dir_all(self.data)?)
    }
}

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
    let bucket = Named { name: BUCKET.to_owned(), region: REGION.to_owned(), endpoint: Some(endpoint) };
    let store = S3::new(&bucket, CALL_TIMEOUT).await;
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
