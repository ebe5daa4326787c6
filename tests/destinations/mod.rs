//! Destinations from outside: what is stored and consented arrives at the partner, by record id, and nothing else does.

mod outage;
mod partner;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use axum::http::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use spillway_local::client::Document;
use spillway_local::faults::{Kind, Plan, parse};
use spillway_local::pipeline::{DestinationStatus, Pipeline, QueueStorage, Settings, Status};
use spillway_shared::hour::Hour;

use crate::support::harness::{KEY, Run, accepted_ids, lines_in};
use partner::Partner;

/// The time in which everything must have arrived.
const SOON: Duration = Duration::from_mins(1);

/// A destination's file: the partner's records of `clicks`, with more members.
fn file(partner: &Partner, members: &Value) -> Value {
    let mut file = json!({"url": partner.url(), "allow_private": true, "streams": ["clicks"],
                          "tries": 2, "batch": {"records": 20}});
    file.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    file
}

async fn start(files: &[(&str, Value)], faults: &[&str]) -> Run {
    Run::start(|settings| set_up(settings, files, faults)).await
}

fn set_up(settings: &mut Settings, files: &[(&str, Value)], faults: &[&str]) {
    write(&settings.config, files);
    settings.queue = QueueStorage::Disk;
    if faults.is_empty() {
        // On a busy machine no call times out: its retry could announce or send an object twice.
        settings.forward_time = Duration::from_secs(5);
        settings.deliver_timeout = Duration::from_secs(20);
        settings.visibility_timeout = Duration::from_secs(125);
    } else {
        // Messages of a killed process come back after six times its timeout.
        settings.forward_time = Duration::from_secs(1);
        settings.deliver_timeout = Duration::from_secs(2);
        settings.visibility_timeout = Duration::from_secs(13);
    }
    settings.faults = Plan::new(1, faults.iter().map(|fault| parse(fault).unwrap()));
}

fn write(config: &Path, files: &[(&str, Value)]) {
    let folder = config.join("destinations");
    fs::create_dir_all(&folder).unwrap();
    for (name, file) in files {
        fs::write(folder.join(name).with_extension("json"), file.to_string()).unwrap();
    }
}

/// Posts documents of these payloads, and returns the ids of all records.
async fn post(run: &Run, documents: usize, payloads: &'static str) -> Vec<String> {
    let (mut client, mut ids) = (run.client().await, Vec::new());
    for _ in 0..documents {
        let response = client.post(&Document::new("clicks", KEY, payloads)).await.unwrap();
        assert_eq!(response.status, 200);
        ids.extend(accepted_ids(&response));
    }
    ids
}

