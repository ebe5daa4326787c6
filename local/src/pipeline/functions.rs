//! The settings of the functions, with the environment variables that Lambda would give them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use spillway_forward::secrets::variable;
use spillway_shared::config::Number;
use spillway_shared::destination::Destination;
use spillway_shared::keys::digest;
use spillway_shared::log;
use spillway_shared::metrics::emf::METRICS;
use spillway_shared::stream::{self, StreamName};

use super::Settings;
use crate::account::{CREDENTIAL, REGION};
use crate::environment::FUNCTION;
use crate::faults::{Faults, ProcessFaults};
use crate::runtime::FunctionSettings;
use crate::s3::Bucket;
use crate::sqs::Queue;

/// The variables of the SDKs, and their values for built-in servers.
pub(crate) const SDK: [(&str, &str); 3] =
    [("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", CREDENTIAL), ("AWS_SECRET_ACCESS_KEY", CREDENTIAL)];

/// Variables of the logs, and those with which S3-compatible stores need a client without newer checksums. The SDK of
/// every function reads them.
const COMMON: [&str; 5] = [
    log::LEVELS[0],
    log::LEVELS[1],
    log::FORMAT,
    "AWS_REQUEST_CHECKSUM_CALCULATION",
    "AWS_RESPONSE_CHECKSUM_VALIDATION",
];

/// Processes of each destination, at most.
const FORWARD_ENVIRONMENTS: usize = 2;

/// Timeout and attempts of ingest's calls.
pub(super) const INGEST_CALLS: [Number; 2] =
    [spillway_ingest::config::CALL_TIMEOUT_MS, spillway_ingest::config::CALL_TRIES];

/// Timeout and attempts of deliver's calls.
pub(super) fn deliver_calls(settings: &Settings) -> [Number; 2] {
    use spillway_deliver::config::{CALL_TIMEOUT_MS, CALL_TRIES};
    [shorter(CALL_TIMEOUT_MS, settings.deliver_timeout), CALL_TRIES]
}

/// Timeout and attempts of compact's calls.
pub(super) fn compact_calls(settings: &Settings) -> [Number; 2] {
    use spillway_compact::config::{CALL_TIMEOUT_MS, CALL_TRIES};
    [shorter(CALL_TIMEOUT_MS, settings.compact_timeout), CALL_TRIES]
}

/// A timeout of calls that is shorter than on AWS, so that all attempts fit into the timeout of the local function.
fn shorter(timeout: Number, of_function: Duration) -> Number {
    let third = u64::try_from(of_function.as_millis()).unwrap_or(u64::MAX) / 10 * 3;
    Number { default: third.clamp(timeout.min, timeout.max), ..timeout }
}

pub(super) fn ingest(settings: &Settings, queue: &Queue, faults: &Faults) -> FunctionSettings {
    use spillway_ingest::config::{NUMBERS, TEXTS};
    let wiring = [
        ("QUEUE_URL", queue.url.clone()),
        ("AWS_ENDPOINT_URL_SQS", queue.endpoint.clone()),
        ("CONFIG_DIR", absolute(&settings.config)),
        ("WRITE_KEYS", write_keys(settings)),
    ];
    FunctionSettings {
        environments: settings.ingest_environments,
        concurrency: settings.ingest_concurrency,
        timeout: settings.ingest_timeout,
        memory_mb: 256,
        faults: ProcessFaults::of_ingest(faults.clone()),
        ..function("ingest", settings, [], &names(&NUMBERS, &TEXTS), wiring)
    }
}

pub(super) fn deliver(settings: &Settings, queue: &Queue, bucket: &Bucket, faults: &Faults) -> FunctionSettings {
    use spillway_deliver::config::{NUMBERS, TEXTS};
    let [timeout, _] = deliver_calls(settings);
    let wiring = [
        ("QUEUE_URL", queue.url.clone()),
        ("AWS_ENDPOINT_URL_SQS", queue.endpoint.clone()),
        ("BUCKET", settings.bucket.clone()),
        ("AWS_ENDPOINT_URL_S3", bucket.endpoint.clone()),
    ];
    FunctionSettings {
        environments: settings.deliver_environments,
        timeout: settings.deliver_timeout,
        memory_mb: 512,
        faults: ProcessFaults::of_deliver(faults.clone()),
        ..function("deliver", settings, [(timeout.name, timeout.default)], &names(&NUMBERS, &TEXTS), wiring)
    }
}

