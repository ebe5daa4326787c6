//! The environment of the functions: every variable that the code reads, its default and its range.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use spillway_shared::log;

use crate::cloudformation::Template;
use crate::{FUNCTIONS, numbers_of};

/// Variables that Lambda sets, and endpoints that are only set outside AWS.
const NOT_OURS: [&str; 8] = [
    "AWS_REGION",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_LOG_LEVEL",
    "AWS_LAMBDA_LOG_FORMAT",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_LAMBDA_MAX_CONCURRENCY",
];

/// Variables that the template does not set, with the reason: on AWS their default in the code applies.
const DEFAULTS_ONLY: [(&str, &str); 6] = [
    ("CALL_TIMEOUT_MS", "every timeout that the template allows has room for all attempts (times.rs)"),
    ("CALL_TRIES", "the same"),
    ("MAX_FILE_BYTES", "a larger file needs more memory, and a smaller one makes queries slower"),
    ("MAX_QUEUE", "MAX_INFLIGHT_BYTES limits the waiting records in bytes, and MAX_WORKERS is what shortens the wait"),
    ("MAX_PAYLOADS", "MAX_BODY_BYTES limits the same documents in bytes"),
    ("MAX_MESSAGE_BYTES", "another size saves nothing: SQS bills every 64 KiB"),
];

/// Variables that the template sets and the code ignores, with the reason.
const TEMPLATE_ONLY: [(&str, &str); 1] =
    [("RELEASE", "a changed value makes a version that Lambda has not published yet")];

fn names_of(function: &str) -> BTreeSet<&'static str> {
    let texts: &[&str] = match function {
        "DeliverFunction" => &spillway_deliver::config::TEXTS,
        "CompactFunction" => &spillway_compact::config::TEXTS,
        _ => &spillway_ingest::config::TEXTS,
    };
    numbers_of(function).iter().map(|number| number.name).chain(texts.iter().copied()).collect()
}

#[test]
fn the_lists_of_variables_contain_everything_that_the_code_reads() {
    for function in ["IngestFunction", "DeliverFunction", "CompactFunction"] {
        let asked = RefCell::new(BTreeSet::new());
        let lookup = |name: &str| {
            asked.borrow_mut().insert(name.to_owned());
            None
        };
        log::start(&lookup);
        // Neither starts without variables, but each reads all of them to report every error.
        match function {
            "DeliverFunction" => drop(spillway_deliver::config::Config::read(&lookup).unwrap_err()),
            "CompactFunction" => drop(spillway_compact::config::Config::read(&lookup).unwrap_err()),
            _ => drop(spillway_ingest::config::Config::read(&lookup).unwrap_err()),
        }
        let asked = asked.into_inner();
        let ours: BTreeSet<_> = asked.iter().map(String::as_str).filter(|name| !NOT_OURS.contains(name)).collect();
        assert_eq!(ours, names_of(function), "{function}");
    }
}

#[test]
fn every_variable_is_either_set_or_listed_as_defaults_only() {
    let template = Template::read();
    let mut unset = BTreeSet::new();
    for function in FUNCTIONS {
        let variables = template.variables(function);
        let read = names_of(function);
        for name in variables.keys().filter(|name| TEMPLATE_ONLY.iter().all(|(listed, _)| listed != name)) {
            assert!(read.contains(name.as_str()), "{function} sets {name}, which the code does not read");
            assert!(
                DEFAULTS_ONLY.iter().all(|(listed, _)| listed != name),
                "{function} sets {name}, a defaults-only variable"
            );
        }
        unset.extend(read.into_iter().filter(|name| !variables.contains_key(*name)));
    }
    assert_eq!(unset, DEFAULTS_ONLY.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>());
}

#[test]
fn parameters_have_the_defaults_and_ranges_of_the_code() {
    let template = Template::read();
    for function in FUNCTIONS {
        let variables = template.variables(function);
        for number in numbers_of(function).iter().filter(|number| variables.contains_key(number.name)) {
            let parameter = template.parameter_behind(&variables[number.name]);
            let [default, min, max] = ["Default", "MinValue", "MaxValue"].map(|key| Template::number(&parameter[key]));
            assert_eq!((default, min, max), (number.default, number.min, number.max), "{function}: {}", number.name);
        }
    }
}

#[test]
fn a_description_begins_with_the_variable_that_the_parameter_sets() {
    let template = Template::read();
    for function in FUNCTIONS {
        for (name, value) in template.variables(function) {
            let Some(parameter) = value["Ref"].as_str().and_then(|parameter| template.parameters.get(parameter)) else {
                continue;
            };
            let description = parameter["Description"].as_str().unwrap();
            let begins =
                description.starts_with(&format!("{name}: ")) || description.starts_with(&format!("{name} of "));
            assert!(begins || name == "FUNCTION_TIMEOUT", "{function}: {name}: {description}");
        }
    }
}

/// While two versions run with different values, a message that SQS delivers twice can be in two objects.
#[test]
fn a_parameter_that_changes_the_names_of_objects_says_how_to_deploy_it() {
    let template = Template::read();
    let variables = template.variables("DeliverFunction");
    let names_objects =
        |name: &&String| name.starts_with("MAX_OBJECT_") || ["COMPRESSION", "OBJECT_PREFIX"].contains(&name.as_str());
    let found: Vec<_> = variables.keys().filter(names_objects).collect();
    assert_eq!(found.len(), 5, "{found:?}");
    for name in found {
        let description = template.parameter_behind(&variables[name])["Description"].as_str().unwrap();
        assert!(description.ends_with("Deploy a change with GradualDeployment=false."), "{name}: {description}");
    }
}

#[test]
fn deliver_accepts_every_default_and_every_allowed_value() {
    let template = Template::read();
    let variables = template.variables("DeliverFunction");
    for (name, value) in &variables {
        let Value::Object(_) = value else { continue };
        if value["Ref"].as_str().is_some_and(|name| template.parameters.get(name).is_none()) {
            continue;
        }
        let parameter = template.parameter_behind(value);
        let words = parameter["AllowedValues"].as_array().cloned().unwrap_or_default();
        for word in words.iter().chain([&parameter["Default"]]).filter_map(Value::as_str) {
            let needed = BTreeMap::from([
                ("BUCKET", "b"),
                ("QUEUE_URL", "https://q"),
                ("AWS_REGION", "r"),
                (name.as_str(), word),
            ]);
            let read =
                spillway_deliver::config::Config::read(&|name| needed.get(name).map(|value| (*value).to_owned()));
            assert!(read.is_ok(), "{name}={word}: {read:?}");
        }
    }
    let compressions: Vec<_> = template.words("DeliverCompression");
    assert_eq!(compressions, ["zstd", "gzip", "none"]);
    assert_eq!(template.words("Auth"), ["keys", "none"]);
    assert_eq!(template.words("LogLevel"), ["INFO", "WARN", "ERROR"]);
}