fn set(ids: &[String]) -> BTreeSet<String> {
    ids.iter().cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_consented_arrives_and_nothing_else() {
    let (all, some) = (Partner::start().await, Partner::start().await);
    let consent = json!({"consent": {"pointer": "/ads", "granted": [true]}, "omit": ["/email"]});
    let run = start(&[("all", file(&all, &json!({}))), ("some", file(&some, &consent))], &[]).await;
    let payloads = r#"[{"ads":true,"email":"a@b"},{"ads":false},{"ads":true,"n":1.0}]"#;
    let ids = set(&post(&run, 50, payloads).await);
    let mut opted_out = Document::new("clicks", KEY, r#"[{"ads":true}]"#);
    opted_out.headers.push((HeaderName::from_static("sec-gpc"), HeaderValue::from_static("1")));
    assert_eq!(run.client().await.post(&opted_out).await.unwrap().status, 200);
    let with_ads: BTreeSet<_> = ids.iter().filter(|id| !id.ends_with("-1")).cloned().collect();
    all.until(&ids, SOON).await;
    some.until(&with_ads, SOON).await;
    until(&run, |status| {
        let counts = |destination: &DestinationStatus| {
            let DestinationStatus { sent, withheld, opted_out, skipped, queued, in_flight, .. } = destination;
            [*sent, *withheld, *opted_out, *skipped, queued + in_flight]
        };
        let names: Vec<_> = status.destinations.iter().map(|destination| destination.name.as_str()).collect();
        let counts: Vec<_> = status.destinations.iter().map(counts).collect();
        names == ["all", "some"] && counts == [[150, 0, 1, 0, 0], [100, 50, 1, 0, 0]]
    })
    .await;
    run.end().await;
    assert_eq!((all.ids(), some.ids()), (ids, with_ads));
    assert!(!some.text().contains("a@b") && some.text().contains("\"n\":1.0"));
    assert_eq!((all.duplicates(), some.duplicates()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_nothing_is_lost_and_another_partner_notices_nothing() {
    let (down, up) = (Partner::start().await, Partner::start().await);
    let run = start(&[("down", file(&down, &json!({}))), ("up", file(&up, &json!({})))], &[]).await;
    down.set_down(true);
    let mut ids = set(&post(&run, 30, r#"[{"n":1},{"n":2}]"#).await);
    up.until(&ids, SOON).await;
    assert!(down.ids().is_empty());
    down.set_down(false);
    ids.extend(post(&run, 30, r#"[{"n":3}]"#).await);
    down.until(&ids, SOON).await;
    up.until(&ids, SOON).await;
    run.end().await;
    assert_eq!((down.ids(), up.ids()), (ids.clone(), ids));
    assert_eq!((down.repeats_with_another_key(), up.repeats_with_another_key()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_processes_lose_nothing_and_repeat_only_with_the_same_key() {
    let partner = Partner::start().await;
    partner.set_delay(Duration::from_millis(100));
    let run =
        start(&[("acme", file(&partner, &json!({"batch": {"records": 5}, "timeout_ms": 500})))], &["forward.kill=1"])
            .await;
    let ids = set(&post(&run, 200, r#"[{"n":1},{"n":2},{"n":3}]"#).await);
    let halfway = ids.iter().take(ids.len() / 2).cloned().collect();
    partner.until_any(&halfway, SOON).await;
    run.pipeline.faults().set(Plan::default());
    assert!(run.pipeline.faults().injected()[&Kind::ForwardKill] > 0);
    partner.until(&ids, SOON).await;
    run.end().await;
    assert_eq!(partner.ids(), ids);
    assert_eq!(partner.repeats_with_another_key(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_batches_are_dead_lettered_until_they_are_redriven() {
    let partner = Partner::start().await;
    partner.refuse("poison");
    let run = start(&[("acme", file(&partner, &json!({"batch": {"records": 1}})))], &[]).await;
    let ids = post(&run, 5, r#"[{"n":1},{"n":"poison"},{"n":3}]"#).await;
    let good: BTreeSet<_> = ids.iter().filter(|id| !id.ends_with("-1")).cloned().collect();
    partner.until(&good, SOON).await;
    until_dead(&run, 5).await;
    let mut bodies = Vec::new();
    run.pipeline.destinations()[0].queue.each_dead_letter(|body| bodies.push(body.to_owned()));
    assert!(bodies.iter().all(|body| body.contains("\"status\":422")), "{bodies:?}");
    assert_eq!(partner.ids(), good);
    partner.refuse("nothing that is sent");
    let queue = &run.pipeline.destinations()[0].queue.url;
    let redrive =
        Command::new(env!("CARGO_BIN_EXE_spillway")).args(["redrive", "--queue-url", queue]).output().unwrap();
    assert!(redrive.status.success(), "{}", String::from_utf8_lossy(&redrive.stderr));
    partner.until(&set(&ids), SOON).await;
    run.end().await;
    assert_eq!(partner.duplicates(), 0);
}

/// Waits until the counts are as expected.
async fn until(run: &Run, is_expected: impl Fn(&Status) -> bool) {
    let expected = async {
        while !is_expected(&run.pipeline.status().await.unwrap()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(SOON, expected).await;
    assert!(in_time.is_ok(), "{:?}", run.pipeline.status().await);
}

/// Waits until the first destination has dead letters.
async fn until_dead(run: &Run, count: u64) {
    until(run, |status| status.destinations[0].dead_lettered >= count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_deleted_before_they_were_sent_are_dead_lettered() {
    let partner = Partner::start().await;
    partner.set_down(true);
    let run = start(&[("acme", file(&partner, &json!({})))], &[]).await;
    post(&run, 1, r#"[{"n":1}]"#).await;
    until(&run, |status| status.stored == 1).await;
    // Forward may have read the object by now. The partner stays down, so the first attempts fail in any case.
    fs::remove_dir_all(run.folder.path().join("data/spillway/records")).unwrap();
    until_dead(&run, 1).await;
    let mut bodies = Vec::new();
    run.pipeline.destinations()[0].queue.each_dead_letter(|body| bodies.push(body.to_owned()));
    assert!(bodies[0].contains("does not exist"), "{bodies:?}");
    assert!(partner.ids().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_partner_did_not_take_arrives_after_a_restart() {
    let partner = Partner::start().await;
    partner.set_down(true);
    let files = [("acme", file(&partner, &json!({})))];
    let folder = tempfile::tempdir().unwrap();
    let mut settings = None;
    let run = Run::start(|of_run| {
        set_up(of_run, &files, &[]);
        of_run.data = folder.path().join("data");
        settings = Some(of_run.clone());
    })
    .await;
    let ids = set(&post(&run, 10, r#"[{"n":1},{"n":2}]"#).await);
    let Run { pipeline, folder: config } = run;
    assert!(pipeline.drain().await.unwrap().ledger.holds());
    partner.set_down(false);
    let pipeline = Pipeline::start(settings.unwrap()).await.unwrap();
    partner.until(&ids, SOON).await;
    drop((pipeline, config));
    assert_eq!(partner.ids(), ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_hours_are_sent_again_with_the_same_keys() {
    let partner = Partner::start().await;
    let run = start(&[("acme", file(&partner, &json!({})))], &[]).await;
    let ids = set(&post(&run, 5, r#"[{"n":1},{"n":2}]"#).await);
    partner.until(&ids, SOON).await;
    let first = Hour::of(SystemTime::now() - Duration::from_hours(1)).to_string();
    let last = Hour::of(SystemTime::now()).to_string();
    let again = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
        command.args(["forward", "--destination", "acme", "--from", &first, "--to", &last, "--bucket", "spillway"]);
        command.args(["--queue-url", &run.pipeline.destinations()[0].queue.url]).args(more);
        command.args(["--s3-endpoint", &run.pipeline.bucket().endpoint]);
        command.arg("--config").arg(run.folder.path().join("config"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(again(&["--dry-run"]).contains("nothing was sent: this was a dry run"));
    assert_eq!(partner.duplicates(), 0);
    assert!(again(&[]).contains("objects are on the queue of `acme`"));
    let twice = async {
        while partner.duplicates() < ids.len() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, twice).await.unwrap();
    assert_eq!(partner.repeats_with_another_key(), 0);
    run.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_s3_sqs_and_processes_lose_nothing() {
    let partner = Partner::start().await;
    let faults = [
        "s3.error=0.1",
        "s3.reset=0.1",
        "s3.lost_answer=0.1",
        "sqs.error=0.05",
        "sqs.lost_answer=0.1",
        "sqs.partial=0.1",
        "sqs.twice=0.1",
        "sqs.early=0.1",
        "forward.kill=0.2",
    ];
    let run = start(&[("acme", file(&partner, &json!({"batch": {"records": 5}, "timeout_ms": 500})))], &faults).await;
    let (mut client, mut ids) = (run.client().await, BTreeSet::new());
    let document = Document::new("clicks", KEY, r#"[{"n":1},{"n":2},{"n":3}]"#);
    while ids.len() < 300 {
        let response = client.post(&document).await.unwrap();
        if response.status == 200 {
            ids.extend(accepted_ids(&response));
        }
    }
    partner.until_any(&ids.iter().take(200).cloned().collect(), SOON).await;
    run.pipeline.faults().set(Plan::default());
    partner.until(&ids, SOON).await;
    let Run { pipeline, folder } = run;
    assert!(pipeline.drain().await.unwrap().ledger.holds());
    let stored = lines_in(&folder.path().join("data/spillway/records")).into_keys().collect();
    assert!(partner.ids().is_subset(&stored));
}
