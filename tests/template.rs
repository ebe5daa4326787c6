//! The template's contract with the code: variables, ranges, times, rights, metrics.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "template/alarms.rs"]
mod alarms;
#[path = "template/cloudformation.rs"]
mod cloudformation;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use cloudformation::Template;
use serde_json::{Value, json};
use spillway_shared::config::Number;
use spillway_shared::log;
use spillway_shared::metrics::{Delivered, FUNCTION, Ingested, Measured, NAMESPACE, Taken};
use spillway_shared::retry::FUNCTION_TIMEOUT;

/// What Lambda sets by itself, and what only somebody who leaves AWS sets.
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

const FUNCTIONS: [&str; 3] = ["IngestFunction", "ManagedIngestFunction", "DeliverFunction"];

fn names(numbers: &[Number], texts: &[&'static str]) -> BTreeSet<&'static str> {
    numbers.iter().map(|number| number.name).chain(texts.iter().copied()).collect()
}

fn names_of(function: &str) -> BTreeSet<&'static str> {
    if function == "DeliverFunction" {
        names(&spillway_deliver::config::NUMBERS, &spillway_deliver::config::TEXTS)
    } else {
        names(&spillway_ingest::config::NUMBERS, &spillway_ingest::config::TEXTS)
    }
}

fn numbers_of(function: &str) -> &'static [Number] {
    if function == "DeliverFunction" { &spillway_deliver::config::NUMBERS } else { &spillway_ingest::config::NUMBERS }
}

#[test]
fn the_lists_of_variables_are_all_that_the_code_reads() {
    for function in ["IngestFunction", "DeliverFunction"] {
        let asked = RefCell::new(BTreeSet::new());
        let lookup = |name: &str| {
            asked.borrow_mut().insert(name.to_owned());
            None
        };
        log::start(&lookup);
        // Without variables neither starts, and each reads all of them to say so.
        match function {
            "DeliverFunction" => drop(spillway_deliver::config::Config::read(&lookup).unwrap_err()),
            _ => drop(spillway_ingest::config::Config::read(&lookup).unwrap_err()),
        }
        let asked = asked.into_inner();
        let ours: BTreeSet<_> = asked.iter().map(String::as_str).filter(|name| !NOT_OURS.contains(name)).collect();
        assert_eq!(ours, names_of(function), "{function}");
    }
}

#[test]
fn every_variable_that_is_read_is_set_and_no_other() {
    let template = Template::read();
    for function in FUNCTIONS {
        let variables = template.variables(function);
        let set: BTreeSet<_> = variables.keys().map(String::as_str).collect();
        assert_eq!(set, names_of(function), "{function}");
    }
}

#[test]
fn a_changed_parameter_of_a_function_publishes_a_new_version() {
    let template = Template::read();
    for function in FUNCTIONS {
        let description = &template.resources[function]["Properties"]["VersionDescription"]["Fn::Sub"];
        let description = description.as_str().unwrap_or_else(|| panic!("{function} has no VersionDescription"));
        let variables = template.variables(function);
        for name in variables.values().filter_map(|value| value["Ref"].as_str()) {
            let is_named = description.contains(&format!("${{{name}}}"));
            assert!(
                is_named || !template.parameters.contains_key(name),
                "{function}: {name} is not in its description"
            );
        }
    }
}

#[test]
fn parameters_have_the_defaults_and_the_ranges_of_the_code() {
    let template = Template::read();
    for function in FUNCTIONS {
        let variables = template.variables(function);
        for number in numbers_of(function) {
            let parameter = template.parameter_behind(&variables[number.name]);
            let [default, min, max] = ["Default", "MinValue", "MaxValue"].map(|key| Template::number(&parameter[key]));
            assert_eq!((default, min, max), (number.default, number.min, number.max), "{function}: {}", number.name);
        }
    }
}

