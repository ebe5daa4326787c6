//! What the command understands; the words of `--help` are here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use spillway_local::faults::{self, Fault, Kind, Plan};
use spillway_local::pipeline::{ExternalSqs, QueueStorage, Settings};

use crate::quarantine::Quarantine;
use crate::redrive::Redrive;

/// Serverless telemetry ingestion: the whole pipeline on this machine.
///
/// Without a command it serves, as `spillway serve` does.
#[derive(Debug, Parser)]
#[command(name = "spillway", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the pipeline until Ctrl-C, then drains it and prints the ledger
    ///
    /// Variables of the functions that are set in the environment (`MAX_WORKERS`, `COMPRESSION` …) are passed on to them.
    Serve(Box<Serve>),
    /// Starts a pipeline of its own, posts documents, drains it, and shows what landed
    Demo(Demo),
    /// Runs SQS, S3 and the event source alone, for functions under `cargo lambda watch`
    Backends(Backends),
    /// Checks stream files and keys.json, and shows what becomes of a sample document
    ///
    /// Ends with 1 if anything is wrong, or if a payload of the sample is rejected. The limits of ingest (`MAX_PAYLOADS`,
    /// `MAX_MESSAGE_BYTES` …) are not looked at.
    Check(Check),
    /// Write keys
    #[command(subcommand)]
    Key(Key),
    /// Moves what lies in the dead-letter queue back to the queue, on AWS or here
    Redrive(Redrive),
    /// Messages that could not be read, on AWS or here
    #[command(subcommand)]
    Quarantine(Quarantine),
}

/// What `spillway serve` is told.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where documents are posted to; a port of 0 picks a free one, here and below
    #[arg(long, default_value = "127.0.0.1:9000")]
    pub(crate) listen: SocketAddr,
    /// Where `GET /status`, `GET /faults` and `PUT /faults` are answered
    #[arg(long, default_value = "127.0.0.1:9001")]
    pub(crate) admin: SocketAddr,
    #[command(flatten)]
    pub(crate) behind: Behind,
    /// Where the queue keeps its messages
    #[arg(long, default_value = "disk")]
    pub(crate) queue: Storage,
    /// An SQS that runs elsewhere, in place of the own one; the AWS credentials of this environment are used
    #[arg(long, value_name = "URL", requires = "queue_url")]
    pub(crate) sqs_endpoint: Option<String>,
    /// The queue's URL on that SQS
    #[arg(long, value_name = "URL", requires = "sqs_endpoint")]
    pub(crate) queue_url: Option<String>,
    /// An S3 that runs elsewhere, in place of the own one; it must have the bucket
    #[arg(long, value_name = "URL", requires = "bucket")]
    pub(crate) s3_endpoint: Option<String>,
    /// How many messages a batch has at most
    #[arg(long, default_value_t = 10_000)]
    pub(crate) batch_size: usize,
    /// How long a received message stays hidden; at least 6 × deliver's time-out + the window
    #[arg(long, default_value = "35s", value_parser = humantime::parse_duration)]
    pub(crate) visibility_timeout: Duration,
    /// After how many receives a message goes to the dead-letter queue
    #[arg(long, default_value_t = 100)]
    pub(crate) max_receive_count: u32,
    /// How many processes run ingest
    #[arg(long, default_value_t = 1)]
    pub(crate) ingest_environments: usize,
    /// How many requests each of them takes at once
    #[arg(long, default_value_t = 64)]
    pub(crate) ingest_concurrency: usize,
    /// How long ingest may take for a request
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) ingest_timeout: Duration,
    /// How many processes run deliver
    #[arg(long, default_value_t = 2)]
    pub(crate) deliver_environments: usize,
    /// How long deliver may take for a batch
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
    pub(crate) deliver_timeout: Duration,
    /// How long draining may take at the end
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    pub(crate) drain_timeout: Duration,
    /// Something that goes wrong on purpose, as NAME=RATE or NAME=RATE:DURATION; may be given several times
    #[arg(long = "fault", value_name = "FAULT", value_parser = faults::parse, long_help = long_help_of_fault())]
    pub(crate) faults: Vec<(Kind, Fault)>,
    /// The same seed gives each fault the same sequence
    #[arg(long, default_value_t = 1)]
    pub(crate) fault_seed: u64,
}

/// Where the queue keeps its messages.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Storage {
    /// Messages and ledger end with the server; for measurements
    Memory,
    /// In the data folder: messages and ledger survive a restart, a crash and SIGKILL, but not a power loss
    Disk,
}