pub(super) fn compact(settings: &Settings, queue: &Queue, bucket: &Bucket, faults: &Faults) -> FunctionSettings {
    use spillway_compact::config::{NUMBERS, TEXTS};
    let [timeout, _] = compact_calls(settings);
    let wiring = [
        ("QUEUE_URL", queue.url.clone()),
        ("AWS_ENDPOINT_URL_SQS", queue.endpoint.clone()),
        ("BUCKET", settings.bucket.clone()),
        ("AWS_ENDPOINT_URL_S3", bucket.endpoint.clone()),
        ("CONFIG_DIR", absolute(&settings.config)),
    ];
    FunctionSettings {
        timeout: settings.compact_timeout,
        memory_mb: 1_769,
        faults: ProcessFaults::of_compact(faults.clone()),
        ..function("compact", settings, [(timeout.name, timeout.default)], &names(&NUMBERS, &TEXTS), wiring)
    }
}

/// The function of one destination.
pub(super) fn forward(
    settings: &Settings,
    destination: &Destination,
    queue: &Queue,
    bucket: &Bucket,
    faults: &Faults,
) -> FunctionSettings {
    use spillway_forward::config::{NUMBERS, TEXTS};
    let secrets: Vec<_> = destination.secrets().into_iter().map(variable).collect();
    let names = names(&NUMBERS, &TEXTS).into_iter().chain(secrets.iter().map(String::as_str)).collect::<Vec<_>>();
    let wiring = [
        ("DESTINATION", destination.name.clone()),
        ("SECRETS", "environment".to_owned()),
        ("QUEUE_URL", queue.url.clone()),
        ("DEAD_LETTER_URL", queue.dead_letter_url.clone()),
        ("AWS_ENDPOINT_URL_SQS", queue.endpoint.clone()),
        ("BUCKET", settings.bucket.clone()),
        ("AWS_ENDPOINT_URL_S3", bucket.endpoint.clone()),
        ("CONFIG_DIR", absolute(&settings.config)),
        // Its counts are those of `/status`.
        (METRICS, "emf".to_owned()),
    ];
    FunctionSettings {
        prints_metrics: settings.variable("forward", METRICS).is_some_and(|format| format == "emf"),
        timeout: forward_timeout(settings, destination),
        environments: FORWARD_ENVIRONMENTS.min(destination.concurrency as usize),
        memory_mb: 256,
        faults: ProcessFaults::of_forward(faults.clone()),
        ..function("forward", settings, [], &names, wiring)
    }
}

/// The timeout of a destination's function: all POSTs of a batch, and the time for reading and settling.
pub(super) fn forward_timeout(settings: &Settings, destination: &Destination) -> Duration {
    destination.longest() + settings.forward_time
}

/// All settings that a function reads.
fn names<'a>(numbers: &'a [Number], texts: &'a [&'a str]) -> Vec<&'a str> {
    numbers.iter().map(|number| number.name).chain(texts.iter().copied()).collect()
}

/// A function whose variables are, in ascending priority: defaults, the user's environment for `names`, and `wiring`.
fn function<const D: usize, const W: usize>(
    name: &str,
    settings: &Settings,
    defaults: [(&str, u64); D],
    names: &[&str],
    wiring: [(&str, String); W],
) -> FunctionSettings {
    let mut variables = BTreeMap::from([(log::LEVELS[0], "WARN".to_owned()), (METRICS, "none".to_owned())]);
    variables.extend(defaults.map(|(name, value)| (name, value.to_string())));
    let session = settings.is_external().then_some("AWS_SESSION_TOKEN");
    let read = names.iter().copied().chain(COMMON).chain(session);
    variables.extend(read.filter_map(|variable| Some((variable, settings.variable(name, variable)?.clone()))));
    variables.extend(wiring);
    variables.extend(SDK.map(|(name, built_in)| (name, settings.of_sdk(name, built_in))));
    FunctionSettings {
        args: vec![FUNCTION.into(), name.into()],
        variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        ..FunctionSettings::new(name, &settings.program)
    }
}

/// The keys of the environment and those of the command line, which are bound to the streams of the configuration: only
/// such keys may be part of a path.
pub(crate) fn write_keys(settings: &Settings) -> String {
    let configured = settings.variable("ingest", "WRITE_KEYS").cloned();
    // Ingest reports an error in the streams itself.
    let streams = stream::load(&settings.config).unwrap_or_default();
    let streams = streams.keys().map(StreamName::as_str).collect::<Vec<_>>().join("+");
    let bound = if streams.is_empty() { streams } else { format!(":{streams}") };
    let numbered = settings.write_keys.iter().enumerate();
    let local = numbered.map(|(number, key)| format!("write-key-{}={}{bound}", number + 1, digest(key.as_bytes())));
    configured.into_iter().chain(local).collect::<Vec<_>>().join(",")
}

