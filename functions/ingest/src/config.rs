//! Reads the configuration from the environment and the configuration folder, once at start.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lambda_http::http::HeaderName;
use spillway_shared::config::{ConfigErrors, Lookup, Number, Reader};
use spillway_shared::keys::{KeyFile, KeyRing, OriginSecrets};
use spillway_shared::log;
use spillway_shared::metrics::emf::{self, METRICS};
use spillway_shared::retry::{Attempts, FUNCTION_TIMEOUT};
use spillway_shared::stream::StreamName;

use crate::auth::Access;
use crate::body::most_held;
use crate::group_commit::Limits;
use crate::judge::{self, Stream};
use crate::preset::registry::Presets;

/// Concurrent calls to SQS.
pub const MAX_WORKERS: Number = Number { name: "MAX_WORKERS", default: 16, min: 1, max: 1_000 };
/// Records that may wait for a worker.
pub const MAX_QUEUE: Number = Number { name: "MAX_QUEUE", default: 200_000, min: 1, max: 1_000_000 };
/// Bytes of bodies and records in memory.
pub const MAX_INFLIGHT_BYTES: Number =
    Number { name: "MAX_INFLIGHT_BYTES", default: 64 << 20, min: 1 << 20, max: u32::MAX as u64 };
/// Timeout of one attempt of a call to SQS, in milliseconds; less than the function's longest timeout, 29 s.
pub const CALL_TIMEOUT_MS: Number = Number { name: "CALL_TIMEOUT_MS", default: 3_000, min: 50, max: 28_000 };
/// Attempts of a call to SQS.
pub const CALL_TRIES: Number = Number { name: "CALL_TRIES", default: 3, min: 1, max: 10 };
/// Most bytes of a document after decoding.
pub const MAX_BODY_BYTES: Number = Number { name: "MAX_BODY_BYTES", default: 10 << 20, min: 1 << 10, max: 100 << 20 };
/// Most payloads of a document.
pub const MAX_PAYLOADS: Number = Number { name: "MAX_PAYLOADS", default: 200_000, min: 1, max: 1_000_000 };
/// Most bytes of a message on the queue.
pub const MAX_MESSAGE_BYTES: Number = Number { name: "MAX_MESSAGE_BYTES", default: 262_144, min: 4_096, max: 1 << 20 };

/// Every number that ingest reads.
pub const NUMBERS: [Number; 8] = [
    MAX_WORKERS,
    MAX_QUEUE,
    MAX_INFLIGHT_BYTES,
    CALL_TIMEOUT_MS,
    CALL_TRIES,
    MAX_BODY_BYTES,
    MAX_PAYLOADS,
    MAX_MESSAGE_BYTES,
];
/// Every other variable that ingest reads.
pub const TEXTS: [&str; 8] =
    ["QUEUE_URL", "WRITE_KEYS", "AUTH", "CONFIG_DIR", "COUNTRY_HEADER", METRICS, log::LEVELS[0], FUNCTION_TIMEOUT.name];

/// The configuration of ingest.
#[derive(Debug)]
pub struct Config {
    /// The URL of the queue.
    pub queue_url: String,
    /// Concurrent calls to SQS.
    pub workers: usize,
    /// Bytes of bodies and records in memory.
    pub inflight_bytes: usize,
    /// The limits of group commit.
    pub limits: Limits,
    /// The limits of requests, the keys and the streams.
    pub intake: Intake,
    /// Whether metrics are written.
    pub metrics: emf::Settings,
}

/// The limits of requests, the keys and the streams.
#[derive(Debug)]
pub struct Intake {
    /// The secrets of the proxy through which all requests must come.
    pub origin: OriginSecrets,
    /// Who may write.
    pub access: Access,
    /// The configured streams.
    pub streams: BTreeMap<StreamName, Stream>,
    /// The presets, and which of them each stream accepts.
    pub presets: Presets,
    /// Most bytes of a document after decoding.
    pub body_bytes: usize,
    /// Most payloads of a document.
    pub payloads: usize,
    /// Most bytes of a message on the queue.
    pub message_bytes: usize,
    /// The header with the client's country, if a trusted proxy sets one.
    pub country_header: Option<HeaderName>,
}