/// What stands behind the functions, whoever runs them.
#[derive(Debug, Clone, Args)]
pub(crate) struct Behind {
    /// Where S3 listens; a port of 0 picks a free one, here and below
    #[arg(long, default_value = "127.0.0.1:9002")]
    pub(crate) s3_listen: SocketAddr,
    /// Where SQS listens
    #[arg(long, default_value = "127.0.0.1:9324")]
    pub(crate) sqs_listen: SocketAddr,
    /// The folder of one server: objects, as DATA/BUCKET/KEY, and the queue
    #[arg(long, default_value = "./data")]
    pub(crate) data: PathBuf,
    /// The bucket's name
    #[arg(long, default_value = "spillway")]
    pub(crate) bucket: String,
    /// The folder with streams/ and keys.json
    #[arg(long, default_value = "./config")]
    pub(crate) config: PathBuf,
    /// A write key beside those of keys.json; may be given several times
    #[arg(long = "write-key", value_name = "KEY", default_value = "local")]
    pub(crate) write_keys: Vec<String>,
    /// How long the event source gathers a batch
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub(crate) window: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Backends {
    /// Where deliver is invoked
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9000/2015-03-31/functions/deliver/invocations")]
    pub(crate) lambda: hyper::Uri,
    /// A file to write the functions' variables to as well, for a shell to read
    #[arg(long, value_name = "FILE")]
    pub(crate) exports: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) behind: Behind,
    /// How long a received message stays hidden, and how long an invocation may take, a build included
    #[arg(long, default_value = "125s", value_parser = humantime::parse_duration)]
    pub(crate) visibility_timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// How many documents are posted; most have 10 payloads
    #[arg(long, default_value_t = 1_000)]
    pub(crate) documents: usize,
    /// The folder under which the objects stay, as DATA/demo/KEY
    #[arg(long, default_value = "./data")]
    pub(crate) data: PathBuf,
    /// The folder with streams/ and keys.json
    #[arg(long, default_value = "./config")]
    pub(crate) config: PathBuf,
}

/// What `spillway check` is told.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The folder with streams/ and keys.json
    #[arg(long, default_value = "./config")]
    pub(crate) config: PathBuf,
    /// A document to judge: JSON, or a payload a line if the name ends in .ndjson, .jsonl or .jsonlines
    #[arg(long)]
    pub(crate) sample: Option<PathBuf>,
    /// The stream that the sample is for; not needed where there is only one
    pub(crate) stream: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Makes a key of 256 random bits, and the entries that configure it
    New {
        /// What the key is called in the configuration
        #[arg(long)]
        name: String,
        /// The streams that it may write, separated by commas; all without this
        #[arg(long, value_delimiter = ',')]
        streams: Vec<String>,
    },
}

impl Serve {
    /// The pipeline's settings.
    pub(crate) fn settings(self) -> anyhow::Result<Settings> {
        let sqs = self.sqs_endpoint.zip(self.queue_url);
        Ok(Settings {
            sqs: sqs.map(|(endpoint, queue_url)| ExternalSqs { endpoint, queue_url }),
            queue: self.queue.into(),
            s3_endpoint: self.s3_endpoint,
            listen: self.listen,
            batch_size: self.batch_size,
            visibility_timeout: self.visibility_timeout,
            max_receive_count: self.max_receive_count,
            ingest_environments: self.ingest_environments,
            ingest_concurrency: self.ingest_concurrency,
            ingest_timeout: self.ingest_timeout,
            deliver_environments: self.deliver_environments,
            deliver_timeout: self.deliver_timeout,
            drain_timeout: self.drain_timeout,
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

impl Behind {
    /// Settings that differ from the defaults in what is said here.
    fn settings(self) -> anyhow::Result<Settings> {
        Ok(Settings {
            s3_listen: self.s3_listen,
            sqs_listen: self.sqs_listen,
            data: self.data,
            bucket: self.bucket,
            config: self.config,
            write_keys: self.write_keys,
            window: self.window,
            ..of_this_process()?
        })
    }
}

impl Backends {
    /// The settings of what is started; what concerns the functions' processes is of no matter.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        let (visibility_timeout, queue) = (self.visibility_timeout, QueueStorage::Disk);
        Ok(Settings { visibility_timeout, queue, ..self.behind.clone().settings()? })
    }
}

impl Demo {
    /// The settings of a pipeline on free ports.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        Ok(Settings {
            data: self.data.clone(),
            bucket: "demo".to_owned(),
            config: self.config.clone(),
            ..of_this_process()?
        })
    }
}

fn long_help_of_fault() -> String {
    let head = "Something that goes wrong on purpose, as NAME=RATE or NAME=RATE:DURATION, like s3.stall=0.01:3s; may be given \
                several times, and replaced by PUT /faults on the admin address. A rate is a chance from 0 to 1, for ingest \
                and deliver how often in a second, for each process:\n";
    let line = |kind: Kind| format!("\n{:<18}{}", kind.name(), kind.what());
    head.to_owned() + &Kind::ALL.map(line).concat()
}

/// Settings whose functions are this very program, with this process's environment to pass on.
fn of_this_process() -> anyhow::Result<Settings> {
    let program = std::env::current_exe().context("where this program lies is not known")?;
    let readable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let variables: BTreeMap<_, _> = std::env::vars_os().filter_map(readable).collect();
    Ok(Settings { variables, ..Settings::new(program) })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_serves() {
        let arguments = Arguments::parse_from(["spillway", "--listen", "127.0.0.1:0"]);
        assert!(arguments.command.is_none());
        assert_eq!(arguments.serve.listen.port(), 0);
    }

    #[test]
    fn what_the_command_line_leaves_out_is_what_the_library_has() {
        let Arguments { serve, .. } = Arguments::parse_from(["spillway"]);
        let (settings, defaults) = (serve.settings().unwrap(), Settings::new("x"));
        assert_eq!(settings.window, defaults.window);
        assert_eq!(settings.visibility_timeout, defaults.visibility_timeout);
        assert_eq!(settings.write_keys, defaults.write_keys);
        assert_eq!(
            (settings.ingest_concurrency, settings.deliver_environments, settings.batch_size),
            (defaults.ingest_concurrency, defaults.deliver_environments, defaults.batch_size)
        );
    }
}
