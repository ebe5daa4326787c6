//! A partner that is down for a minute, next to one that is not.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use spillway_local::client::Document;
use tokio::time::{MissedTickBehavior, interval};

use super::partner::Partner;
use super::{file, start};
use crate::support::harness::{KEY, Run, accepted_ids};

const OUTAGE: Duration = Duration::from_mins(1);
/// The time in which the backlog must be gone.
const MADE_UP: Duration = Duration::from_mins(2);
const DOCUMENTS_PER_SECOND: u32 = 500;
const CLIENTS: u32 = 10;
/// The p99 lag of the other partner may grow by this factor.
const UNCHANGED: f64 = 1.1;

/// Posts at the rate for a time; returns the ids of all records.
async fn post_for(run: &Run, time: Duration) -> BTreeSet<String> {
    let ids = join_all((0..CLIENTS).map(|_| post_by_one(run, time))).await;
    ids.into_iter().flatten().collect()
}

async fn post_by_one(run: &Run, time: Duration) -> BTreeSet<String> {
    let document = Document::new("clicks", KEY, r#"[{"n":1},{"n":2}]"#);
    let (mut client, mut ids, started) = (run.client().await, BTreeSet::new(), Instant::now());
    let mut ticks = interval(Duration::from_secs(1) * CLIENTS / DOCUMENTS_PER_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while started.elapsed() < time {
        ticks.tick().await;
        let response = client.post(&document).await.unwrap();
        ids.extend(accepted_ids(&response));
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes two minutes; run by `just long`"]
async fn the_backlog_of_a_minute_is_gone_within_two() {
    let (down, up) = (Partner::start().await, Partner::start().await);
    let members = json!({"batch": {"records": 500}, "timeout_ms": 1_000});
    let run = start(&[("down", file(&down, &members)), ("up", file(&up, &members))], &[]).await;
    // The first invocations connect.
    let mut ids = post_for(&run, Duration::from_secs(5)).await;
    up.take_lag();
    ids.extend(post_for(&run, OUTAGE / 2).await);
    let before = up.take_lag();
    down.set_down(true);
    ids.extend(post_for(&run, OUTAGE).await);
    down.set_down(false);
    let (during, ended) = (up.take_lag(), Instant::now());
    ids.extend(post_for(&run, Duration::from_secs(10)).await);
    down.until(&ids, MADE_UP).await;
    let made_up = ended.elapsed();
    up.until(&ids, MADE_UP).await;
    println!("{} records; the backlog took {made_up:?}; p99 lag of the other: {before:?}, then {during:?}", ids.len());
    println!("more than once: {} and {}", down.duplicates(), up.duplicates());
    assert_eq!((down.ids(), up.ids()), (ids.clone(), ids));
    assert_eq!((down.repeats_with_another_key(), up.repeats_with_another_key()), (0, 0));
    assert!(during <= before.mul_f64(UNCHANGED), "p99 lag of the other: {before:?}, then {during:?}");
}
