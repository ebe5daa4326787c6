//! A message that kills deliver is dead-lettered alone.
//!
//! The real function runs as a process between the local SQS and a proxy in front of the local S3. The proxy kills the
//! process whenever it stores a certain record, as a lack of memory or time would.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use spillway_local::data_folder::DataFolder;
use spillway_local::environment::FUNCTION;
use spillway_local::event_source::{EventSource, EventSourceSettings};
use spillway_local::faults::Faults;
use spillway_local::loopback::Server;
use spillway_local::runtime::{Function, FunctionSettings};
use spillway_local::s3::{Bucket, BucketSettings};
use spillway_local::sqs::{MAX_MESSAGE_BYTES, Queue, QueueSettings};
use spillway_shared::hour::Hour;
use spillway_shared::message::{Encoding, Header, Kind, MessageId, seal};
use spillway_shared::stream::StreamName;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

/// The receives of a message before it is dead-lettered: 14 of them as a suspect, so that one of 5 neighbours is
/// dead-lettered in 1 of 3,000 runs.
const MAX_RECEIVES: u32 = 18;
/// The receives after which a message becomes a suspect.
const RECEIVES_BEFORE: u32 = 4;
const POISON: &str = "poison";
const CREDENTIAL: &str = "local";

/// The function that stores the poison, and the number of kills.
#[derive(Default)]
struct Victim {
    function: OnceLock<Function>,
    kills: AtomicU32,
}

impl Victim {
    fn kill(&self) {
        for pid in self.function.get().unwrap().pids() {
            let status = Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).status().unwrap();
            assert!(status.success());
        }
        self.kills.fetch_add(1, Ordering::SeqCst);
    }

    fn kills(&self) -> u32 {
        self.kills.load(Ordering::SeqCst)
    }
}

fn record(name: &str) -> String {
    format!("{{\"id\":\"{name}\",\"stream\":\"clicks\",\"payload\":{{}}}}")
}

/// A message of one record, as ingest packs it.
fn message(number: u128, name: &str) -> String {
    let records = format!("{}\n", record(name));
    let header = Header {
        kind: Kind::Accepted,
        id: MessageId::new(number),
        stream: StreamName::parse("clicks").unwrap(),
        hour: Hour::parse("2026-11-21T18").unwrap(),
        records: 1,
        bytes: u32::try_from(records.len()).unwrap(),
        encoding: Encoding::None,
    };
    seal(&header, &records).unwrap()
}

async fn send(queue: &Queue, bodies: impl Iterator<Item = String>) {
    for body in bodies {
        queue.client().send_message().queue_url(&queue.url).message_body(body).send().await.unwrap();
    }
}

/// Receives all messages without handling them, as during an outage, until each is nearly a suspect.
async fn age(queue: &Queue, messages: usize) {
    let mut receives = BTreeMap::<String, u32>::new();
    while receives.len() < messages || receives.values().any(|count| *count < RECEIVES_BEFORE) {
        let call = queue.client().receive_message().queue_url(&queue.url).visibility_timeout(0);
        let output = call.max_number_of_messages(10).send().await.unwrap();
        for message in output.messages() {
            *receives.entry(message.message_id().unwrap().to_owned()).or_default() += 1;
        }
    }
}

/// A proxy to S3 that kills the sender of the poison instead of answering.
async fn proxy(to: &Bucket, victim: Arc<Victim>) -> Server {
    let bucket: SocketAddr = to.endpoint.strip_prefix("http://").unwrap().parse().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let service = service_fn(move |request: Request<Incoming>| {
        let victim = Arc::clone(&victim);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            if body.windows(POISON.len()).any(|part| part == POISON.as_bytes()) {
                victim.kill();
                return std::future::pending().await;
            }
            Ok::<_, Infallible>(forward(bucket, Request::from_parts(parts, Full::new(body))).await)
        }
    });
    Server::start(listener, service).unwrap()
}

async fn forward(to: SocketAddr, request: Request<Full<Bytes>>) -> Response<Incoming> {
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}

