//! The settings of deliver: read once at start, from the environment, into types.

use spillway_shared::config::{ConfigErrors, Lookup, Number, Reader};
use spillway_shared::log;
use spillway_shared::metrics::emf::{self, METRICS};
use spillway_shared::retry::{Attempts, FUNCTION_TIMEOUT};

use crate::encode::Compression;
use crate::object::{Limits, REJECTED_PREFIX};
use crate::quarantine;

const MIB: u64 = 1 << 20;

/// Concurrent calls to S3 and SQS in this process.
pub const MAX_WORKERS: Number = Number { name: "MAX_WORKERS", default: 50, min: 1, max: 1_000 };
/// Bytes of records and of compressed objects in memory in this process.
pub const MAX_INFLIGHT_BYTES: Number =
    Number { name: "MAX_INFLIGHT_BYTES", default: 256 * MIB, min: 4 * MIB, max: 4_095 * MIB };
/// The timeout of one attempt of a call to S3 or SQS, in milliseconds; at most what an invocation of 20 s has for
/// uploads.
pub const CALL_TIMEOUT_MS: Number = Number { name: "CALL_TIMEOUT_MS", default: 5_000, min: 50, max: 19_000 };
/// Attempts of one call to S3 or SQS, including the first. The pauses between ten attempts take at most 9.2 s.
pub const CALL_TRIES: Number = Number { name: "CALL_TRIES", default: 3, min: 1, max: 10 };
/// Bytes of records before compression at which an object closes; at least the most of one message.
pub const MAX_OBJECT_BYTES: Number =
    Number { name: "MAX_OBJECT_BYTES", default: 128 * MIB, min: MIB, max: 4_095 * MIB };
/// Records at which an object closes; 0 means no limit.
pub const MAX_OBJECT_RECORDS: Number = Number { name: "MAX_OBJECT_RECORDS", default: 0, min: 0, max: 1_000_000_000 };
/// Messages at which an object closes; 0 means no limit.
pub const MAX_OBJECT_MESSAGES: Number = Number { name: "MAX_OBJECT_MESSAGES", default: 0, min: 0, max: 10_000 };

/// All numbers that deliver reads.
pub const NUMBERS: [Number; 7] = [
    MAX_WORKERS,
    MAX_INFLIGHT_BYTES,
    CALL_TIMEOUT_MS,
    CALL_TRIES,
    MAX_OBJECT_BYTES,
    MAX_OBJECT_RECORDS,
    MAX_OBJECT_MESSAGES,
];

/// The bucket that objects go to; must be set.
pub const BUCKET: &str = "BUCKET";
/// The prefix of the keys of all objects of records.
pub const OBJECT_PREFIX: &str = "OBJECT_PREFIX";
/// The default of [`OBJECT_PREFIX`].
pub const DEFAULT_OBJECT_PREFIX: &str = "records/";
/// How objects are compressed: `zstd`, `gzip` or `none`; the first is the default.
pub const COMPRESSION: &str = "COMPRESSION";
/// The queue that messages come from; must be set.
pub const QUEUE_URL: &str = "QUEUE_URL";
/// The region of bucket and queue; Lambda always sets it.
pub const AWS_REGION: &str = "AWS_REGION";

/// All other variables that deliver reads, except those that Lambda itself sets.
pub const TEXTS: [&str; 7] =
    [BUCKET, OBJECT_PREFIX, COMPRESSION, QUEUE_URL, METRICS, log::LEVELS[0], FUNCTION_TIMEOUT.name];

/// The longest [`OBJECT_PREFIX`], in bytes: a key then stays within the 1,024 that S3 allows.
const MAX_PREFIX_BYTES: usize = 512;

/// Prefixes of keys that are not records.
const RESERVED_PREFIXES: [&str; 5] = ["lake/", REJECTED_PREFIX, "replayed/", quarantine::PREFIX, "query-results/"];

/// The values of [`COMPRESSION`].
const COMPRESSIONS: [(&str, Compression); 3] =
    [("zstd", Compression::Zstd), ("gzip", Compression::Gzip), ("none", Compression::None)];

/// All settings of deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The bucket that objects go to.
    pub bucket: String,
    /// The URL of the queue that messages come from.
    pub queue_url: String,
    /// The region of bucket and queue.
    pub region: String,
    /// See [`OBJECT_PREFIX`].
    pub object_prefix: String,
    /// How objects are compressed.
    pub compression: Compression,
    /// When an object closes.
    pub limits: Limits,
    /// See [`MAX_WORKERS`].
    pub max_workers: usize,
    /// See [`MAX_INFLIGHT_BYTES`].
    pub max_inflight_bytes: usize,
    /// Timeout and number of the attempts of one call to S3 or SQS.
    pub attempts: Attempts,
    /// Whether metrics are written.
    pub metrics: emf::Settings,
}