#[test]
fn the_code_takes_every_word_that_a_parameter_allows_and_its_default() {
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
    assert_eq!(compressions, ["gzip", "zstd", "none"]);
    assert_eq!(template.words("Auth"), ["keys", "none"]);
    assert_eq!(template.words("LogLevel"), ["INFO", "WARN", "ERROR"]);
}

#[test]
fn the_calls_of_a_function_end_before_it_does() {
    let template = Template::read();
    for (function, numbers) in [("Ingest", numbers_of("IngestFunction")), ("Deliver", numbers_of("DeliverFunction"))] {
        let number = |name: &str| numbers.iter().find(|number| number.name == name).unwrap().default;
        let limit = template.default(&format!("{function}Timeout")) * 1_000;
        assert!(number("CALL_TIMEOUT_MS") * number("CALL_TRIES") < limit, "{function}");
    }
    // The code refuses every other combination at start, so it must be told the time-out that Lambda is told.
    for (function, parameter) in [
        ("IngestFunction", "IngestTimeout"),
        ("ManagedIngestFunction", "IngestTimeout"),
        ("DeliverFunction", "DeliverTimeout"),
    ] {
        let timeout = json!({"Ref": parameter});
        assert_eq!(template.resources[function]["Properties"]["Timeout"], timeout, "{function}");
        assert_eq!(template.variables(function)[FUNCTION_TIMEOUT.name], timeout, "{function}");
        let (min, max) = template.range(parameter);
        assert!(FUNCTION_TIMEOUT.min <= min && max <= FUNCTION_TIMEOUT.max, "{function}");
        let call = numbers_of(function).iter().find(|number| number.name == "CALL_TIMEOUT_MS").unwrap();
        assert!(call.max < max * 1_000, "{function}: a call that no time-out has room for");
    }
}

#[test]
fn the_queue_hides_a_message_as_long_as_the_design_wants_at_every_allowed_value() {
    let template = Template::read();
    let [t, w, v] = ["DeliverTimeout", "BatchWindow", "VisibilityTimeout"].map(|name| template.range(name));
    assert!(v.0 >= 6 * t.1 + w.1, "V >= 6 T + W");
    // Two killed invocations, each as long as a message stays hidden, and then one that succeeds.
    assert!(2 * v.1 + t.1 + w.1 <= 300, "2 V + T + W <= 300");
    let [t, w, v] = ["DeliverTimeout", "BatchWindow", "VisibilityTimeout"].map(|name| template.default(name));
    assert!(v >= 6 * t + w && 13 * t + 3 * w <= 300);
    assert_eq!(template.resources["Queue"]["Properties"]["VisibilityTimeout"], json!({"Ref": "VisibilityTimeout"}));
}

#[test]
fn a_role_may_do_exactly_what_its_function_does() {
    let template = Template::read();
    let logs = ["logs:CreateLogStream", "logs:PutLogEvents"];
    let kms = ["kms:GenerateDataKey", "kms:Decrypt"];
    let trace = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];
    let always =
        |own: &[&'static str]| own.iter().chain(&logs).chain(&kms).chain(&trace).copied().collect::<BTreeSet<_>>();
    let ingest = always(&["sqs:SendMessage"]);
    let deliver = always(&[
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:GetQueueAttributes",
        "s3:PutObject",
    ]);
    for (role, expected) in [("IngestRole", ingest), ("DeliverRole", deliver)] {
        let statements = template.statements(role);
        let actions: BTreeSet<_> =
            statements.iter().flat_map(|statement| Template::list(&statement["Action"])).collect();
        assert_eq!(actions.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected, "{role}");
        for statement in &statements {
            assert_eq!(statement["Effect"], "Allow");
            let is_trace = statement["Sid"] == "Trace";
            assert_eq!(statement["Resource"] == "*", is_trace, "only X-Ray knows no resources: {statement}");
        }
        assert!(template.resources[role]["Properties"].get("ManagedPolicyArns").is_none(), "{role}");
    }
}

