//! Cases that were calculated by hand.

use super::*;
use crate::load::{Burst, Front, Ingest};

/// 100 documents a second, and twice as many for a minute.
fn load(factor: f64) -> Load {
    Load {
        documents_per_second: 100.0,
        payloads: 10.0,
        bytes: 500.0,
        burst: Burst { factor, seconds: 60 },
        front: Front::HttpApi,
        ingest: Ingest::Environments,
        objective_seconds: 300.0,
    }
}

/// No stage has a limit; a document takes 1 + 1 + 0 s.
fn sizes() -> Sizes {
    Sizes {
        throttle_rate: f64::INFINITY,
        throttle_burst: f64::INFINITY,
        ingest_seconds: 0.0,
        ingest_concurrency: 1e9,
        unit_rate: 1.0,
        units: [1e9, 1e9],
        unit_step: 0.0,
        gather_seconds: 1.0,
        deliver_seconds: 1.0,
    }
}

fn assert_near(actual: f64, expected: f64) {
    assert!((actual - expected).abs() <= 0.02 * expected.abs().max(1.0), "{actual} is not about {expected}");
}

#[test]
fn a_load_below_every_limit_has_the_lag_of_its_stages() {
    let outcome = simulate(&load(2.0), &sizes());
    assert_near(outcome.max_lag, 2.0);
    assert_near(outcome.refused, 0.0);
    assert_near(outcome.max_queued, 0.0);
}

/// 300 a second for 60 s, stored at 150: 9,000 wait. The last of them waits for 9,000 / 150 = 60 s. With 100 arriving,
/// the queue shrinks by 50 a second, for 180 s.
#[test]
fn a_burst_above_the_units_waits_in_the_queue() {
    let outcome = simulate(&load(3.0), &Sizes { units: [150.0, 150.0], ..sizes() });
    assert_near(outcome.max_queued, 9_000.0);
    assert_near(outcome.max_lag, 62.0);
    assert_near(outcome.drained_after, 180.0);
}

/// The units grow by 5 a second from 100 to 300: 200 + 195 + … + 5 = 4,100 documents gather within 40 s.
#[test]
fn units_are_added_while_documents_wait() {
    let outcome = simulate(&load(3.0), &Sizes { units: [100.0, 300.0], unit_step: 5.0, ..sizes() });
    assert_near(outcome.max_queued, 4_100.0);
}

/// 200 a second are admitted, and 500 at once: (300 - 200) × 60 - 500 = 5,500 are refused.
#[test]
fn the_front_refuses_above_its_throttle() {
    let outcome = simulate(&load(3.0), &Sizes { throttle_rate: 200.0, throttle_burst: 500.0, ..sizes() });
    assert_near(outcome.refused, 5_500.0);
}

/// A request takes 20 s, so 100 a second need 2,000 environments and 300 need 6,000. Lambda adds 1,000 at once and each
/// 10 s, which serve 50 a second each: it refuses 150, 100 and 50 a second for 10 s each.
#[test]
fn lambda_refuses_until_it_has_added_environments() {
    let outcome = simulate(&load(3.0), &Sizes { ingest_seconds: 20.0, ..sizes() });
    assert_near(outcome.refused, 3_000.0);
}

/// With 20 units of concurrency, a function answers 200 requests a second: it refuses 100 a second for 60 s.
#[test]
fn lambda_refuses_more_than_ten_requests_a_second_for_each_unit_of_concurrency() {
    let outcome = simulate(&load(3.0), &Sizes { ingest_concurrency: 20.0, ..sizes() });
    assert_near(outcome.refused, 6_000.0);
}

#[test]
fn a_queue_that_never_drains_has_an_infinite_lag() {
    let outcome = simulate(&load(3.0), &Sizes { units: [90.0, 90.0], ..sizes() });
    assert!(outcome.max_lag.is_infinite());
    assert!(outcome.drained_after.is_infinite());
}
