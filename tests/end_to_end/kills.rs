//! Function processes are killed while clients post: every acknowledged record is stored.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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

/// Records that must be acknowledged meanwhile.
const RECORDS: usize = 100;

/// How a run goes on.
#[derive(Default)]
struct Progress {
    acknowledged: AtomicUsize,
    is_over: AtomicBool,
}

/// Posts until the run is over; returns the ids of all acknowledged records. Failed requests do not count.
async fn post_until(run: &Run, progress: &Progress) -> Vec<String> {
    let document = Document::new("clicks", KEY, r#"[{"n":1},{"n":2},{"n":3}]"#);
    let mut ids = Vec::new();
    let mut client = run.client().await;
    while !progress.is_over.load(Ordering::Relaxed) {
        match client.post(&document).await {
            Ok(answer) if answer.status == 200 => {
                let accepted = accepted_ids(&answer);
                progress.acknowledged.fetch_add(accepted.len(), Ordering::Relaxed);
                ids.extend(accepted);
            }
            Ok(_) => {}
            Err(_) => client = Client::connect(run.pipeline.address()).await.unwrap(),
        }
    }
    ids
}

/// Kills processes of ingest and deliver in turn, as planned and until enough records are acknowledged.
async fn kill(run: &Run, plan: &Plan, progress: &Progress) -> usize {
    let mut kills = 0;
    while kills < plan.kills || progress.acknowledged.load(Ordering::Relaxed) <= RECORDS {
        sleep(plan.between_kills).await;
        let pids: Vec<_> = run.pipeline.ingest().pids().into_iter().chain(run.pipeline.deliver().pids()).collect();
        let Some(pid) = pids.get(kills % pids.len().max(1)) else { continue };
        Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).status().unwrap();
        kills += 1;
    }
    progress.is_over.store(true, Ordering::Relaxed);
    kills
}

async fn nothing_is_missing_after(plan: Plan) {
    let run = Run::start(|settings| {
        settings.deliver_timeout = Duration::from_secs(1);
        settings.visibility_timeout = Duration::from_secs(7);
        settings.variables.insert("CALL_TIMEOUT_MS".to_owned(), "300".to_owned());
    })
    .await;
    let progress = Progress::default();
    let clients = futures::future::join_all((0..plan.clients).map(|_| post_until(&run, &progress)));
    let (answered, kills) = futures::join!(clients, kill(&run, &plan, &progress));
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
    assert!(kills > 5 && restarts > 0 && answered.len() > RECORDS);
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