#[test]
fn alarms_and_dashboard_look_at_metrics_that_the_code_emits() {
    let template = Template::read();
    let emitted: BTreeMap<&str, &str> = [Ingested::METRICS, Taken::METRICS, Delivered::METRICS]
        .concat()
        .iter()
        .map(|metric| (metric.name, metric.unit))
        .collect();
    let alarmed = template.metrics_of_alarms(NAMESPACE);
    let watched: BTreeSet<_> = alarmed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(watched, BTreeSet::from(["Failed", "LagSeconds", "Quarantined", "Requests", "Status5xx"]));
    for (name, dimensions) in &alarmed {
        assert!(emitted.contains_key(name.as_str()), "{name}");
        assert_eq!(dimensions, &[FUNCTION], "{name}");
    }
    let shown = template.metrics_of_dashboard(NAMESPACE);
    for name in emitted.keys() {
        let is_seen = shown.contains(*name) || watched.contains(name);
        assert!(is_seen, "{name} is emitted and nobody looks at it");
    }
    for name in &shown {
        assert!(emitted.contains_key(name.as_str()), "{name} is on the dashboard and never emitted");
    }
}

#[test]
fn old_versions_go_in_any_case_since_they_outlive_the_parameter_that_made_them() {
    let template = Template::read();
    let rules = template.resources["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"].as_array().unwrap();
    // A rule under a condition is an `Fn::If` here and has no such members.
    let of_all =
        rules.iter().find(|rule| rule["NoncurrentVersionExpiration"].is_object() && rule.get("Prefix").is_none());
    let of_all = of_all.expect("a rule for old versions wherever they lie, under no condition");
    assert_eq!(of_all["Status"], "Enabled");
    assert_eq!(of_all["NoncurrentVersionExpiration"]["NoncurrentDays"], 30);
}

fn is_row_of_metrics(line: &str) -> bool {
    line.starts_with("| ingest | `") || line.starts_with("| deliver | `")
}

#[test]
fn the_manual_names_every_metric_with_its_unit() {
    let manual = include_str!("../docs/operate.md");
    for metric in [Ingested::METRICS, Taken::METRICS, Delivered::METRICS].concat() {
        let row = manual.lines().find(|line| is_row_of_metrics(line) && line.contains(&format!("`{}`", metric.name)));
        let row = row.unwrap_or_else(|| panic!("{} is not in docs/operate.md", metric.name));
        assert!(row.contains(&format!("| {} |", metric.unit)), "{row}");
    }
}

#[test]
fn deliver_answers_by_message_and_the_way_to_the_dead_letters_is_long() {
    let template = Template::read();
    let event = &template.resources["DeliverFunction"]["Properties"]["Events"]["Messages"]["Properties"];
    assert_eq!(event["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(template.range("BatchSize").1, 10_000);
    assert!(template.range("MaxReceiveCount").0 >= 5, "Lambda asks for at least 5");
    let days =
        |queue: &str| Template::number(&template.resources[queue]["Properties"]["MessageRetentionPeriod"]) / 86_400;
    assert_eq!((days("Queue"), days("DeadLetters")), (7, 14));
}

#[test]
fn a_functions_folder_has_all_that_it_is_built_from_so_that_sams_cache_sees_each_change() {
    let workspace = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().canonicalize().unwrap();
    let template = Template::read();
    for function in FUNCTIONS {
        let folder = workspace.join(template.resources[function]["Properties"]["CodeUri"].as_str().unwrap());
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let members = manifest.lines().filter_map(|line| line.strip_prefix("spillway-")?.split_once('.'));
        let members: Vec<_> = members.map(|(member, _)| member).collect();
        assert_eq!(members, ["aws", "shared"], "{function}: link every member of the workspace that it is built from");
        for place in ["Cargo.lock", "Cargo.toml"].iter().chain(&members) {
            let linked = folder.join("built-from").join(place).canonicalize();
            assert_eq!(linked.unwrap(), workspace.join(place), "{function}");
        }
    }
}