impl Config {
    /// Reads variables and the files of `CONFIG_DIR`.
    ///
    /// # Errors
    /// Every error in them, all at once.
    pub fn read(lookup: Lookup<'_>) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(lookup);
        let folder = PathBuf::from(reader.text("CONFIG_DIR").unwrap_or_else(|| "/opt".to_owned()));
        let message_bytes = reader.size(&MAX_MESSAGE_BYTES);
        let streams = judge::load(&folder).unwrap_or_else(note(&mut reader));
        let file = KeyFile::load(&folder).map_or_else(note(&mut reader), Some);
        let (keys, origin) = file.map(|KeyFile { keys, origin }| (keys, origin)).unzip();
        let config = Self {
            queue_url: reader.required_url("QUEUE_URL"),
            workers: reader.size(&MAX_WORKERS),
            inflight_bytes: reader.size(&MAX_INFLIGHT_BYTES),
            limits: Limits {
                waiting_records: reader.size(&MAX_QUEUE),
                message_bytes,
                attempts: Attempts::read(&mut reader, &CALL_TIMEOUT_MS, &CALL_TRIES),
            },
            intake: Intake {
                origin: origin.unwrap_or_default(),
                access: access(&mut reader, keys),
                presets: Presets::load(&folder, &streams).unwrap_or_else(note(&mut reader)),
                streams,
                body_bytes: reader.size(&MAX_BODY_BYTES),
                payloads: reader.size(&MAX_PAYLOADS),
                message_bytes,
                country_header: country_header(&mut reader),
            },
            metrics: emf::Settings::read(&mut reader),
        };
        log::check(&mut reader);
        check_budget(&mut reader, config.inflight_bytes, config.intake.body_bytes);
        reader.finish(config)
    }
}

/// `from_file` has the keys of `keys.json`, unless it could not be read.
fn access(reader: &mut Reader<'_>, from_file: Option<KeyRing>) -> Access {
    if reader.choice("AUTH", &[("keys", false), ("none", true)]) {
        return Access::Open;
    }
    let (before, is_read) = (reader.errors().sentences().len(), from_file.is_some());
    let variable = reader.text("WRITE_KEYS").unwrap_or_default();
    let from_variable = if variable.is_empty() { Ok(KeyRing::default()) } else { KeyRing::parse_variable(&variable) };
    let from_variable = from_variable.unwrap_or_else(note(reader));
    let ring = from_variable.merge(from_file.unwrap_or_default()).unwrap_or_else(note(reader));
    // A key that could not be read is already an error.
    if ring.is_empty() && is_read && reader.errors().sentences().len() == before {
        reader.errors().add(
            "WRITE_KEYS",
            "no key is configured, here or in keys.json; add one, or set AUTH=none to accept requests without a key",
        );
    }
    Access::Keys(ring)
}

/// The largest document must fit into the budget; otherwise every retry of it would be answered 503.
fn check_budget(reader: &mut Reader<'_>, inflight_bytes: usize, body_bytes: usize) {
    let needed = most_held(body_bytes);
    if inflight_bytes < needed {
        let error =
            format!("{inflight_bytes} must be at least {needed} to hold one document of {}", MAX_BODY_BYTES.name);
        reader.errors().add(MAX_INFLIGHT_BYTES.name, error);
    }
}

fn country_header(reader: &mut Reader<'_>) -> Option<HeaderName> {
    let text = reader.text("COUNTRY_HEADER")?;
    let name = HeaderName::try_from(&text).ok();
    if name.is_none() {
        reader.errors().add("COUNTRY_HEADER", format!("`{text}` is not a header name"));
    }
    name
}

/// Notes errors and continues with an empty value, so that the report has the errors of everything else too.
fn note<'a, T: Default>(reader: &'a mut Reader<'_>) -> impl FnOnce(ConfigErrors) -> T + 'a {
    |errors| {
        reader.errors().extend(errors);
        T::default()
    }
}

#[cfg(test)]
pub(crate) mod tests;
