//! Function processes are killed while clients post: what was answered with 200 is there in the end.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use spillway_local::client::{Client, Document};
use tokio::time::{Instant, sleep};

use crate::harness::{KEY, Run, accepted_ids};

const CLIENTS: usize = 8;
const UNDER_LOAD: Duration = Duration::from_secs(4);
const BETWEEN_KILLS: Duration = Duration::from_millis(300);

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

async fn kill_until(run: &Run, end: Instant) -> usize {
    let mut kills = 0;
    while Instant::now() < end {
        sleep(BETWEEN_KILLS).await;
        let pids: Vec<_> = run.pipeline.ingest().pids().into_iter().chain(run.pipeline.deliver().pids()).collect();
        let Some(pid) = pids.get(kills % pids.len().max(1)) else { continue };
        Command::new("kill").arg("-9").arg(pid.to_string()).status().unwrap();
        kills += 1;
    }
    kills
}

#[tokio::test]
async fn nothing_that_was_answered_is_missing_when_functions_are_killed() {
    let run = Run::start(|settings| {
        settings.deliver_timeout = Duration::from_secs(1);
        settings.visibility_timeout = Duration::from_secs(7);
        settings.variables.insert("CALL_TIMEOUT_MS".to_owned(), "300".to_owned());
    })
    .await;
    let end = Instant::now() + UNDER_LOAD;
    let clients = futures::future::join_all((0..CLIENTS).map(|_| post_until(&run, end)));
    let (answered, kills) = futures::join!(clients, kill_until(&run, end));
    let restarts = run.pipeline.ingest().counts().restarts + run.pipeline.deliver().counts().restarts;
    let answered: BTreeSet<_> = answered.into_iter().flatten().collect();
    let stored: BTreeSet<_> = run.end().await.lines().into_keys().collect();
    assert!(kills > 5 && restarts > 0 && answered.len() > 100, "{kills} kills, {} answered", answered.len());
    assert_eq!(answered.difference(&stored).next(), None);
}
