//! The loads of both articles, and the list price that docs/cost.md states.

use spillway_plan::Plan;
use spillway_plan::bill::total;
use spillway_plan::load::{Burst, Front, Ingest, Load};

/// A million documents a minute in the morning, three times as many for five minutes.
fn telemetry(front: Front, ingest: Ingest) -> Load {
    Load {
        documents_per_second: 1e6 / 60.0,
        payloads: 10.0,
        bytes: 500.0,
        burst: Burst { factor: 3.0, seconds: 300 },
        front,
        ingest,
        objective_seconds: 300.0,
    }
}

fn assert_near(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 0.01 * expected, "{actual} is not about {expected}");
}

#[test]
fn a_million_documents_cost_what_a_calculation_by_hand_says() {
    let load = telemetry(Front::HttpApi, Ingest::Environments);
    let plan = Plan::of(&load);
    // 1.00 HTTP API, 0.20 requests, 9.89 ms × 0.25 GB = 2,473 GB-s: 0.033; SQS 1.0 + 0.1 + 0.1 million: 0.48.
    let deliver = plan.bill.iter().filter(|line| line.name == "deliver" || line.name == "S3, PUTs");
    let deliver: f64 = deliver.map(|line| line.dollars).sum();
    assert_near(total(&plan.bill) - deliver, 1.00 + 0.20 + 0.033 + 0.48);
    let without_api = Plan::of(&telemetry(Front::FunctionUrl, Ingest::Environments));
    assert_near(total(&plan.bill) - total(&without_api.bill), 1.00);
}

#[test]
fn the_morning_of_the_telemetry_system_keeps_the_objective() {
    for ingest in [Ingest::Environments, Ingest::Instances] {
        let load = telemetry(Front::HttpApi, ingest);
        let plan = Plan::of(&load);
        assert!(
            plan.holds(&load),
            "{ingest:?}: {:?} refused {} lag {}",
            plan.choice,
            plan.outcome.refused,
            plan.outcome.max_lag
        );
    }
}

#[test]
fn the_peak_of_a_sale_keeps_the_objective() {
    // 46 thousand events a second at the peak, in documents of 10, over a usual load of a fifth.
    let load = Load {
        documents_per_second: 920.0,
        burst: Burst { factor: 5.0, seconds: 3600 },
        ..telemetry(Front::FunctionUrl, Ingest::Environments)
    };
    let plan = Plan::of(&load);
    assert!(plan.holds(&load), "{:?} refused {} lag {}", plan.choice, plan.outcome.refused, plan.outcome.max_lag);
}

#[test]
fn the_plan_names_the_quotas_to_raise() {
    let plan = Plan::of(&telemetry(Front::HttpApi, Ingest::Environments));
    let names: Vec<_> = plan.quotas.iter().filter(|quota| quota.must_be_raised()).map(|quota| quota.name).collect();
    assert_eq!(names, ["Throttle rate", "Throttle burst rate", "Concurrent executions"]);
}
