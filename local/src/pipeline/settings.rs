//! What a local pipeline is started with.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use spillway_shared::config::Number;

use super::functions;
use crate::faults::Plan;
use crate::front::Patience;

/// What a local pipeline is started with; [`Settings::new`] has a default for everything but the program.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program that becomes the functions: the `spillway` binary.
    pub program: PathBuf,
    /// Where documents are posted to; port 0 picks a free one, here and below.
    pub listen: SocketAddr,
    /// Where S3 listens.
    pub s3_listen: SocketAddr,
    /// Where SQS listens.
    pub sqs_listen: SocketAddr,
    /// The data folder: buckets, and the queue if it is on disk.
    pub data: PathBuf,
    /// Where the built-in queue keeps its messages.
    pub queue: QueueStorage,
    /// The bucket's name.
    pub bucket: String,
    /// The folder with `streams/` and `keys.json`.
    pub config: PathBuf,
    /// Write keys beside those of `keys.json`.
    pub write_keys: Vec<String>,
    /// How long the event source gathers a batch.
    pub window: Duration,
    /// How many messages a batch has at most.
    pub batch_size: usize,
    /// How long a received message stays hidden.
    pub visibility_timeout: Duration,
    /// After how many receives a message goes to the dead-letter queue.
    pub max_receive_count: u32,
    /// How many processes run ingest.
    pub ingest_environments: usize,
    /// How many requests each of them takes at once.
    pub ingest_concurrency: usize,
    /// How long ingest may take for a request.
    pub ingest_timeout: Duration,
    /// How many processes run deliver.
    pub deliver_environments: usize,
    /// How long deliver may take for a batch.
    pub deliver_timeout: Duration,
    /// How long the front waits for an answer.
    pub front_timeout: Duration,
    /// How long the front waits for clients.
    pub patience: Patience,
    /// How long draining may take at the end.
    pub drain_timeout: Duration,
    /// An SQS that somebody else runs, in place of the own one.
    pub sqs: Option<ExternalSqs>,
    /// The address of an S3 that somebody else runs, in place of the own one; it must have the bucket.
    pub s3_endpoint: Option<String>,
    /// What goes wrong on purpose, until [`super::Pipeline::faults`] says otherwise.
    pub faults: Plan,
    /// The functions' own variables, passed on where the function reads them.
    pub variables: BTreeMap<String, String>,
}

/// Where a queue keeps its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueStorage {
    /// They end with the process, and so does the ledger.
    Memory,
    /// In the data folder: they survive the process, not a power loss. The ledger does too.
    Disk,
}

/// An SQS that somebody else runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalSqs {
    /// Its address.
    pub endpoint: String,
    /// The queue's URL there.
    pub queue_url: String,
}

/// Settings that contradict each other.
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
            front_timeout: Duration::from_secs(30),
            patience: Patience::default(),
            drain_timeout: Duration::from_mins(1),
            sqs: None,
            s3_endpoint: None,
            faults: Plan::default(),
            variables: BTreeMap::new(),
        }
    }

    /// Whether SQS or S3 is run by somebody else, to whom the credentials of this process's user are shown then.
    pub(super) fn is_external(&self) -> bool {
        self.sqs.is_some() || self.s3_endpoint.is_some()
    }

    /// A variable of the SDKs: the user's own where somebody else's servers are used, else what stands for it here.
    pub(super) fn of_sdk(&self, name: &str, here: &str) -> String {
        let own = self.is_external().then(|| self.variables.get(name)).flatten();
        own.cloned().unwrap_or_else(|| here.to_owned())
    }

    /// Checks the relations between settings that only the whole knows.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        for (function, [timeout, tries], limit) in [
            ("ingest", functions::INGEST_CALLS, self.ingest_timeout),
            ("deliver", functions::deliver_calls(self), self.deliver_timeout),
        ] {
            let longest =
                Duration::from_millis(self.number(&timeout)) * u32::try_from(self.number(&tries)).unwrap_or(1);
            if longest >= limit {
                return Err(SettingsError(format!(
                    "{function}: {} × {} = {longest:?} must be less than its time-out, {limit:?}",
                    timeout.name, tries.name
                )));
            }
        }
        if self.visibility_timeout < 6 * self.deliver_timeout + self.window {
            return Err(SettingsError(format!(
                "the visibility timeout, {:?}, must be at least 6 × deliver's time-out + the window, {:?}",
                self.visibility_timeout,
                6 * self.deliver_timeout + self.window
            )));
        }
        Ok(())
    }

    /// What a function will read; one that it cannot read is for the function itself to refuse.
    fn number(&self, number: &Number) -> u64 {
        self.variables.get(number.name).and_then(|text| text.parse().ok()).unwrap_or(number.default)
    }
}
