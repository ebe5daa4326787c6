//! The two functions as the pipeline starts them: with the variables that Lambda would give them.

use std::path::Path;

use spillway_shared::config::Number;
use spillway_shared::keys::digest;
use spillway_shared::log;
use spillway_shared::metrics::emf::METRICS;

use super::Settings;
use crate::account::{CREDENTIAL, REGION};
use crate::environment::FUNCTION;
use crate::faults::{Faults, ProcessFaults};
use crate::runtime::FunctionSettings;
use crate::s3::Bucket;
use crate::sqs::Queue;

/// The variables of the SDKs, and what they are here.
pub(crate) const SDK: [(&str, &str); 3] =
    [("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", CREDENTIAL), ("AWS_SECRET_ACCESS_KEY", CREDENTIAL)];

/// Time-out and tries of ingest's calls.
pub(super) const INGEST_CALLS: [Number; 2] =
    [spillway_ingest::config::CALL_TIMEOUT_MS, spillway_ingest::config::CALL_TRIES];
/// Time-out and tries of deliver's calls: shorter than on AWS, since its own time-out is here. All tries fit into it.
pub(super) fn deliver_calls(settings: &Settings) -> [Number; 2] {
    let [timeout, tries] = [spillway_deliver::config::CALL_TIMEOUT_MS, spillway_deliver::config::CALL_TRIES];
    let third = u64::try_from(settings.deliver_timeout.as_millis()).unwrap_or(u64::MAX) / 10 * 3;
    [Number { default: third.clamp(timeout.min, timeout.max), ..timeout }, tries]
}

pub(super) fn ingest(settings: &Settings, queue: &Queue, faults: &Faults) -> FunctionSettings {
    let own = [
        ("QUEUE_URL", queue.url.clone()),
        ("AWS_ENDPOINT_URL_SQS", queue.endpoint.clone()),
        ("CONFIG_DIR", absolute(&settings.config)),
        ("WRITE_KEYS", write_keys(settings)),
    ];
    let names = spillway_ingest::config::NUMBERS.iter().map(|number| number.name);
    let names = names.chain(["AUTH", "COUNTRY_HEADER"]);
    FunctionSettings {
        environments: settings.ingest_environments,
        concurrency: settings.ingest_concurrency,
        timeout: settings.ingest_timeout,
        memory_mb: 256,
        faults: ProcessFaults::of_ingest(faults.clone()),
        ..function("ingest", settings, &own, names)
    }
}

pub(super) fn deliver(settings: &Settings, queue: &Queue, bucket: &Bucket, faults: &Faults) -> FunctionSettings {
    let [timeout, _] = deliver_calls(settings);
    let own = [
        ("QUEUE_URL", queue.url.clone()),
        ("AWS_ENDPOINT_URL_SQS", queue.endpoint.clone()),
        ("BUCKET", settings.bucket.clone()),
        ("AWS_ENDPOINT_URL_S3", bucket.endpoint.clone()),
        (timeout.name, timeout.default.to_string()),
    ];
    let names = spillway_deliver::config::NUMBERS.iter().map(|number| number.name);
    let names = names.chain(["OBJECT_PREFIX", "COMPRESSION"]);
    FunctionSettings {
        environments: settings.deliver_environments,
        timeout: settings.deliver_timeout,
        memory_mb: 512,
        faults: ProcessFaults::of_deliver(faults.clone()),
        ..function("deliver", settings, &own, names)
    }
}

fn function<'a>(
    name: &str,
    settings: &Settings,
    own: &[(&str, String)],
    names: impl Iterator<Item = &'a str>,
) -> FunctionSettings {
    let mut variables: Vec<_> = own.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let common = [("AWS_LAMBDA_LOG_LEVEL", "WARN"), (METRICS, "none")];
    variables.extend(common.map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables.extend(SDK.map(|(name, here)| (name.to_owned(), settings.of_sdk(name, here))));
    let session = settings.is_external().then_some("AWS_SESSION_TOKEN");
    for name in names.chain([METRICS, log::LEVELS[0], log::LEVELS[1], log::FORMAT]).chain(session) {
        if let Some(value) = settings.variables.get(name) {
            // What is said explicitly replaces what is given here.
            variables.retain(|(given, _)| given != name);
            variables.push((name.to_owned(), value.clone()));
        }
    }
    FunctionSettings {
        args: vec![FUNCTION.into(), name.into()],
        variables,
        ..FunctionSettings::new(name, &settings.program)
    }
}

pub(crate) fn write_keys(settings: &Settings) -> String {
    let given = settings.variables.get("WRITE_KEYS").cloned();
    let named = settings.write_keys.iter().enumerate();
    let own = named.map(|(number, key)| format!("write-key-{}={}", number + 1, digest(key.as_bytes())));
    given.into_iter().chain(own).collect::<Vec<_>>().join(",")
}

pub(crate) fn absolute(folder: &Path) -> String {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).display().to_string()
}
