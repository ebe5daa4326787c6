//! Function processes are killed while clients post: what was answered with 200 is there in the end.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use spillway_local::client::{Client, Document};
use tokio::time::{Instant, sleep};

use crate::support::harness::{KEY, Run, accepted_ids};

/// How many clients post for how long while how often a function is killed.
struct Plan {
    clients: usize,
    time: Duration,
    between_kills: Duration,
}

/// Posts until the time is over; a broken or failed request is simply not counted.
async fn post_until(run: &Run, end: Instant) -> Vec<String> {
    let document = Document::new("clicks", KEY, r#"[{"n":1},{"n":2},{"n":3}]"#);
    let mut ids = Vec::new();
    let mut client = run.client().await;
    while Instant::now() < end {
        match client.post(&document).await {
            Ok(answer) if answer.status == 200 => ids.extend(accepted_ids(&answer)),
            Ok(_) => {}
            Err(_) => client = Client::connect(run.pipeline.address()).await.unwrap(),
        }
    }
    ids
}

async fn kill_until(run: &Run, end: Instant, between_kills: Duration) -> usize {
    let mut kills = 0;
    while Instant::now() < end {
        sleep(between_kills).await;
        let pids: Vec<_> = run.pipeline.ingest().pids().into_iter().chain(run.pipeline.deliver().pids()).collect();
        let Some(pid) = pids.get(kills % pids.len().max(1)) else { continue };
        Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).status().unwrap();
        kills += 1;
    }
    kills
}

async fn nothing_is_missing_after(plan: Plan) {
    let run = Run::start(|settings| {
        settings.deliver_timeout = Duration::from_secs(1);
        settings.visibility_timeout = Duration::from_secs(7);
        settings.variables.insert("CALL_TIMEOUT_MS".to_owned(), "300".to_owned());
    })
    .await;
    let end = Instant::now() + plan.time;
    let clients = futures::future::join_all((0..plan.clients).map(|_| post_until(&run, end)));
    let (answered, kills) = futures::join!(clients, kill_until(&run, end, plan.between_kills));
    let restarts = run.pipeline.ingest().counts().restarts + run.pipeline.deliver().counts().restarts;
    let answered: BTreeSet<_> = answered.into_iter().flatten().collect();
    let lines = run.end().await.lines();
    let missing = answered.iter().filter(|id| !lines.contains_key(*id)).count();
    let twice = lines.values().filter(|lines| lines.len() > 1).count();
    println!(
        "{} records answered, {} stored ({twice} more than once), {kills} kills, {restarts} restarts, {missing} missing",
        answered.len(),
        lines.len(),
    );
    assert!(kills > 5 && restarts > 0 && answered.len() > 100);
    assert_eq!(missing, 0);
}

#[tokio::test]
async fn kills_of_functions_lose_no_acknowledged_record() {
    let (time, between_kills) = (Duration::from_secs(4), Duration::from_millis(300));
    nothing_is_missing_after(Plan { clients: 8, time, between_kills }).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "half a minute under full load"]
async fn kills_of_functions_under_full_load_lose_no_acknowledged_record() {
    let (time, between_kills) = (Duration::from_secs(20), Duration::from_millis(700));
    nothing_is_missing_after(Plan { clients: 64, time, between_kills }).await;
}
