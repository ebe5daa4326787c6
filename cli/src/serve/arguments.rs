//! The arguments of `spillway serve`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use http::HeaderValue;
use spillway_local::faults::{self, Fault, Kind, Plan};
use spillway_local::front::{self, Cors, Origin};
use spillway_local::pipeline::{ExternalSqs, QueueStorage, Settings};
use spillway_shared::keys::KeyFile;

use crate::arguments::Behind;

/// The arguments of `spillway serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address that accepts documents; port 0 picks a free one, here and below
    #[arg(long, default_value = "127.0.0.1:9000")]
    pub(crate) listen: SocketAddr,
    /// The address of the admin server: a page at `/`, `GET /status`, `GET` and `PUT /faults`, `GET /find`, `GET
    /// /openapi.json`
    #[arg(long, default_value = "127.0.0.1:9001")]
    pub(crate) admin: SocketAddr,
    #[command(flatten)]
    pub(crate) behind: Behind,
    /// Where the built-in queue stores its messages
    #[arg(long, default_value = "disk")]
    pub(crate) queue: Storage,
    /// Use an external SQS endpoint instead of the built-in one, with the AWS credentials of this environment
    #[arg(long, value_name = "URL", requires = "queue_url")]
    pub(crate) sqs_endpoint: Option<String>,
    /// The URL of the queue on the external SQS
    #[arg(long, value_name = "URL", requires = "sqs_endpoint")]
    pub(crate) queue_url: Option<String>,
    /// Use an external S3 endpoint instead of the built-in one; the bucket must exist there
    #[arg(long, value_name = "URL", requires = "bucket")]
    pub(crate) s3_endpoint: Option<String>,
    /// The maximum number of messages of a batch
    #[arg(long, default_value_t = 10_000)]
    pub(crate) batch_size: usize,
    /// The visibility timeout of the queue; at least 6 × deliver's timeout + the window
    #[arg(long, default_value = "35s", value_parser = humantime::parse_duration)]
    pub(crate) visibility_timeout: Duration,
    /// The number of receives after which a message is dead-lettered
    #[arg(long, default_value_t = 100)]
    pub(crate) max_receive_count: u32,
    /// The number of processes of ingest
    #[arg(long, default_value_t = 1)]
    pub(crate) ingest_environments: usize,
    /// The number of concurrent requests of each process of ingest
    #[arg(long, default_value_t = 64)]
    pub(crate) ingest_concurrency: usize,
    /// The timeout of ingest for a request
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) ingest_timeout: Duration,
    /// The number of processes of deliver
    #[arg(long, default_value_t = 2)]
    pub(crate) deliver_environments: usize,
    /// What accepts documents, as the template's `Front`
    #[arg(long, value_enum, default_value_t = Front::HttpApi)]
    pub(crate) front: Front,
    /// The secret whose digest keys.json has as `origin`, which the local CloudFront adds to each request
    #[arg(long, value_name = "SECRET", env = "ORIGIN_SECRET", hide_env_values = true, value_parser = secret)]
    pub(crate) origin_secret: Option<HeaderValue>,
    /// Origins whose pages may send documents, as the template's `CorsOrigins`: `https://shop.example,…` or `*`
    #[arg(long, value_name = "ORIGINS", value_delimiter = ',')]
    pub(crate) cors_origins: Vec<Origin>,
    /// The timeout of deliver for a batch
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
    pub(crate) deliver_timeout: Duration,
    /// How long after its end an hour is compacted into tables; only streams in CONFIG/tables/ have one
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration)]
    pub(crate) compact_after: Duration,
    /// The maximum duration of draining
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    pub(crate) drain_timeout: Duration,
    /// Inject a fault, as NAME=RATE or NAME=RATE:DURATION; repeatable
    #[arg(long = "fault", value_name = "FAULT", value_parser = faults::parse, long_help = long_help_of_fault())]
    pub(crate) faults: Vec<(Kind, Fault)>,
    /// The seed of the random sequences of faults
    #[arg(long, default_value_t = 1)]
    pub(crate) fault_seed: u64,
}

/// What accepts documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Front {
    /// An HTTP API
    HttpApi,
    /// A Function URL: paths arrive as they were sent
    FunctionUrl,
    /// CloudFront before a Function URL: adds the client's address and the secret
    Cloudfront,
}

/// The secret of an origin. The error does not repeat it.
fn secret(text: &str) -> Result<HeaderValue, &'static str> {
    HeaderValue::try_from(text).map_err(|_| "has characters that a header cannot have")
}

/// Where the built-in queue stores its messages.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Storage {
    /// In memory: messages and ledger end with the server. For measurements
    Memory,
    /// In the data folder: messages and ledger survive a restart, a crash and SIGKILL, but not a power loss
    Disk,
}

impl Serve {
    /// Refuses a front whose every request ingest would answer with 403.
    pub(crate) fn check_origin(&self) -> anyhow::Result<()> {
        let required = KeyFile::load(&self.behind.config).is_ok_and(|file| file.origin.are_required());
        let is_sent = self.front == Front::Cloudfront && self.origin_secret.is_some();
        anyhow::ensure!(
            !required || is_sent,
            "keys.json has `origin`, so ingest accepts only requests of CloudFront; \
             add --front cloudfront and --origin-secret, or remove `origin` from a copy of the folder (--config)"
        );
        Ok(())
    }

    /// The pipeline's settings.
    pub(crate) fn settings(self) -> io::Result<Settings> {
        Ok(Settings {
            sqs: self.sqs_endpoint.zip(self.queue_url).map(|(endpoint, queue_url)| ExternalSqs { endpoint, queue_url }),
            queue: self.queue.into(),
            s3_endpoint: self.s3_endpoint,
            front: match self.front {
                Front::HttpApi => front::Kind::HttpApi,
                Front::FunctionUrl => front::Kind::FunctionUrl,
                Front::Cloudfront => front::Kind::CloudFront(self.origin_secret),
            },
            listen: self.listen,
            batch_size: self.batch_size,
            visibility_timeout: self.visibility_timeout,
            max_receive_count: self.max_receive_count,
            ingest_environments: self.ingest_environments,
            ingest_concurrency: self.ingest_concurrency,
            ingest_timeout: self.ingest_timeout,
            deliver_environments: self.deliver_environments,
            deliver_timeout: self.deliver_timeout,
            compact_after: Some(self.compact_after),
            drain_timeout: self.drain_timeout,
            cors: Cors(self.cors_origins),
            faults: Plan::new(self.fault_seed, self.faults),
            ..self.behind.settings()?
        })
    }
}

impl From<Storage> for QueueStorage {
    fn from(storage: Storage) -> Self {
        match storage {
            Storage::Memory => Self::Memory,
            Storage::Disk => Self::Disk,
        }
    }
}

fn long_help_of_fault() -> String {
    let head = "Inject a fault, as NAME=RATE or NAME=RATE:DURATION, such as s3.stall=0.01:3s; repeatable. PUT /faults on the \
                admin address replaces all faults. A rate is a probability from 0 to 1; for processes it is a number \
                per second:\n";
    let line = |kind: Kind| format!("\n{:<18}{}", kind.name(), kind.description());
    head.to_owned() + &Kind::ALL.map(line).concat()
}
