//! The settings of a local pipeline.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use spillway_shared::config::Number;

use super::functions;
use crate::faults::Plan;
use crate::front::{self, ClientTimeouts, Cors};
use crate::sqs;

/// The settings of a local pipeline; [`Settings::new`] has a default for each but the program.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program that runs the functions: the `spillway` binary.
    pub program: PathBuf,
    /// What accepts documents.
    pub front: front::Kind,
    /// The address that accepts documents; port 0 picks a free one, here and below.
    pub listen: SocketAddr,
    /// The address of the built-in S3.
    pub s3_listen: SocketAddr,
    /// The address of the built-in SQS.
    pub sqs_listen: SocketAddr,
    /// The data folder: buckets, and the queue if it is on disk.
    pub data: PathBuf,
    /// Where the built-in queue stores its messages.
    pub queue: QueueStorage,
    /// The name of the bucket.
    pub bucket: String,
    /// The folder with `streams/` and `keys.json`.
    pub config: PathBuf,
    /// Write keys in addition to those in `keys.json`.
    pub write_keys: Vec<String>,
    /// The batching window of the event source.
    pub window: Duration,
    /// The maximum number of messages of a batch.
    pub batch_size: usize,
    /// The visibility timeout of the queue.
    pub visibility_timeout: Duration,
    /// The number of receives after which a message is dead-lettered.
    pub max_receive_count: u32,
    /// The number of processes of ingest.
    pub ingest_environments: usize,
    /// The number of concurrent requests of each process of ingest.
    pub ingest_concurrency: usize,
    /// The timeout of ingest for a request.
    pub ingest_timeout: Duration,
    /// The number of processes of deliver.
    pub deliver_environments: usize,
    /// The timeout of deliver for a batch.
    pub deliver_timeout: Duration,
    /// The time that forward has besides all POSTs of a batch, for reading and settling.
    pub forward_time: Duration,
    /// The time that the front waits for a response of ingest.
    pub front_timeout: Duration,
    /// The time that clients have to send requests.
    pub client_timeouts: ClientTimeouts,
    /// The origins whose pages may send documents, as the template's `CorsOrigins`; none disables CORS.
    pub cors: Cors,
    /// How long after its end an hour is compacted; without it, or without lock files of tables, nothing is.
    pub compact_after: Option<Duration>,
    /// Whether draining ends with the compaction of the hours of this run.
    pub compact_at_end: bool,
    /// The timeout of compact for an hour.
    pub compact_timeout: Duration,
    /// The maximum duration of draining.
    pub drain_timeout: Duration,
    /// An external SQS instead of the built-in one.
    pub sqs: Option<ExternalSqs>,
    /// The endpoint of an external S3 instead of the built-in one. The bucket must exist there.
    pub s3_endpoint: Option<String>,
    /// The initial plan of injected faults; [`super::Pipeline::faults`] can replace it.
    pub faults: Plan,
    /// The user's environment: functions get the variables that they read. `INGEST_` or `DELIVER_` before the name of a
    /// variable passes it to that function alone.
    pub variables: BTreeMap<String, String>,
}

/// Where the built-in queue stores its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueStorage {
    /// In memory: messages and ledger end with the process.
    Memory,
    /// In the data folder: messages and ledger survive the process, but not a power loss.
    Disk,
}

/// A queue on an external SQS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalSqs {
    /// The endpoint of SQS.
    pub endpoint: String,
    /// The URL of the queue.
    pub queue_url: String,
}

/// Why settings contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

impl Settings {
    /// The defaults of `spillway serve`, but on free ports and with the queue in memory.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            program: program.into(),
            front: front::Kind::HttpApi,
            listen: free,
            s3_listen: free,
            sqs_listen: free,
            data: "data".into(),
            queue: QueueStorage::Memory,
            bucket: "spillway".to_owned(),
            config: "config".into(),
            write_keys: vec!["local".to_owned()],
            window: Duration::from_secs(1),
            batch_size: 10_000,
            visibility_timeout: Duration::from_secs(35),
            max_receive_count: 100,
            ingest_environments: 1,
            ingest_concurrency: 64,
            ingest_timeout: Duration::from_secs(10),
            deliver_environments: 2,
            deliver_timeout: Duration::from_secs(5),
            forward_time: Duration::from_secs(5),
            front_timeout: Duration::from_secs(30),
            client_timeouts: ClientTimeouts::default(),
            cors: Cors::default(),
            compact_after: None,
            compact_at_end: false,
            compact_timeout: Duration::from_mins(1),
            drain_timeout: Duration::from_mins(1),
            sqs: None,
            s3_endpoint: None,
            faults: Plan::default(),
            variables: BTreeMap::new(),
        }
    }

    /// The defaults with this program as the functions, and with the environment of this process.
    ///
    /// # Errors
    /// The operating system does not report the path of this program.
    pub fn of_this_process() -> io::Result<Self> {
        let readable =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        let variables = std::env::vars_os().filter_map(readable).collect();
        Ok(Self { variables, ..Self::new(std::env::current_exe()?) })
    }

    /// Whether SQS or S3 is external: functions then get the user's AWS credentials.
    pub(super) fn is_external(&self) -> bool {
        self.sqs.is_some() || self.s3_endpoint.is_some()
    }

    /// The value of an SDK variable: the user's if a server is external, otherwise `built_in`.
    pub(super) fn of_sdk(&self, name: &str, built_in: &str) -> String {
        let user = self.is_external().then(|| self.variables.get(name)).flatten();
        user.cloned().unwrap_or_else(|| built_in.to_owned())
    }

    /// Checks the relations between settings.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        for (function, [timeout, tries], limit) in [
            ("ingest", functions::INGEST_CALLS, self.ingest_timeout),
            ("deliver", functions::deliver_calls(self), self.deliver_timeout),
            ("compact", functions::compact_calls(self), self.compact_timeout),
        ] {
            let longest = Duration::from_millis(self.number(function, &timeout))
                * u32::try_from(self.number(function, &tries)).unwrap_or(1);
            if longest >= limit {
                return Err(SettingsError(format!(
                    "{function}: {} × {} = {longest:?} must be shorter than its timeout, {limit:?}",
                    timeout.name, tries.name
                )));
            }
        }
        if self.visibility_timeout < 6 * self.deliver_timeout + self.window {
            return Err(SettingsError(format!(
                "the visibility timeout, {:?}, must be at least 6 × deliver's timeout + the window, {:?}",
                self.visibility_timeout,
                6 * self.deliver_timeout + self.window
            )));
        }
        Ok(())
    }

    /// The variable of the user's environment that a function gets: the one for this function alone, or else for all.
    pub(crate) fn variable(&self, function: &str, name: &str) -> Option<&String> {
        let own = format!("{}_{name}", function.to_ascii_uppercase());
        self.variables.get(&own).or_else(|| self.variables.get(name))
    }

    /// The maximum size of a message on the built-in queue: what ingest may send, but at least the default.
    pub(crate) fn max_message_bytes(&self) -> usize {
        let sent = self.number("ingest", &spillway_ingest::config::MAX_MESSAGE_BYTES);
        usize::try_from(sent).unwrap_or(usize::MAX).max(sqs::MAX_MESSAGE_BYTES)
    }

    /// The value that a function will read. The function itself reports an invalid value.
    pub(super) fn number(&self, function: &str, number: &Number) -> u64 {
        self.variable(function, number.name).and_then(|text| text.parse().ok()).unwrap_or(number.default)
    }
}
