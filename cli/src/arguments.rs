//! The arguments of the command, with the texts of `--help`.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use spillway_local::pipeline::{QueueStorage, Settings};
use spillway_shared::keys::KeyFile;

use crate::compact::Compact;
use crate::demo;
use crate::find::Find;
use crate::forward::Forward;
use crate::plan;
use crate::quarantine::Quarantine;
use crate::receive::Receive;
use crate::redrive::Redrive;
use crate::rejected::Rejected;
use crate::serve::Serve;
use crate::smoke::Smoke;
use crate::tail::Tail;

/// The write key of a server without another one.
const DEFAULT_WRITE_KEY: &str = "local";

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
    /// Settings of the functions in the environment (`MAX_WORKERS`, `COMPRESSION` …) are passed on to them. With the
    /// prefix `INGEST_` or `DELIVER_` (`INGEST_MAX_WORKERS`) a setting reaches that function alone.
    Serve(Box<Serve>),
    /// Starts a separate pipeline, posts documents, drains it and shows the stored records
    Demo(Demo),
    /// Runs SQS, S3 and the event source alone, for functions under `cargo lambda watch`
    Backends(Backends),
    /// Checks stream files, destinations and keys.json, and shows the outcome of each payload of a sample document
    ///
    /// Also shows what each destination of the sample's stream would be sent, with masked secrets. Exits with 1 if the
    /// configuration is invalid or a payload is rejected. The limits of ingest (`MAX_PAYLOADS`, `MAX_MESSAGE_BYTES` …) are
    /// not checked.
    Check(Check),
    /// Prints statements that define the tables: for DuckDB, Spark, Athena or CloudFormation
    Table(Table),
    /// Compacts hours into tables, on AWS or on this machine, or writes a table again
    ///
    /// Enqueues the hours of a range that have records without a row, and waits until compact has written them.
    Compact(Compact),
    /// Plans a deployment: parameters, quotas, dollars and a simulated burst for a load
    ///
    /// It calculates and contacts nothing. Exits with 1 if the burst misses the objective or documents are refused.
    Plan(plan::Arguments),
    /// Generates write keys
    #[command(subcommand)]
    Key(Key),
    /// Tells where a record or the records of a request are: in which object or message
    ///
    /// On this machine it also searches the queue and the dead-letter queue. On AWS it does not: receiving messages would
    /// hide them from deliver. Exits with 1 if the records are not found.
    Find(Find),
    /// Prints the parameters of a destination's stack, or sends stored hours to a destination again
    Forward(Forward),
    /// Receives what destinations send: a partner to experiment with
    Receive(Receive),
    /// Moves the messages of the dead-letter queue back to the queue, on this machine or on AWS
    Redrive(Redrive),
    /// Lists, shows and replays quarantined messages, on this machine or on AWS
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Lists, shows and replays rejected payloads that their streams keep, on this machine or on AWS
    #[command(subcommand)]
    Rejected(Rejected),
    /// Prints the records of a stream as they are stored, on this machine or on AWS, until Ctrl-C
    Tail(Tail),
    /// Tests a deployed stack: sends every kind of request and compares what it stores, byte for byte
    ///
    /// Prints one line per check, and exits with 1 if a check fails or cannot run. The records go to the stream `smoke`.
    Smoke(Smoke),
}

/// The arguments of the backends: SQS, S3 and the event source.
#[derive(Debug, Clone, Args)]
pub(crate) struct Behind {
    /// The address of the built-in S3; port 0 picks a free one, here and below
    #[arg(long, default_value = "127.0.0.1:9002")]
    pub(crate) s3_listen: SocketAddr,
    /// The address of the built-in SQS
    #[arg(long, default_value = "127.0.0.1:9324")]
    pub(crate) sqs_listen: SocketAddr,
    /// The data folder of one server: objects as DATA/BUCKET/KEY, the queue and the ledger
    #[arg(long, default_value = "./data")]
    pub(crate) data: PathBuf,
    /// The name of the bucket
    #[arg(long, default_value = "spillway")]
    pub(crate) bucket: String,
    /// The folder with streams/ and keys.json
    #[arg(long, default_value = "./config")]
    pub(crate) config: PathBuf,
    /// A write key in addition to those in keys.json; repeatable (default: `local` if keys.json has no key)
    #[arg(long = "write-key", value_name = "KEY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) write_keys: Vec<String>,
    /// The batching window of the event source
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub(crate) window: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Backends {
    /// The URL at which deliver is invoked
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9000/2015-03-31/functions/deliver/invocations")]
    pub(crate) lambda: hyper::Uri,
    /// Also write the variables of the functions to this file, as exports for a shell
    #[arg(long, value_name = "FILE")]
    pub(crate) exports: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) behind: Behind,
    /// The visibility timeout of the queue, and the timeout of an invocation, which may include a build
    #[arg(long, default_value = "125s", value_parser = humantime::parse_duration)]
    pub(crate) visibility_timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The number of documents to post; most have 10 payloads
    #[arg(long, default_value_t = 1_000)]
    pub(crate) documents: usize,
    /// The folder of the objects, which are the files DATA/demo/KEY
    #[arg(long, default_value = "./data")]
    pub(crate) data: PathBuf,
    /// The folder with streams/, tables/ and keys.json (default: a stream of readings with a schema)
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
    /// Open the page in a browser, post about 50 documents a second, and keep the pipeline until Ctrl-C
    #[arg(long)]
    pub(crate) open: bool,
}

