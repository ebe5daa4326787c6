//! The metrics that the code emits: alarms, dashboard and manual know each of them.

use std::collections::{BTreeMap, BTreeSet};

use spillway_shared::metrics::{Compacted, Delivered, FUNCTION, Ingested, Measured, Metric, NAMESPACE, Taken};

use crate::cloudformation::Template;

/// The metrics of the stack's functions.
fn emitted() -> Vec<Metric> {
    [Ingested::METRICS, Taken::METRICS, Delivered::METRICS, Compacted::METRICS].concat()
}

#[test]
fn alarms_and_dashboard_use_metrics_that_the_code_emits() {
    let template = Template::read();
    let emitted: BTreeMap<&str, &str> = emitted().iter().map(|metric| (metric.name, metric.unit)).collect();
    let alarmed = template.metrics_of_alarms(NAMESPACE);
    let watched: BTreeSet<_> = alarmed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        watched,
        BTreeSet::from([
            "Accepted",
            "Failed",
            "Kept",
            "LagSeconds",
            "Quarantined",
            "Rejected",
            "Requests",
            "Status5xx",
            "UnreadableObjects"
        ])
    );
    for (name, dimensions) in &alarmed {
        assert!(emitted.contains_key(name.as_str()), "{name}");
        assert_eq!(dimensions, &[FUNCTION], "{name}");
    }
    let shown = template.metrics_of_dashboard(NAMESPACE);
    for name in emitted.keys() {
        let is_seen = shown.contains(*name) || watched.contains(name);
        assert!(is_seen, "{name} is emitted, but neither an alarm nor the dashboard uses it");
    }
    for name in &shown {
        assert!(emitted.contains_key(name.as_str()), "{name} is on the dashboard, but never emitted");
    }
}

fn is_row_of_metrics(line: &str) -> bool {
    ["ingest", "deliver", "compact"].iter().any(|function| line.starts_with(&format!("| {function} | `")))
}

#[test]
fn the_manual_lists_every_metric_with_its_unit() {
    let manual = include_str!("../../docs/operate.md");
    for metric in emitted() {
        let row = manual.lines().find(|line| is_row_of_metrics(line) && line.contains(&format!("`{}`", metric.name)));
        let row = row.unwrap_or_else(|| panic!("{} is not in docs/operate.md", metric.name));
        assert!(row.contains(&format!("| {} |", metric.unit)), "{row}");
    }
}
