//! What one document costs in ingest, from the request to the call that carries it alone: time and allocations.
//!
//! Runtime API and SQS are not in it. Allocations are counted by divan's profiler; their number should not grow with the
//! number of payloads but for the vectors that hold them.

use std::time::Duration;

use divan::{AllocProfiler, Bencher};
use lambda_http::{Request, RequestExt};
use spillway_ingest::config::Config;
use spillway_ingest::metrics::Metrics;
use spillway_ingest::queue::{CallFailed, Outgoing, Queue, Receipt, SendMessages};
use spillway_ingest::request::Ingest;
use spillway_shared::keys::digest;
use spillway_shared::metrics::emf::Sink;
use spillway_shared::pool::{Budget, Pool};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// SQS that has everything at once.
struct Durable;

impl SendMessages for Durable {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Receipt>, CallFailed> {
        Ok(vec![Receipt::Durable; messages.len()])
    }
}

fn ingest() -> Ingest<Durable> {
    let folder = tempfile::tempdir().expect("there is a folder for it");
    std::fs::create_dir(folder.path().join("streams")).expect("the folder is new");
    std::fs::write(folder.path().join("streams/clicks.json"), "{}").expect("the folder can be written");
    let lookup = |name: &str| match name {
        "QUEUE_URL" => Some("http://127.0.0.1/queue".to_owned()),
        "WRITE_KEYS" => Some(format!("all={}", digest(b"key"))),
        "CONFIG_DIR" => Some(folder.path().display().to_string()),
        _ => None,
    };
    let config = Config::read(&lookup).expect("the configuration is good");
    Ingest {
        intake: config.intake,
        budget: Budget::new(config.inflight_bytes),
        queue: Queue::new(Durable, Pool::new(config.workers), config.limits),
        metrics: Metrics::new(Sink::none()),
    }
}

/// A document of payloads of 490 bytes.
fn request(payloads: usize) -> Request {
    let payload = format!(r#"{{"event":"product_viewed","v":3,"note":"{}"}}"#, "n".repeat(446));
    let mut request = Request::new(format!("[{}]", vec![payload; payloads].join(",")).into());
    *request.method_mut() = lambda_http::http::Method::POST;
    request.headers_mut().insert("x-write-key", "key".parse().expect("it is a header's value"));
    request.with_raw_http_path("/v1/streams/clicks")
}

#[divan::bench(args = [1, 10, 100, 1_000], max_time = Duration::from_secs(2))]
fn document(bencher: Bencher, payloads: usize) {
    let (runtime, ingest) = (tokio::runtime::Builder::new_current_thread().enable_time().build(), ingest());
    let runtime = runtime.expect("a runtime can be built");
    bencher.with_inputs(|| request(payloads)).bench_local_values(|request| {
        let answer = runtime.block_on(ingest.handle(request));
        assert_eq!(answer.status(), 200);
        answer
    });
}