impl Config {
    /// Reads all settings.
    ///
    /// # Errors
    /// Every bad or missing variable, by name.
    pub fn read(lookup: Lookup<'_>) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(lookup);
        let config = Self {
            bucket: reader.required(BUCKET),
            queue_url: reader.required_url(QUEUE_URL),
            region: reader.required(AWS_REGION),
            object_prefix: object_prefix(&mut reader),
            compression: reader.choice(COMPRESSION, &COMPRESSIONS),
            limits: limits(&mut reader),
            max_workers: reader.size(&MAX_WORKERS),
            max_inflight_bytes: reader.size(&MAX_INFLIGHT_BYTES),
            attempts: Attempts::read(&mut reader, &CALL_TIMEOUT_MS, &CALL_TRIES),
            metrics: emf::Settings::read(&mut reader),
        };
        log::check(&mut reader);
        reader.finish(config)
    }
}

fn object_prefix(reader: &mut Reader<'_>) -> String {
    let prefix = reader.text(OBJECT_PREFIX).unwrap_or_else(|| DEFAULT_OBJECT_PREFIX.to_owned());
    if let Err(error) = check_prefix(&prefix) {
        reader.errors().add(OBJECT_PREFIX, error);
    }
    prefix
}

fn check_prefix(prefix: &str) -> Result<(), &'static str> {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"!-_.*'()/=".contains(&byte);
    if !prefix.bytes().all(safe) {
        return Err("may contain only letters, digits and !-_.*'()/=");
    }
    if prefix.len() > MAX_PREFIX_BYTES {
        return Err("must be at most 512 bytes");
    }
    if prefix.starts_with('/') || prefix.split('/').any(|part| part == "." || part == "..") || prefix.contains("//") {
        return Err("must not begin with `/` or contain `//`, `.` or `..` as a part");
    }
    if RESERVED_PREFIXES.iter().any(|reserved| prefix.starts_with(reserved)) {
        return Err("must not begin with a prefix that has another use: \
                    `lake/`, `rejected/`, `replayed/`, `quarantine/`, `query-results/`");
    }
    Ok(())
}

fn limits(reader: &mut Reader<'_>) -> Limits {
    let unless_zero = |limit: u64| if limit == 0 { u64::MAX } else { limit };
    Limits {
        bytes: reader.number(&MAX_OBJECT_BYTES),
        records: unless_zero(reader.number(&MAX_OBJECT_RECORDS)),
        messages: unless_zero(reader.number(&MAX_OBJECT_MESSAGES)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        let lookup =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Config::read(&lookup).map_err(|errors| errors.to_string())
    }

    const NEEDED: [(&str, &str); 3] = [("BUCKET", "b"), ("AWS_REGION", "eu-central-1"), ("QUEUE_URL", "http://q")];

    /// These variables and the required ones.
    fn with<'a>(variables: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [&NEEDED, variables].concat()
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let config = read(&NEEDED).unwrap();
        assert_eq!(config.object_prefix, "records/");
        assert_eq!(config.compression, Compression::Zstd);
        assert_eq!(config.limits, Limits { bytes: 128 << 20, records: u64::MAX, messages: u64::MAX });
        assert_eq!((config.max_workers, config.max_inflight_bytes), (50, 256 << 20));
        assert_eq!(config.attempts, Attempts { timeout: Duration::from_secs(5), count: 3 });
    }

    #[test]
    fn all_bad_variables_are_reported_together() {
        let errors = read(&[("MAX_WORKERS", "0"), ("COMPRESSION", "lzma"), ("OBJECT_PREFIX", "/x/")]).unwrap_err();
        for name in [
            "BUCKET: must be set",
            "QUEUE_URL: must be set",
            "AWS_REGION: ",
            "MAX_WORKERS: ",
            "COMPRESSION: ",
            "OBJECT_PREFIX: ",
        ] {
            assert!(errors.contains(name), "{name} is not in {errors}");
        }
    }

    #[test]
    fn attempts_longer_than_an_invocation_are_reported_with_every_other_error() {
        let errors = read(&with(&[("FUNCTION_TIMEOUT", "15"), ("MAX_WORKERS", "0")])).unwrap_err();
        assert!(errors.contains("MAX_WORKERS: ") && errors.contains("CALL_TIMEOUT_MS × CALL_TRIES: 15s"), "{errors}");
        assert!(read(&with(&[("FUNCTION_TIMEOUT", "16")])).is_ok());
    }

    #[test]
    fn a_prefix_that_leads_to_unsafe_keys_is_refused() {
        for prefix in ["/a", "a//b", "../x/", "a/./b", "quarantine/x", "a b", "ä/", &"x".repeat(513)] {
            let errors = read(&with(&[("OBJECT_PREFIX", prefix)])).unwrap_err();
            assert!(errors.starts_with("OBJECT_PREFIX: "), "{prefix}: {errors}");
        }
        for prefix in ["raw", "raw/", "a/b=c/..d/"] {
            assert_eq!(read(&with(&[("OBJECT_PREFIX", prefix)])).unwrap().object_prefix, prefix);
        }
    }
}
