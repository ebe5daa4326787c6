//! The stack of a destination: variables, rights, metrics, times, and independence of the main stack.

use std::collections::BTreeSet;

use serde_json::Value;
use spillway_forward::config::{NUMBERS, TEXTS};
use spillway_forward::delay::LAST_RECEIVE;
use spillway_shared::metrics::{Forwarded, Measured};

use crate::cloudformation::Template;

const FUNCTION: &str = "ForwardFunction";

#[test]
fn the_function_has_exactly_the_variables_that_it_reads() {
    let template = Template::of_destination();
    let set: BTreeSet<_> = template.variables(FUNCTION).into_keys().collect();
    let read = NUMBERS.iter().map(|number| number.name).chain(TEXTS).map(str::to_owned);
    assert_eq!(set, read.collect());
}

#[test]
fn numbers_have_the_ranges_of_the_code() {
    let template = Template::of_destination();
    let variables = template.variables(FUNCTION);
    for number in NUMBERS {
        let parameter = variables[number.name]["Ref"].as_str().unwrap();
        let (min, max) = template.range(parameter);
        assert!(number.min <= min && max <= number.max, "{parameter}");
        // The parameters of the stack follow from the file.
        if parameter != "Concurrency" {
            assert_eq!(template.default(parameter), number.default, "{parameter}");
        }
    }
}

#[test]
fn the_role_allows_exactly_the_calls_of_forward() {
    let template = Template::of_destination();
    let statements = template.statements("ForwardRole");
    let actions: BTreeSet<_> = statements.iter().flat_map(|statement| Template::list(&statement["Action"])).collect();
    let expected = [
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:ListBucket",
        "secretsmanager:GetSecretValue",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    ];
    assert_eq!(actions.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    assert!(statements.iter().all(|statement| statement["Effect"] == "Allow" && statement["Resource"] != "*"));
}

#[test]
fn alarms_use_metrics_that_forward_writes() {
    let template = Template::of_destination();
    let known: BTreeSet<_> = Forwarded::METRICS.iter().map(|metric| metric.name).collect();
    let alarms = template.metrics_of_alarms("Spillway");
    assert!(alarms.len() >= 3);
    for (name, dimensions) in alarms {
        assert!(known.contains(name.as_str()), "{name}");
        assert_eq!(dimensions, ["Function"]);
    }
}

#[test]
fn queue_and_times_are_those_of_the_contract() {
    let template = Template::of_destination();
    let queue = &template.resources["Queue"]["Properties"];
    assert_eq!(queue["RedrivePolicy"]["maxReceiveCount"], LAST_RECEIVE);
    assert_eq!(queue["MessageRetentionPeriod"], 14 * 86_400);
    assert!(template.default("VisibilityTimeout") >= 6 * template.default("FunctionTimeout"));
    assert_eq!(template.resources[FUNCTION]["Properties"]["RecursiveLoop"], "Allow");
}

#[test]
fn the_stack_imports_nothing() {
    let template = Template::of_destination();
    let text = Value::Object(template.resources).to_string();
    assert!(!text.contains("Fn::ImportValue"));
}

#[test]
fn the_manual_lists_every_metric_with_its_unit() {
    let manual = include_str!("../../docs/destinations.md");
    for metric in Forwarded::METRICS {
        assert!(manual.contains(&format!("| `{}` | {} |", metric.name, metric.unit)), "{}", metric.name);
    }
}
