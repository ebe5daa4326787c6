//! When alarms fire: on repeated failures, and during a canary.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cloudformation::Template;

/// The number of bad minutes that fires an alarm, and the number of minutes that it evaluates.
fn bad_minutes(alarm: &Value) -> (u64, u64) {
    let of = Template::number(&alarm["EvaluationPeriods"]);
    (alarm.get("DatapointsToAlarm").map_or(of, Template::number), of)
}

/// The names of deliver's metrics in an alarm.
fn metrics_of_deliver(alarm: &Value) -> BTreeSet<&str> {
    let stats = alarm["Metrics"].as_array().into_iter().flatten().map(|metric| &metric["MetricStat"]["Metric"]);
    let is_of_deliver = |metric: &&Value| metric["Dimensions"][0]["Value"] == json!({"Ref": "DeliverFunction"});
    stats.chain([alarm]).filter(is_of_deliver).filter_map(|metric| metric["MetricName"].as_str()).collect()
}

fn alarms(template: &Template) -> impl Iterator<Item = (&String, &Value)> {
    let alarms = template.resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    alarms.map(|(name, alarm)| (name, &alarm["Properties"]))
}

#[test]
fn alarms_detect_repeated_failures_with_good_minutes_in_between() {
    let template = Template::read();
    let [t, w, v] = ["DeliverTimeout", "BatchWindow", "VisibilityTimeout"].map(|name| template.range(name).1);
    // The longest time from one bad minute to the next, for a message that kills deliver and for a returned one.
    let killed = v + w + t;
    let returned = u64::from(spillway_deliver::delay::LONGEST) + w + t;
    let mut detected = BTreeSet::new();
    for (name, alarm) in alarms(&template) {
        for metric in metrics_of_deliver(alarm) {
            let again = match metric {
                "Errors" | "LagSeconds" => killed,
                "Failed" => returned,
                _ => continue,
            };
            let (bad, of) = bad_minutes(alarm);
            assert!((bad - 1) * again <= (of - 1) * 60, "{name}: {bad} of {of} minutes, {again} s apart");
            detected.insert(metric);
        }
    }
    assert_eq!(detected, BTreeSet::from(["Errors", "Failed", "LagSeconds"]));
}

#[test]
fn a_single_failed_batch_counts_among_any_number_of_successful_ones() {
    let template = Template::read();
    let (_, alarm) = alarms(&template).find(|(_, alarm)| metrics_of_deliver(alarm).contains("Errors")).unwrap();
    let [metric, stat, threshold] = ["MetricName", "Statistic", "Threshold"].map(|key| &alarm[key]);
    assert_eq!((metric, stat, threshold), (&json!("Errors"), &json!("Sum"), &json!(0)));
}

#[test]
fn repeatedly_failing_messages_notify_and_a_short_fault_only_stops_a_canary() {
    let template = Template::read();
    let failed = alarms(&template).filter(|(_, alarm)| metrics_of_deliver(alarm).contains("Failed"));
    let failed: Vec<_> = failed.map(|(name, alarm)| (name, alarm.get("AlarmActions").is_some(), alarm)).collect();
    for (name, notifies, alarm) in &failed {
        assert_eq!((&alarm["Statistic"], &alarm["Threshold"]), (&json!("Sum"), &json!(0)), "{name}");
        let wanted = if *notifies { (6, 10) } else { (2, 5) };
        assert_eq!(bad_minutes(alarm), wanted, "{name}");
    }
    assert!(failed.iter().any(|(_, notifies, _)| *notifies), "no alarm on failed messages notifies");
    let stops = &template.resources["DeliverFunction"]["Properties"]["DeploymentPreference"]["Alarms"];
    let is_stopping = |name: &str| stops.as_array().unwrap().contains(&json!({"Ref": name}));
    assert!(failed.iter().any(|(name, ..)| is_stopping(name)), "no alarm on failed messages stops a canary");
}

#[test]
fn the_alarms_of_a_canary_can_fire_before_it_ends() {
    let template = Template::read();
    for function in ["IngestFunction", "DeliverFunction"] {
        let canary = &template.resources[function]["Properties"]["DeploymentPreference"];
        assert_eq!(canary["Type"], "Canary10Percent5Minutes", "{function}");
        for name in canary["Alarms"].as_array().unwrap().iter().map(|alarm| alarm["Ref"].as_str().unwrap()) {
            let (bad, of) = bad_minutes(&template.resources[name]["Properties"]);
            assert!(bad <= 3 && of <= 5, "{name}: {bad} of {of} minutes");
        }
    }
}

#[test]
fn the_manual_explains_every_alarm() {
    let manual = include_str!("../../docs/operate.md");
    let template = Template::read();
    for (name, _) in alarms(&template) {
        assert!(manual.contains(&format!("\n| `{name}` | ")), "{name} is not in docs/operate.md");
    }
}