/// The arguments of `spillway check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The folder with streams/, presets/ and keys.json
    #[arg(long, default_value = "./config")]
    pub(crate) config: PathBuf,
    /// A document to judge: JSON, or one payload per line if the name ends in .ndjson, .jsonl or .jsonlines
    #[arg(long)]
    pub(crate) sample: Option<PathBuf>,
    /// The preset by which a client library posts the sample: shows each payload with its id, time and context
    #[arg(long, value_name = "NAME", requires = "sample")]
    pub(crate) preset: Option<String>,
    /// The path after the stream to which the client posts the sample, such as v1/logs; OTLP in protobuf needs it
    #[arg(long, requires = "preset")]
    pub(crate) suffix: Option<String>,
    /// Payloads with their expected outcomes, one JSON object per line; exits with 1 and a diff if an outcome differs
    ///
    /// A line is `{"payload":{…},"outcome":"rejected","reason":"schema","pointer":"/user/id"}`. Outcomes are accepted,
    /// withheld, rejected and kept; reason and pointer are optional, and so is `"opted_out":true` for a request with
    /// `Sec-GPC: 1`.
    #[arg(long, value_name = "FILE", conflicts_with = "sample")]
    pub(crate) expect: Option<PathBuf>,
    /// Write the columns of tables to CONFIG/tables/ as the schemas declare them; columns are only added
    #[arg(long)]
    pub(crate) update_tables: bool,
    /// The stream of the sample or the cases; optional if there is only one stream
    pub(crate) stream: Option<String>,
}

/// The arguments of `spillway table`.
#[derive(Debug, Args)]
pub(crate) struct Table {
    /// The folder with tables/
    #[arg(long, default_value = "./config")]
    pub(crate) config: PathBuf,
    /// The bucket that the statements name
    #[arg(long, default_value = "BUCKET")]
    pub(crate) bucket: String,
    /// Only for this engine (default: all)
    #[arg(long, value_name = "ENGINE")]
    pub(crate) engine: Option<Engine>,
    /// Print the Glue tables as resources of `template.yaml`, which has them between two comments
    #[arg(long, conflicts_with_all = ["engine", "bucket"])]
    pub(crate) cloudformation: bool,
    /// The stream (default: every stream with a table)
    pub(crate) stream: Option<String>,
}

/// A program that reads tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// A view
    Duckdb,
    /// A partitioned table
    Spark,
    /// A table with partition projection
    Athena,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Generates a key of 256 random bits and the entries that configure it
    New {
        /// The name of the key in the configuration
        #[arg(long)]
        name: String,
        /// The streams that the key may write, separated by commas (default: all)
        #[arg(long, value_delimiter = ',')]
        streams: Vec<String>,
    },
}

impl Behind {
    /// The default settings with these arguments.
    pub(crate) fn settings(self) -> io::Result<Settings> {
        Ok(Settings {
            write_keys: self.write_keys(),
            s3_listen: self.s3_listen,
            sqs_listen: self.sqs_listen,
            data: self.data,
            bucket: self.bucket,
            config: self.config,
            window: self.window,
            ..Settings::of_this_process()?
        })
    }

    /// The given keys; without any, the default key unless keys.json has keys. Ingest reports an unreadable keys.json.
    pub(crate) fn write_keys(&self) -> Vec<String> {
        let file_has_keys = KeyFile::load(&self.config).map_or(true, |file| !file.keys.is_empty());
        if self.write_keys.is_empty() && !file_has_keys {
            return vec![DEFAULT_WRITE_KEY.to_owned()];
        }
        self.write_keys.clone()
    }
}

impl Backends {
    /// The settings of the backends; those of function processes are unused.
    pub(crate) fn settings(&self) -> io::Result<Settings> {
        let (visibility_timeout, queue) = (self.visibility_timeout, QueueStorage::Disk);
        Ok(Settings { visibility_timeout, queue, ..self.behind.clone().settings()? })
    }
}

impl Demo {
    /// The settings of a pipeline on free ports.
    pub(crate) fn settings(&self) -> io::Result<Settings> {
        Ok(Settings {
            data: self.data.clone(),
            bucket: "demo".to_owned(),
            config: demo::config(self)?,
            compact_after: Some(Duration::from_hours(1)),
            compact_at_end: true,
            ..Settings::of_this_process()?
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use spillway_shared::keys::digest;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_pipeline_serves() {
        let arguments = Arguments::parse_from(["spillway", "--listen", "127.0.0.1:0"]);
        assert!(arguments.command.is_none());
        assert_eq!(arguments.serve.listen.port(), 0);
    }

    #[test]
    fn the_default_key_is_known_only_without_other_keys() {
        let folder = tempfile::tempdir().unwrap();
        let keys = |more: &[&str]| {
            let config = folder.path().to_str().unwrap();
            Arguments::parse_from([&["spillway", "--config", config], more].concat()).serve.behind.write_keys()
        };
        assert_eq!(keys(&[]), ["local"]);
        assert_eq!(keys(&["--write-key", "a", "--write-key", "b"]), ["a", "b"]);
        let entry = format!(r#"{{"name":"shop","sha256":"{}"}}"#, digest(b"shop-key"));
        for (file, known) in
            [(r#"{"keys":[]}"#, &["local"][..]), (&format!(r#"{{"keys":[{entry}]}}"#), &[]), ("broken", &[])]
        {
            std::fs::write(folder.path().join("keys.json"), file).unwrap();
            assert_eq!(keys(&[]), known, "{file}");
        }
        assert_eq!(keys(&["--write-key", "local"]), ["local"]);
    }

    #[test]
    fn an_empty_write_key_is_refused() {
        assert!(Arguments::try_parse_from(["spillway", "--write-key", ""]).is_err());
        assert!(Arguments::try_parse_from(["spillway", "backends", "--write-key="]).is_err());
    }

    #[test]
    fn defaults_of_the_command_line_equal_those_of_the_library() {
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
