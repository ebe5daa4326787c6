//! `spillway smoke` against a local pipeline: every check is ok, and it fails if something is missing or altered.

use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use spillway_local::data_folder::DataFolder;
use spillway_local::faults::Faults;
use spillway_local::s3::{Bucket, BucketSettings};
use spillway_local::sqs::{Queue, QueueSettings};

use crate::end_to_end::command::{CONFIG, Server, text};
use crate::support::harness::Run;

/// The exit code and the output of `spillway smoke`.
struct Smoked {
    code: Option<i32>,
    printed: String,
}

impl Smoked {
    /// The line of a check.
    fn line(&self, check: &str) -> &str {
        self.printed.lines().find(|line| line.starts_with(check)).unwrap_or_else(|| panic!("{}", self.printed))
    }

    fn assert_is_good(&self) {
        assert_eq!(self.code, Some(0), "{}", self.printed);
        assert!(self.printed.contains(" 0 FAILED, 0 skipped"), "{}", self.printed);
    }
}

/// A pipeline with the repository's file of the stream.
async fn start(variables: &[(&str, &str)]) -> Run {
    let streams = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/streams");
    Run::start(|settings| {
        fs::copy(streams.join("smoke.json"), settings.config.join("streams/smoke.json")).unwrap();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        settings.variables.extend(variables);
    })
    .await
}

/// The command for the address of documents, the endpoint of S3 and a bucket.
fn smoke_at(url: &str, s3: &str, bucket: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    command.args(["smoke", "--url", url, "--s3-endpoint", s3, "--bucket", bucket]);
    command
}

fn smoke(run: &Run) -> Command {
    smoke_at(&url(run.pipeline.address()), &run.pipeline.bucket().endpoint, "spillway")
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// Runs blocking work in another thread, because servers run in this one.
async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || sender.send(work()).ok());
    receiver.await.unwrap()
}

async fn output(mut command: Command) -> Smoked {
    let Output { status, stdout, stderr } = in_thread(move || command.output()).await.unwrap();
    Smoked { code: status.code(), printed: text(&stdout) + &text(&stderr) }
}

#[tokio::test]
async fn every_check_is_ok_on_a_local_pipeline() {
    let run = start(&[]).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    command.args(["smoke", "--url", &url(run.pipeline.address()), "--bucket", "spillway"]);
    command.env("AWS_ENDPOINT_URL_S3", &run.pipeline.bucket().endpoint);
    let smoked = output(command).await;
    smoked.assert_is_good();
    assert!(smoked.printed.lines().nth(1).unwrap().starts_with("JSON, Content-Encoding: gzip "), "the open question");
    assert!(smoked.line("stored: an object of several zstd frames").contains(" frames  "), "{}", smoked.printed);
    run.end().await;
}

#[tokio::test]
async fn a_missing_stream_fails() {
    let run = Run::start(|_| {}).await;
    let smoked = output(smoke(&run)).await;
    assert_eq!(smoked.code, Some(1), "{}", smoked.printed);
    let line = smoked.line("array ");
    assert!(line.contains("403 forbidden") && line.ends_with("  FAILED"), "{line}");
    assert!(smoked.line("stored: array ").ends_with("  skipped"), "{}", smoked.printed);
    run.end().await;
}

#[tokio::test]
async fn another_bucket_fails() {
    let run = start(&[]).await;
    let smoked = output(smoke_at(&url(run.pipeline.address()), &run.pipeline.bucket().endpoint, "another")).await;
    assert_eq!(smoked.code, Some(1), "{}", smoked.printed);
    assert!(smoked.line("array ").ends_with("  ok"), "{}", smoked.printed);
    let stored = smoked.line("stored: array ");
    assert!(stored.contains("2 payloads missing: the bucket cannot be listed"), "{}", smoked.printed);
    assert!(smoked.line("stored: payloads of refused").ends_with("  skipped"), "{}", smoked.printed);
    run.end().await;
}

#[tokio::test]
async fn a_payload_that_was_altered_on_its_way_fails() {
    let run = start(&[]).await;
    let proxy = altering_proxy(run.pipeline.address());
    let smoked = output(smoke_at(&url(proxy), &run.pipeline.bucket().endpoint, "spillway")).await;
    assert_eq!(smoked.code, Some(1), "{}", smoked.printed);
    assert!(smoked.line("single object ").ends_with("  ok"), "the pipeline accepts it: {}", smoked.printed);
    assert!(smoked.line("stored: single object ").contains("the payload differs from byte"), "{}", smoked.printed);
    assert!(smoked.line("stored: JSON, Content-Encoding: gzip ").ends_with("  ok"), "compressed: {}", smoked.printed);
    run.end().await;
}

