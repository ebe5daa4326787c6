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

/// Variables of the logs, which every function reads.
const LOG: [&str; 3] = [log::LEVELS[0], log::LEVELS[1], log::FORMAT];

/// Processes of each destination, at most.
const FORWARD_ENVIRONMENTS: usize = 2;

/// Timeout and attempts of ingest's calls.
pub(super) const INGEST_CALLS: [Number; 2] =
    [spillway_ingest::config::CALL_TIMEOUT_MS, spillway_ingest::config::CALL_TRIES];

/// Timeout and attempts of deliver's calls. The timeout is shorter than on AWS, so that all attempts fit into the timeout
/// of the local function.
pub(super) fn deliver_calls(settings: &Settings) -> [Number; 2] {
    let [timeout, tries] = [spillway_deliver::config::CALL_TIMEOUT_MS, spillway_deliver::config::CALL_TRIES];
    let third = u64::try_from(settings.deliver_timeout.as_millis()).unwrap_or(u64::MAX) / 10 * 3;
    [Number { default: third.clamp(timeout.min, timeout.max), ..timeout }, tries]
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
    ];
    FunctionSettings {
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
    let read = names.iter().copied().chain(LOG).chain(session);
    variables.extend(read.filter_map(|name| Some((name, settings.variables.get(name)?.clone()))));
    variables.extend(wiring);
    variables.extend(SDK.map(|(name, built_in)| (name, settings.of_sdk(name, built_in))));
    FunctionSettings {
        args: vec![FUNCTION.into(), name.into()],
        variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        ..FunctionSettings::new(name, &settings.program)
    }
}

pub(crate) fn write_keys(settings: &Settings) -> String {
    let configured = settings.variables.get("WRITE_KEYS").cloned();
    let numbered = settings.write_keys.iter().enumerate();
    let local = numbered.map(|(number, key)| format!("write-key-{}={}", number + 1, digest(key.as_bytes())));
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

    /// Both functions with the settings that they read, started with every setting in the environment.
    fn functions() -> [(FunctionSettings, Vec<&'static str>); 2] {
        let ingest_names = names(&spillway_ingest::config::NUMBERS, &spillway_ingest::config::TEXTS);
        let deliver_names = names(&spillway_deliver::config::NUMBERS, &spillway_deliver::config::TEXTS);
        let mut settings = Settings::new("program");
        settings.variables =
            ingest_names.iter().chain(&deliver_names).map(|name| ((*name).to_owned(), value(name))).collect();
        let queue = Queue::external("http://sqs", "http://sqs/0/q", connect("http://sqs", REGION, CREDENTIAL));
        let faults = Faults::default();
        let deliver = deliver(&settings, &queue, &Bucket::external("http://s3"), &faults);
        [(ingest(&settings, &queue, &faults), ingest_names), (deliver, deliver_names)]
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
    fn the_wiring_wins_over_the_environment_and_local_write_keys_are_added() {
        let [(ingest, _), (deliver, _)] =
            functions().map(|(function, names)| (function.variables.into_iter().collect::<BTreeMap<_, _>>(), names));
        assert_eq!((ingest["QUEUE_URL"].as_str(), deliver["BUCKET"].as_str()), ("http://sqs/0/q", "spillway"));
        assert!(ingest["WRITE_KEYS"].starts_with("value of WRITE_KEYS,write-key-1="), "{}", ingest["WRITE_KEYS"]);
    }
}
