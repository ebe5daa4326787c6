//! Kept rejections under all faults: every payload has its outcome, nothing withheld is stored, and replays that are
//! killed lose nothing.

mod bucket;
mod replay;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use spillway_local::faults::Plan;
use spillway_local::pipeline::Pipeline;
use tempfile::TempDir;

use super::mix::{KINDS, OF_SERVICES};
use crate::support::account::{Account, Found};
use crate::support::clients::{Clients, Load};
use crate::support::documents::{CYCLE, Documents, Fate};
use crate::support::places;
use crate::support::scenario::{Scenario, until_empty};
use bucket::{assert_nothing_withheld, objects_in};
use replay::{Point, Replay};

/// The stream `judged`: first with a schema, then without.
const STRICT: &str =
    r#"{"rejected":"keep","schema":{"required":["event"]},"consent":{"pointer":"/consent","granted":[true]}}"#;
const LENIENT: &str = r#"{"rejected":"keep","consent":{"pointer":"/consent","granted":[true]}}"#;
/// Objects of kept rejections that a run needs, so that each replay is killed before its end.
const MIN_OBJECTS: usize = 10;
/// Markers that a replay writes before it is killed. Under faults, one takes more than a second.
const MAX_MARKERS: usize = 8;

/// A pipeline whose stream keeps rejections.
struct Scene {
    folder: TempDir,
    scenario: Scenario,
    pipeline: Pipeline,
    clients: Arc<Clients>,
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_rejections_survive_all_faults_and_killed_replays() {
    run(400, &["ingest.kill=0.5", "deliver.kill=0.5"], |scenario| {
        scenario.load.rate = 100.0;
        // 12 clients need at least 34 calls of ingest for 400 documents, so there are enough objects on a slow machine too.
        scenario.variables.insert("MAX_OBJECT_MESSAGES".to_owned(), "2".to_owned());
    })
    .await;
}

/// 1,000,000 payloads, at a rate that two cores sustain.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes 5 min; run by `just long`"]
async fn a_million_payloads_with_kept_rejections_survive_all_faults_and_killed_replays() {
    let of_functions = ["ingest.kill=0.02", "ingest.freeze=0.01:11s", "deliver.kill=0.05", "deliver.freeze=0.02:6s"];
    run(20_000, &of_functions, |scenario| {
        scenario.load.clients = 64;
        scenario.ingest_environments = 2;
        scenario.deliver_timeout = Duration::from_secs(5);
        scenario.window = Duration::from_secs(1);
    })
    .await;
}

async fn run(documents: u32, of_functions: &[&str], change: impl FnOnce(&mut Scenario)) {
    let payloads = u64::from(documents * CYCLE);
    let scene = Scene::start(of_functions, change).await;
    let Load { clients, rate, .. } = scene.scenario.load;
    scene.clients.post_first(documents, clients, rate).await;
    scene.settle().await;
    let struck = scene.pipeline.faults().injected().len();
    assert!(struck >= KINDS, "{:?}", scene.pipeline.faults().injected());
    // A fifth fails the schema and a tenth lacks consent; a fiftieth does both, and is withheld.
    let kept = payloads / 5 - payloads / 50;
    let accepted = payloads - payloads / 10 - kept;
    scene.check("records", &[Fate::Accepted], accepted);
    scene.check("rejected", &[Fate::Kept], kept);

    scene.define(LENIENT);
    let replay = Replay::of(&scene.pipeline, &scene.data(), &scene.config());
    let objects = objects_in(&scene.bucket().join("rejected"));
    assert!(objects >= MIN_OBJECTS, "{objects} objects of kept rejections are too few to kill replays of them");
    scene.pipeline.faults().set(scene.scenario.plan());
    let some = (objects / 4).min(MAX_MARKERS);
    for point in [Point::Sent, Point::Marked(1), Point::SentUnmarked, Point::Marked(some), Point::Marked(some)] {
        let reached = replay.killed_at(point).await;
        println!("a replay was killed: {point:?}, {reached}");
    }
    scene.pipeline.faults().set(Plan::default());
    let first = replay.whole();
    let second = replay.whole();
    println!("after the kills: {first}, and again: {second}");
    let lines = first.replayed + first.before;
    assert!(first.replayed > 0 && first.before > 0 && lines >= kept, "{first}");
    assert_eq!((second.replayed, second.before), (0, lines), "the second replay changes nothing");
    scene.settle().await;
    scene.check("records", &[Fate::Accepted, Fate::Kept], accepted + kept);
    scene.end(accepted + kept).await;
}

impl Scene {
    async fn start(of_functions: &[&str], change: impl FnOnce(&mut Scenario)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut scenario = Scenario::of(&[&OF_SERVICES, of_functions].concat());
        change(&mut scenario);
        scenario.seed = fastrand::u64(..);
        println!("seed {}", scenario.seed);
        scenario.config = folder.path().join("config");
        scenario.documents = Documents::judged(scenario.seed);
        std::fs::create_dir_all(scenario.config.join("streams")).unwrap();
        define(&scenario.config, STRICT);
        let pipeline = Box::pin(Pipeline::start(scenario.settings(&folder.path().join("data")))).await.unwrap();
        let clients = Clients::new(pipeline.address(), scenario.documents.clone());
        Self { folder, scenario, pipeline, clients }
    }

    fn config(&self) -> PathBuf {
        self.scenario.config.clone()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn bucket(&self) -> PathBuf {
        self.data().join("spillway")
    }

    fn define(&self, text: &str) {
        define(&self.scenario.config, text);
    }

    /// Ends the faults, and waits until the queue is empty.
    async fn settle(&self) {
        self.pipeline.faults().set(Plan::default());
        until_empty(&self.pipeline).await;
    }

    /// Checks that the payloads with these fates are the records under a prefix, each under its id.
    fn check(&self, prefix: &str, fates: &'static [Fate], payloads: u64) {
        let found = self.account(prefix, fates);
        println!("{prefix}: {found}");
        found.assert_promise();
        assert_eq!([found.sent, found.answered, found.there], [payloads; 3], "under {prefix}: {found}");
    }

    fn account(&self, prefix: &str, fates: &'static [Fate]) -> Found {
        let mut account = Account::new(self.scenario.documents.clone(), fates, self.clients.documents_sent());
        for object in places::objects(&self.bucket().join(prefix)) {
            places::each_record(&object, |line| account.record(line, Some(object.stored_at)));
        }
        account.close()
    }

    /// Ends the pipeline: its ledger adds up too, and no file has a withheld value.
    async fn end(self, stored: u64) {
        let data = self.data();
        println!("faults: {:?}", self.pipeline.faults().injected());
        let ledger = self.pipeline.drain().await.unwrap().ledger;
        println!("{ledger}");
        assert!(ledger.is_settled() && ledger.unreadable.is_empty(), "{ledger}");
        assert_eq!(
            (ledger.stored + ledger.foreign, ledger.quarantined, ledger.dead_lettered),
            (stored, 0, 0),
            "{ledger}"
        );
        assert_nothing_withheld(&data);
    }
}

fn define(config: &Path, text: &str) {
    std::fs::write(config.join("streams/judged.json"), text).unwrap();
}