pub(crate) fn absolute(folder: &Path) -> String {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqs::connect;

    /// Variables that connect the functions with the local servers: the user's environment does not replace them.
    const WIRING: [&str; 5] = ["QUEUE_URL", "BUCKET", "CONFIG_DIR", "WRITE_KEYS", "AWS_REGION"];

    fn value(name: &str) -> String {
        format!("value of {name}")
    }

    /// The functions with the settings that they read, started with every setting in the environment.
    fn functions() -> [(FunctionSettings, Vec<&'static str>); 3] {
        functions_with(&[])
    }

    /// The same with more variables.
    fn functions_with(more: &[(&str, &str)]) -> [(FunctionSettings, Vec<&'static str>); 3] {
        let ingest_names = names(&spillway_ingest::config::NUMBERS, &spillway_ingest::config::TEXTS);
        let deliver_names = names(&spillway_deliver::config::NUMBERS, &spillway_deliver::config::TEXTS);
        let compact_names = names(&spillway_compact::config::NUMBERS, &spillway_compact::config::TEXTS);
        let mut settings = Settings::new("program");
        let all = ingest_names.iter().chain(&deliver_names).chain(&compact_names);
        settings.variables = all.map(|name| ((*name).to_owned(), value(name))).collect();
        settings.variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let queue = Queue::external("http://sqs", "http://sqs/0/q", connect("http://sqs", REGION, CREDENTIAL));
        let faults = Faults::default();
        let bucket = Bucket::external("http://s3");
        let deliver = deliver(&settings, &queue, &bucket, &faults);
        let compact = compact(&settings, &queue, &bucket, &faults);
        [(ingest(&settings, &queue, &faults), ingest_names), (deliver, deliver_names), (compact, compact_names)]
    }

    #[test]
    fn keys_of_the_command_line_are_bound_to_the_configured_streams() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("streams")).unwrap();
        for name in ["clicks", "orders"] {
            std::fs::write(folder.path().join(format!("streams/{name}.json")), "{}").unwrap();
        }
        let mut settings = Settings::new("program");
        settings.config = folder.path().to_owned();
        settings.write_keys = vec!["local".to_owned()];
        assert_eq!(write_keys(&settings), format!("write-key-1={}:clicks+orders", digest(b"local")));
        settings.config = folder.path().join("missing");
        assert_eq!(write_keys(&settings), format!("write-key-1={}", digest(b"local")));
    }

    #[test]
    fn every_setting_of_a_function_is_passed_on_from_the_environment() {
        for (function, names) in functions() {
            let variables: BTreeMap<_, _> = function.variables.into_iter().collect();
            for name in names {
                let passed = variables.get(name).unwrap_or_else(|| panic!("{}: {name} is missing", function.name));
                assert_eq!(*passed == value(name), !WIRING.contains(&name), "{}: {name} is {passed}", function.name);
            }
        }
    }

    #[test]
    fn a_prefix_passes_a_variable_to_one_function_alone() {
        let [(ingest, _), (deliver, _), _] = functions_with(&[
            ("INGEST_MAX_WORKERS", "3"),
            ("DELIVER_MAX_WORKERS", "5"),
            ("DELIVER_LOG_LEVEL", "DEBUG"),
            ("INGEST_WRITE_KEYS", "other"),
        ])
        .map(|(function, names)| (function.variables.into_iter().collect::<BTreeMap<_, _>>(), names));
        assert_eq!((ingest["MAX_WORKERS"].as_str(), deliver["MAX_WORKERS"].as_str()), ("3", "5"));
        assert_eq!((ingest["LOG_LEVEL"].as_str(), deliver["LOG_LEVEL"].as_str()), ("value of LOG_LEVEL", "DEBUG"));
        assert!(ingest["WRITE_KEYS"].starts_with("other,"), "{}", ingest["WRITE_KEYS"]);
        let is_prefixed = |name: &String| name.starts_with("INGEST_") || name.starts_with("DELIVER_");
        assert!(!ingest.keys().chain(deliver.keys()).any(is_prefixed));
    }

    #[test]
    fn the_checksums_that_an_s3_compatible_store_needs_are_passed_on() {
        let variables =
            [("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required"), ("AWS_RESPONSE_CHECKSUM_VALIDATION", "x")];
        for (function, _) in functions_with(&variables) {
            let passed: BTreeMap<_, _> = function.variables.into_iter().collect();
            for (name, value) in variables {
                assert_eq!(passed[name], value, "{}", function.name);
            }
        }
    }

    #[test]
    fn the_wiring_wins_over_the_environment_and_local_write_keys_are_added() {
        let [(ingest, _), (deliver, _), _] =
            functions().map(|(function, names)| (function.variables.into_iter().collect::<BTreeMap<_, _>>(), names));
        assert_eq!((ingest["QUEUE_URL"].as_str(), deliver["BUCKET"].as_str()), ("http://sqs/0/q", "spillway"));
        assert!(ingest["WRITE_KEYS"].starts_with("value of WRITE_KEYS,write-key-1="), "{}", ingest["WRITE_KEYS"]);
    }
}
