//! The settings of forward: the variables of its stack, and the file of its destination.

use std::path::Path;

use spillway_shared::config::{ConfigErrors, Lookup, Number, Reader};
use spillway_shared::destination::{self, Destination};
use spillway_shared::log;
use spillway_shared::metrics::emf::{self, METRICS};
use spillway_shared::retry::{Attempts, FUNCTION_TIMEOUT};
use spillway_shared::{prefixes, stream};

const MIB: u64 = 1 << 20;

/// Concurrent POSTs in this process; 0 means what the destination's file says.
pub const MAX_WORKERS: Number = Number { name: "MAX_WORKERS", default: 0, min: 0, max: 1_000 };
/// Bytes of batches in memory in this process.
pub const MAX_INFLIGHT_BYTES: Number =
    Number { name: "MAX_INFLIGHT_BYTES", default: 48 * MIB, min: 16 * MIB, max: 4_095 * MIB };
/// The timeout of one attempt of a call to S3, SQS or Secrets Manager, in milliseconds.
pub const CALL_TIMEOUT_MS: Number = Number { name: "CALL_TIMEOUT_MS", default: 5_000, min: 50, max: 60_000 };
/// Attempts of one such call, including the first.
pub const CALL_TRIES: Number = Number { name: "CALL_TRIES", default: 3, min: 1, max: 10 };
/// Environments at most, as the stack has it; 0 means unknown. Must be what the destination's file says.
pub const CONCURRENCY: Number = Number { name: "CONCURRENCY", default: 0, min: 0, max: 1_000 };

/// All numbers that forward reads.
pub const NUMBERS: [Number; 5] = [MAX_WORKERS, MAX_INFLIGHT_BYTES, CALL_TIMEOUT_MS, CALL_TRIES, CONCURRENCY];

/// The name of the destination; must be set.
pub const DESTINATION: &str = "DESTINATION";
/// The bucket that objects are in; must be set.
pub const BUCKET: &str = "BUCKET";
/// The prefix of the keys of all objects of records.
pub const OBJECT_PREFIX: &str = "OBJECT_PREFIX";
/// The destination's queue; must be set.
pub const QUEUE_URL: &str = "QUEUE_URL";
/// Its dead letters; must be set.
pub const DEAD_LETTER_URL: &str = "DEAD_LETTER_URL";
/// The folder of the layer.
pub const CONFIG_DIR: &str = "CONFIG_DIR";
/// The default of [`CONFIG_DIR`].
pub const DEFAULT_CONFIG_DIR: &str = "/opt";
/// The prefixes of the stack's rule, comma-separated. Must be those of the destination's file.
pub const EVENT_PREFIXES: &str = "EVENT_PREFIXES";
/// Where secrets are: `aws` or `environment`.
pub const SECRETS: &str = "SECRETS";
/// The region of bucket, queues and secrets; Lambda always sets it.
pub const AWS_REGION: &str = "AWS_REGION";

/// All other variables that forward reads, except those that Lambda itself sets.
pub const TEXTS: [&str; 11] = [
    DESTINATION,
    BUCKET,
    OBJECT_PREFIX,
    QUEUE_URL,
    DEAD_LETTER_URL,
    CONFIG_DIR,
    EVENT_PREFIXES,
    SECRETS,
    METRICS,
    log::LEVELS[0],
    FUNCTION_TIMEOUT.name,
];

/// All settings of forward.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The destination.
    pub destination: Destination,
    /// The bucket that objects are in.
    pub bucket: String,
    /// See [`OBJECT_PREFIX`].
    pub object_prefix: String,
    /// The URL of the destination's queue.
    pub queue_url: String,
    /// The URL of its dead letters.
    pub dead_letter_url: String,
    /// The region of all of them.
    pub region: String,
    /// Concurrent POSTs in this process.
    pub max_workers: usize,
    /// See [`MAX_INFLIGHT_BYTES`].
    pub max_inflight_bytes: usize,
    /// Timeout and number of the attempts of one call to AWS.
    pub attempts: Attempts,
    /// Whether secrets are in the environment, as on a developer's machine.
    pub has_local_secrets: bool,
    /// Whether metrics are written.
    pub metrics: emf::Settings,
}

