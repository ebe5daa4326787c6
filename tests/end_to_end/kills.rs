//! Function processes are killed while clients post: every acknowledged record is stored.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use spillway_local::client::{Client, Document};
use tokio::time::sleep;

use crate::support::harness::{KEY, Run, accepted_ids};

/// Clients that post while functions are killed.
struct Plan {
    clients: usize,
    kills: usize,
    between_kills: Duration,
}

/// Posts until `is_over`; returns the ids of all acknowledged records. Failed requests do not count.
async fn post_until(run: &Run, is_over: &AtomicBool) -> Vec<String> {
    let document = Document::new("clicks", KEY, r#"[{"n":1},{"n":2},{"n":3}]"#);
    let mut ids = Vec::new();
    let mut client = run.client().await;
    while !is_over.load(Ordering::Relaxed) {
        match client.post(&document).await {
            Ok(answer) if answer.status == 200 => ids.extend(accepted_ids(&answer)),
            Ok(_) => {}
            Err(_) => client = Client::connect(run.pipeline.address()).await.unwrap(),
        }
    }
    ids
}

/// Kills processes of ingest and deliver in turn.
async fn kill(run: &Run, plan: &Plan, is_over: &AtomicBool) {
    let mut kills = 0;
    while kills < plan.kills {
        sleep(plan.between_kills).await;
        let pids: Vec<_> = run.pipeline.ingest().pids().into_iter().chain(run.pipeline.deliver().pids()).collect();
        let Some(pid) = pids.get(kills % pids.len().max(1)) else { continue };
        Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).status().unwrap();
        kills += 1;
    }
    is_over.store(true, Ordering::Relaxed);
}

async fn nothing_is_missing_after(plan: Plan) {
    let run = Run::start(|settings| {
        settings.deliver_timeout = Duration::from_secs(1);
        settings.visibility_timeout = Duration::from_secs(7);
        settings.variables.insert("CALL_TIMEOUT_MS".to_owned(), "300".to_owned());
    })
    .await;
    let is_over = AtomicBool::new(false);
    let clients = futures::future::join_all((0..plan.clients).map(|_| post_until(&run, &is_over)));
    let (answered, ()) = futures::join!(clients, kill(&run, &plan, &is_over));
    let restarts = run.pipeline.ingest().counts().restarts + run.pipeline.deliver().counts().restarts;
    let answered: BTreeSet<_> = answered.into_iter().flatten().collect();
    let lines = run.end().await.lines();
    let missing = answered.iter().filter(|id| !lines.contains_key(*id)).count();
    let twice = lines.values().filter(|lines| lines.len() > 1).count();
    println!(
        "{} records answered, {} stored ({twice} more than once), {} kills, {restarts} restarts, {missing} missing",
        answered.len(),
        lines.len(),
        plan.kills,
    );
    assert!(restarts > 0 && answered.len() > 100);
    assert_eq!(missing, 0);
}

#[tokio::test]
async fn kills_of_functions_lose_no_acknowledged_record() {
    nothing_is_missing_after(Plan { clients: 8, kills: 8, between_kills: Duration::from_millis(300) }).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes 30 s; run by `just long`"]
async fn kills_of_functions_under_full_load_lose_no_acknowledged_record() {
    nothing_is_missing_after(Plan { clients: 64, kills: 28, between_kills: Duration::from_millis(700) }).await;
}
