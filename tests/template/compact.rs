//! Tables: the function compact with queue, schedule, rights and alarms, and the Glue tables of the streams in `config/`.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};
use spillway_compact::config::{CALL_TIMEOUT_MS, CALL_TRIES};
use spillway_compact::event::Event;
use spillway_shared::prefixes::{LAKE, REPLAYED};

use crate::cloudformation::Template;

const TEMPLATE: &str = include_str!("../../template.yaml");

fn properties<'a>(template: &'a Template, resource: &str) -> &'a Value {
    &template.resources[resource]["Properties"]
}

fn statement(template: &Template, sid: &str) -> Value {
    let statements = template.statements("CompactRole");
    statements.into_iter().find(|statement| statement["Sid"] == sid).unwrap()
}

/// Resources and outputs of compact, by their names, and the tables of streams.
fn is_of_tables(name: &str, resource: &Value) -> bool {
    let is_table =
        resource["Type"] == "AWS::Glue::Table" && !resource["Properties"].to_string().contains("ObjectPrefix");
    let is_common = ["RecordsView", "FailuresView", "RejectedLinesTable"].contains(&name);
    name.starts_with("Compact") || name == "UnreadableObjectsAlarm" || (is_table && !is_common)
}

#[test]
fn tables_are_off_by_default_and_then_leave_nothing() {
    let template = Template::read();
    assert_eq!(template.parameters["Tables"]["Default"], "off");
    assert_eq!(*template.condition("HasTables"), json!({"Fn::Equals": [{"Ref": "Tables"}, "on"]}));
    let mut found = BTreeSet::new();
    for (name, resource) in &template.resources {
        let is_conditional = resource["Condition"] == "HasTables";
        assert_eq!(is_conditional, is_of_tables(name, resource), "{name}");
        found.extend(is_conditional.then_some(resource["Type"].as_str().unwrap()));
    }
    let types = [
        "AWS::CloudWatch::Alarm",
        "AWS::Glue::Table",
        "AWS::IAM::Role",
        "AWS::Logs::LogGroup",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::Serverless::Function",
    ];
    assert_eq!(found, BTreeSet::from(types));
}

#[test]
fn the_template_has_the_tables_that_the_command_prints() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../config");
    let output = command.args(["table", "--cloudformation", "--config", config]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let (_, rest) = TEMPLATE.split_once("`spillway table --cloudformation` prints them.\n\n").unwrap();
    let (written, _) = rest.split_once("\n\n  # ").unwrap();
    assert_eq!(written, printed.trim_end(), "replace the tables in template.yaml by those of the command");
}

#[test]
fn the_role_reads_records_and_files_and_only_creates_files() {
    let template = Template::read();
    let queue = json!({"Fn::GetAtt": "CompactQueue.Arn"});
    let [records, files] = ["${Bucket.Arn}/${ObjectPrefix}*".to_owned(), format!("${{Bucket.Arn}}/{LAKE}*")]
        .map(|place| json!({"Fn::Sub": place}));
    assert_eq!(statement(&template, "ConsumeAndSendHours")["Resource"], queue);
    assert_eq!(statement(&template, "ReadRecordsAndFiles")["Resource"], json!([records, files]));
    let create = statement(&template, "CreateFiles");
    assert_eq!((&create["Action"], &create["Resource"]), (&json!("s3:PutObject"), &files));
    assert_eq!(create["Condition"], json!({"Null": {"s3:if-none-match": "false"}}));
    let prefixes = json!([{"Fn::Sub": "${ObjectPrefix}*"}, format!("{LAKE}*"), format!("{REPLAYED}*")]);
    assert_eq!(statement(&template, "ListRecordsFilesAndMarkers")["Condition"]["StringLike"]["s3:prefix"], prefixes);
}

#[test]
fn the_scheduler_may_invoke_compact_alone() {
    let template = Template::read();
    let role = properties(&template, "CompactScheduleRole");
    let trust = &role["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(trust["Principal"]["Service"], "scheduler.amazonaws.com");
    assert_eq!(trust["Condition"]["StringEquals"]["aws:SourceAccount"], json!({"Ref": "AWS::AccountId"}));
    let [right] = template.statements("CompactScheduleRole").try_into().unwrap();
    assert_eq!(right["Action"], "lambda:InvokeFunction");
    assert_eq!(right["Resource"], json!({"Ref": "CompactFunction.Alias"}));
}

/// The schedule covers what the queues of messages can still release: 7 days, and 14 as dead letters.
#[test]
fn the_schedule_sends_events_that_compact_reads() {
    let template = Template::read();
    let events = properties(&template, "CompactFunction")["Events"].as_object().unwrap();
    let days = |queue: &str| Template::number(&properties(&template, queue)["MessageRetentionPeriod"]) / 86_400;
    let released = days("Queue") + days("DeadLetters") + 1;
    for (event, expression, hours) in
        [("Hourly", "cron(10 * * * ? *)", 24), ("Daily", "cron(40 3 * * ? *)", 24 * released)]
    {
        let schedule = &events[event]["Properties"];
        assert_eq!(schedule["ScheduleExpression"], expression);
        assert_eq!(schedule["OmitName"], true, "{event}: two stacks of an account need different names");
        let input = serde_json::from_str::<Event>(schedule["Input"].as_str().unwrap()).unwrap();
        assert_eq!(input, Event::Schedule { hours: u32::try_from(hours).unwrap() });
        assert_eq!(schedule["RoleArn"], json!({"Fn::GetAtt": "CompactScheduleRole.Arn"}));
    }
}

#[test]
fn messages_come_one_by_one_and_back_after_the_timeout() {
    let template = Template::read();
    let function = properties(&template, "CompactFunction");
    let timeout = Template::number(&function["Timeout"]);
    assert_eq!(Template::number(&template.variables("CompactFunction")["FUNCTION_TIMEOUT"]), timeout);
    assert!(CALL_TIMEOUT_MS.default * CALL_TRIES.default < timeout * 1_000);
    let queue = properties(&template, "CompactQueue");
    assert!(Template::number(&queue["VisibilityTimeout"]) > timeout);
    assert!(Template::number(&queue["RedrivePolicy"]["maxReceiveCount"]) >= 5, "Lambda recommends at least 5");
    let event = &function["Events"]["Hours"]["Properties"];
    assert_eq!(event["BatchSize"], 1);
    assert_eq!(event["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(event["ScalingConfig"], json!({"MaximumConcurrency": {"Ref": "CompactConcurrency"}}));
    // Otherwise Lambda's detection of loops would stop an hour that is enqueued again and again.
    assert_eq!(function["RecursiveLoop"], "Allow");
}

/// An hour is enqueued ten minutes after its end.
#[test]
fn an_hour_that_is_not_compacted_half_an_hour_after_its_end_rings() {
    let template = Template::read();
    let alarm = properties(&template, "CompactAgeAlarm");
    assert_eq!(alarm["MetricName"], "ApproximateAgeOfOldestMessage");
    assert_eq!(alarm["Threshold"], (30 - 10) * 60);
}
