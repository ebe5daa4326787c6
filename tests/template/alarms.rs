//! When alarms ring: of what comes back, of what stays stuck, and in a canary.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::cloudformation::Template;

/// How many bad minutes an alarm wants, and of how many.
fn bad_minutes(alarm: &Value) -> (u64, u64) {
    let of = Template::number(&alarm["EvaluationPeriods"]);
    (alarm.get("DatapointsToAlarm").map_or(of, Template::number), of)
}

/// The metrics of deliver that an alarm looks at, by name.
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
fn an_alarm_hears_of_what_comes_back_though_good_minutes_lie_between() {
    let template = Template::read();
    let [t, w, v] = ["DeliverTimeout", "BatchWindow", "VisibilityTimeout"].map(|name| template.range(name).1);
    // How long after one bad minute the next is, at the latest: what killed deliver, and what it gave back.
    let killed = v + w + t;
    let given_back = u64::from(spillway_deliver::delay::LONGEST) + w + t;
    let mut heard = BTreeSet::new();
    for (name, alarm) in alarms(&template) {
        for metric in metrics_of_deliver(alarm) {
            let again = match metric {
                "Errors" | "LagSeconds" => killed,
                "Failed" => given_back,
                _ => continue,
            };
            let (bad, of) = bad_minutes(alarm);
            assert!(
                (bad - 1) * again <= (of - 1) * 60,
                "{name}: {bad} of {of} minutes, each {again} s after the other"
            );
            heard.insert(metric);
        }
    }
    assert_eq!(heard, BTreeSet::from(["Errors", "Failed", "LagSeconds"]));
}

#[test]
fn one_batch_that_fails_as_a_whole_counts_however_many_others_do_not() {
    let template = Template::read();
    let (_, alarm) = alarms(&template).find(|(_, alarm)| metrics_of_deliver(alarm).contains("Errors")).unwrap();
    let [metric, stat, threshold] = ["MetricName", "Statistic", "Threshold"].map(|key| &alarm[key]);
    assert_eq!((metric, stat, threshold), (&json!("Errors"), &json!("Sum"), &json!(0)));
}

#[test]
fn messages_that_stay_stuck_tell_and_a_short_fault_only_stops_a_canary() {
    let template = Template::read();
    let failed = alarms(&template).filter(|(_, alarm)| metrics_of_deliver(alarm).contains("Failed"));
    let failed: Vec<_> = failed.map(|(name, alarm)| (name, alarm.get("AlarmActions").is_some(), alarm)).collect();
    for (name, tells, alarm) in &failed {
        assert_eq!((&alarm["Statistic"], &alarm["Threshold"]), (&json!("Sum"), &json!(0)), "{name}");
        let wanted = if *tells { (6, 10) } else { (2, 5) };
        assert_eq!(bad_minutes(alarm), wanted, "{name}");
    }
    assert!(failed.iter().any(|(_, tells, _)| *tells), "nobody is told");
    let stops = &template.resources["DeliverFunction"]["Properties"]["DeploymentPreference"]["Alarms"];
    let is_stopping = |name: &str| stops.as_array().unwrap().contains(&json!({"Ref": name}));
    assert!(failed.iter().any(|(name, ..)| is_stopping(name)), "a canary goes on");
}

#[test]
fn what_stops_a_canary_can_ring_before_it_ends() {
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