impl Config {
    /// Reads all variables and the destination's file.
    ///
    /// # Errors
    /// Every bad or missing variable by name, the file's first error, and parameters of the stack that differ from the
    /// file.
    pub fn read(lookup: Lookup<'_>) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(lookup);
        let folder = reader.text(CONFIG_DIR).unwrap_or_else(|| DEFAULT_CONFIG_DIR.to_owned());
        let name = reader.required(DESTINATION);
        let destination = read_destination(&mut reader, Path::new(&folder), &name);
        let workers = destination.as_ref().map_or(1, |destination| destination.workers);
        let object_prefix = reader.text(OBJECT_PREFIX).unwrap_or_else(|| prefixes::RECORDS.to_owned());
        if let Some(destination) = &destination {
            check_stack(&mut reader, destination, &object_prefix);
        }
        let config = Self {
            destination: destination.unwrap_or_else(nowhere),
            bucket: reader.required(BUCKET),
            object_prefix,
            queue_url: reader.required_url(QUEUE_URL),
            dead_letter_url: reader.required_url(DEAD_LETTER_URL),
            region: reader.required(AWS_REGION),
            max_workers: Some(reader.size(&MAX_WORKERS)).filter(|count| *count > 0).unwrap_or(workers),
            max_inflight_bytes: reader.size(&MAX_INFLIGHT_BYTES),
            attempts: Attempts::read(&mut reader, &CALL_TIMEOUT_MS, &CALL_TRIES),
            has_local_secrets: reader.choice(SECRETS, &[("aws", false), ("environment", true)]),
            metrics: emf::Settings::read(&mut reader),
        };
        log::check(&mut reader);
        reader.finish(config)
    }
}

fn read_destination(reader: &mut Reader<'_>, folder: &Path, name: &str) -> Option<Destination> {
    if name.is_empty() {
        return None;
    }
    match destination::read(folder, name) {
        Ok(destination) => {
            check_streams(reader, folder, &destination);
            Some(destination)
        }
        Err(errors) => {
            reader.errors().extend(errors);
            None
        }
    }
}

/// A stream that does not exist would never send anything.
fn check_streams(reader: &mut Reader<'_>, folder: &Path, destination: &Destination) {
    match stream::load(folder) {
        Ok(streams) => destination.refuse_unknown_streams(&streams, reader.errors()),
        Err(errors) => reader.errors().extend(errors),
    }
}

/// The stack was deployed with parameters that `spillway forward --parameters` printed from an earlier file.
fn check_stack(reader: &mut Reader<'_>, destination: &Destination, object_prefix: &str) {
    let again = format!("deploy again with `spillway forward --parameters {}`", destination.name);
    let expected = destination.prefixes(object_prefix).join(",");
    if let Some(prefixes) = reader.text(EVENT_PREFIXES).filter(|prefixes| *prefixes != expected) {
        let error = format!("`{prefixes}` differs from the streams of the file, `{expected}`: {again}");
        reader.errors().add(EVENT_PREFIXES, error);
    }
    let concurrency = reader.number(&CONCURRENCY);
    if concurrency > 0 && concurrency != u64::from(destination.concurrency) {
        let error =
            format!("{concurrency} differs from `concurrency` in the file, {}: {again}", destination.concurrency);
        reader.errors().add(CONCURRENCY.name, error);
    }
    let (longest, limit) = (destination.longest().as_millis(), u128::from(reader.number(&FUNCTION_TIMEOUT)) * 1_000);
    if limit > 0 && longest >= limit {
        let error = format!("{longest} ms must be less than {}, {limit} ms", FUNCTION_TIMEOUT.name);
        reader.errors().add(format_args!("destinations/{}.json: timeout_ms × tries", destination.name), error);
    }
}

/// Stands for a destination whose error is reported already.
fn nowhere() -> Destination {
    let file = br#"{"url":"https://partner.invalid/","streams":["none"]}"#;
    destination::parse("none", file).unwrap_or_else(|_| unreachable!("the text above is a valid destination"))
}

#[cfg(test)]
mod tests;
