//! Instructions that the functions execute for one unit of work, counted by Callgrind (`.ci/instructions`).
//!
//! Counts repeat on any machine of one architecture, unlike times. Runtime API, SQS and S3 are not part of them: both
//! functions run with doubles that accept everything immediately. The committed counts are in `bench/instructions.json`.

#![allow(missing_docs, reason = "the macros of the harness generate items without docs")]

use std::time::Duration;

use ::bench::doubles::{Accepts, deliver};
use ::bench::messages;
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use gungraun::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use lambda_http::http::Method;
use lambda_http::{Body, Request, RequestExt as _, Response};
use spillway_deliver::batch::Deliver;
use spillway_ingest::group_commit::GroupCommit;
use spillway_ingest::metrics::Metrics;
use spillway_ingest::request::Ingest;
use spillway_local::sample;
use spillway_shared::keys::digest;
use spillway_shared::metrics::emf::Sink;
use spillway_shared::pool::{Budget, Pool};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

/// A stream without rules, `clicks`, and one with a schema like a storefront's, `telemetry`.
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/config");

struct Document {
    runtime: Runtime,
    ingest: Ingest<Accepts>,
    request: Request,
}

struct Batch {
    runtime: Runtime,
    deliver: Deliver<Accepts, Accepts>,
    messages: Vec<SqsMessage>,
}

fn document_of(payloads: usize, stream: &str) -> Document {
    let document = Document { runtime: runtime(), ingest: ingest(), request: request(payloads, stream) };
    // The first request creates state that the process keeps: compression contexts, lazily compiled patterns.
    let warm_up = document.runtime.block_on(document.ingest.handle(request(payloads, stream)));
    assert_eq!(warm_up.status(), 200);
    document
}

fn batch_of(documents: u64) -> Batch {
    let batch = Batch {
        runtime: runtime(),
        deliver: deliver("zstd").expect("the configuration is valid"),
        messages: messages(documents),
    };
    let warm_up = batch.runtime.block_on(batch.deliver.batch(&batch.messages, deadline()));
    assert!(warm_up.is_ok_and(|answer| answer.batch_item_failures.is_empty()));
    batch
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime can be built")
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn ingest() -> Ingest<Accepts> {
    let config = spillway_ingest::config::Config::read(&|name| match name {
        "QUEUE_URL" => Some("http://127.0.0.1/queue".to_owned()),
        "WRITE_KEYS" => Some(format!("all={}", digest(b"key"))),
        "CONFIG_DIR" => Some(CONFIG.to_owned()),
        _ => None,
    });
    let config = config.expect("the configuration is valid");
    Ingest {
        intake: config.intake,
        budget: Budget::new(config.inflight_bytes),
        group_commit: GroupCommit::new(Accepts, Pool::new(config.workers), config.limits),
        metrics: Metrics::new(Sink::none()),
    }
}

fn request(payloads: usize, stream: &str) -> Request {
    let mut request = Request::new(sample::document(1, payloads).into());
    *request.method_mut() = Method::POST;
    request.headers_mut().insert("x-write-key", "key".parse().expect("a valid header value"));
    request.with_raw_http_path(format!("/v1/streams/{stream}"))
}

/// Messages as group commit packs them when eight documents share a call.
fn messages(documents: u64) -> Vec<SqsMessage> {
    let event = messages::event(&messages::packed(documents, 10, 8));
    serde_json::from_slice::<SqsEvent>(&event).expect("a valid event").records
}

#[library_benchmark]
#[bench::of_10(document_of(10, "clicks"))]
#[bench::of_100(document_of(100, "clicks"))]
#[bench::of_10_with_schema(document_of(10, "telemetry"))]
fn document(Document { runtime, ingest, request }: Document) -> (Response<Body>, Ingest<Accepts>, Runtime) {
    // Returned, so that dropping the function is not counted: it lives as long as its process.
    (runtime.block_on(ingest.handle(request)), ingest, runtime)
}

#[library_benchmark]
#[bench::of_400_documents(batch_of(400))]
fn batch(Batch { runtime, deliver, messages }: Batch) -> (bool, Deliver<Accepts, Accepts>, Runtime) {
    (runtime.block_on(deliver.batch(&messages, deadline())).is_ok(), deliver, runtime)
}

library_benchmark_group!(name = functions, benchmarks = [document, batch]);

main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = functions
);