#[tokio::test]
async fn athena_counts_every_record_id() {
    let run = start(&[("COMPRESSION", "none")]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = with_fake_aws(folder.path(), &run.folder.path().join("data/spillway/records"));
    let mut command = smoke(&run);
    command.args(["--athena", "spillway.lines"]).env("PATH", path);
    let smoked = output(command).await;
    smoked.assert_is_good();
    let line = smoked.line("count through Athena");
    assert!(line.contains(" record ids ") && line.ends_with("  ok"), "{line}");
    let query = fs::read_to_string(folder.path().join("query")).unwrap();
    assert!(query.contains("--work-group spillway --query-execution-context Database=spillway"), "{query}");
    assert!(query.contains("FROM lines WHERE stream = 'smoke' AND dt BETWEEN '20"), "{query}");
    run.end().await;
}

/// The commands of docs/develop.md, "External SQS and S3".
#[tokio::test]
async fn every_check_is_ok_with_an_external_queue_and_bucket() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (queue, bucket) = (external_queue().await, external_bucket(folder.path()).await);
    let sqs = ["--sqs-endpoint", &queue.endpoint, "--queue-url", &queue.url];
    let s3 = ["--s3-endpoint", &bucket.endpoint, "--bucket", "outside"];
    let credentials = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name, "local"));
    let variables = [&credentials[..], &[("AWS_REGION", "us-east-1")]].concat();
    let (arguments, path) = ([sqs, s3].concat().join(" "), data.path().to_owned());
    let server = in_thread(move || {
        Server::start_in(Path::new(CONFIG), &variables, &arguments.split(' ').collect::<Vec<_>>(), &path)
    })
    .await;
    let line = server.banner.lines().find(|line| line.contains("accepts documents at")).unwrap();
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().replace("{stream}", "");
    output(smoke_at(&url, &bucket.endpoint, "outside")).await.assert_is_good();
    server.signal("-KILL");
    server.end();
}

async fn external_queue() -> Queue {
    let settings = QueueSettings {
        listen: free_port(),
        data: None,
        name: "outside".to_owned(),
        region: "us-east-1".to_owned(),
        visibility_timeout: Duration::from_mins(1),
        max_receive_count: 3,
        max_message_bytes: 256 << 10,
        accepted: None,
        faults: Faults::default(),
    };
    Queue::start(settings).await.unwrap()
}

async fn external_bucket(folder: &Path) -> Bucket {
    let settings = BucketSettings {
        listen: free_port(),
        data: DataFolder::new(folder),
        name: "outside".to_owned(),
        access_key: "local".to_owned(),
        secret_key: "local".to_owned(),
        faults: Faults::default(),
    };
    Bucket::start(settings).await.unwrap()
}

fn free_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A server that passes every connection on to `address`, and alters a number in the bodies of requests.
fn altering_proxy(address: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().map(Result::unwrap) {
            let server = TcpStream::connect(address).unwrap();
            let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || pass_on(client, server, altered));
            std::thread::spawn(move || pass_on(from_server, to_client, |_| {}));
        }
    });
    proxy
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, change: fn(&mut [u8])) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        change(&mut buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // The other direction may have closed it already.
    let _ = to.shutdown(Shutdown::Write);
}

fn altered(bytes: &mut [u8]) {
    const BEFORE: &[u8] = b"\"float\":1.0";
    for at in 0..bytes.len().saturating_sub(BEFORE.len()) {
        if bytes[at..].starts_with(BEFORE) {
            bytes[at + BEFORE.len() - 1] = b'1';
        }
    }
}

/// A folder with a program `aws` that counts ids in files as the query does in Athena. Returns the new `PATH`.
fn with_fake_aws(folder: &Path, records: &Path) -> OsString {
    const SCRIPT: &str = r#"#!/bin/sh
case "$2" in
start-query-execution)
  echo "$*" >FOLDER/query
  echo '{"QueryExecutionId":"q"}'
  ;;
get-query-execution) echo '{"QueryExecution":{"Status":{"State":"SUCCEEDED"}}}' ;;
get-query-results)
  marker=$(grep -o '"run":"[0-9a-f]*"' FOLDER/query)
  count=$(grep -rhF "$marker" RECORDS/stream=smoke | cut -d, -f1 | sort -u | wc -l)
  printf '{"ResultSet":{"Rows":[{"Data":[{"VarCharValue":"ids"}]},{"Data":[{"VarCharValue":"%s"}]}]}}' $count
  ;;
esac
"#;
    let script = SCRIPT.replace("FOLDER", folder.to_str().unwrap()).replace("RECORDS", records.to_str().unwrap());
    let program = folder.join("aws");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    std::env::join_paths([folder.to_owned()].into_iter().chain(std::env::split_paths(&path))).unwrap()
}