async fn deliver(queue: &Queue, s3: SocketAddr) -> Function {
    let variables = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", CREDENTIAL),
        ("AWS_SECRET_ACCESS_KEY", CREDENTIAL),
        ("AWS_LAMBDA_LOG_LEVEL", "ERROR"),
        ("AWS_ENDPOINT_URL_SQS", &queue.endpoint),
        ("AWS_ENDPOINT_URL_S3", &format!("http://{s3}")),
        ("QUEUE_URL", &queue.url),
        ("BUCKET", "spillway"),
        // Uncompressed, so that the proxy can search objects.
        ("COMPRESSION", "none"),
    ];
    let settings = FunctionSettings {
        args: vec![FUNCTION.to_owned(), "deliver".to_owned()],
        variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        timeout: Duration::from_secs(10),
        ..FunctionSettings::new("deliver", env!("CARGO_BIN_EXE_spillway"))
    };
    Function::start(settings).await.unwrap()
}

async fn queue() -> Queue {
    let settings = QueueSettings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: None,
        name: "spillway".to_owned(),
        region: "us-east-1".to_owned(),
        visibility_timeout: Duration::from_secs(1),
        max_receive_count: MAX_RECEIVES,
        max_message_bytes: MAX_MESSAGE_BYTES,
        accepted: None,
        faults: Faults::default(),
    };
    Queue::start(settings).await.unwrap()
}

async fn bucket(data: &Path) -> Bucket {
    let settings = BucketSettings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data: DataFolder::new(data),
        name: "spillway".to_owned(),
        access_key: CREDENTIAL.to_owned(),
        secret_key: CREDENTIAL.to_owned(),
        faults: Faults::default(),
    };
    Bucket::start(settings).await.unwrap()
}

/// The records of all objects, in order.
fn stored(bucket: &Bucket) -> Vec<String> {
    let texts = bucket.objects().unwrap().into_iter().map(|object| std::fs::read_to_string(object.path).unwrap());
    let mut records: Vec<_> = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    records.sort_unstable();
    records
}

async fn until(what: &str, patience: Duration, mut condition: impl AsyncFnMut() -> bool) {
    let waited = timeout(patience, async {
        while !condition().await {
            sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "timed out: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_message_that_kills_the_process_is_dead_lettered() {
    let data = tempfile::tempdir().unwrap();
    let (queue, bucket) = (queue().await, bucket(data.path()).await);
    let names: Vec<_> = (0..5).map(|number| format!("neighbour-{number}")).collect();
    let poison = message(100, POISON);
    send(&queue, names.iter().zip(1..).map(|(name, number)| message(number, name)).chain([poison.clone()])).await;
    age(&queue, names.len() + 1).await;

    let victim = Arc::new(Victim::default());
    let proxy = proxy(&bucket, Arc::clone(&victim)).await;
    let function = deliver(&queue, proxy.address()).await;
    let _ = victim.function.set(function.clone());
    let settings = EventSourceSettings {
        window: Duration::from_millis(100),
        poll_wait: Duration::from_secs(1),
        ..EventSourceSettings::new(queue.client(), &queue.url, &queue.arn)
    };
    let started = Instant::now();
    let _source = EventSource::start(settings, Arc::new(function.clone()));

    until("the process is killed", Duration::from_secs(10), async || victim.kills() > 0).await;
    let newcomers: Vec<_> = (0..3).map(|number| format!("newcomer-{number}")).collect();
    send(&queue, newcomers.iter().zip(50..).map(|(name, number)| message(number, name))).await;
    let is_over = async || {
        let counts = queue.counts().await.unwrap();
        (counts.queued, counts.in_flight, counts.dead_lettered) == (0, 0, 1)
    };
    until("all messages are stored or dead-lettered", Duration::from_mins(1), is_over).await;

    let mut dead = Vec::new();
    queue.each_dead_letter(|body| dead.push(body.to_owned()));
    assert_eq!(dead, [poison]);
    // A single suspect always makes the same object, so it is stored once despite interruptions.
    let expected: Vec<_> = names.iter().chain(&newcomers).map(|name| record(name)).collect();
    assert_eq!(stored(&bucket), expected, "after {} kills in {:?}", victim.kills(), started.elapsed());
    assert!(victim.kills() >= 10, "{}", victim.kills());
    function.stop().await;
}
