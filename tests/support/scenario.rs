//! A run under faults, from the first document to the account.

use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use spillway_local::faults::{Kind, Plan, parse};
use spillway_local::ledger::Report;
use spillway_local::pipeline::{Pipeline, Settings};
use spillway_shared::hour::Hour;
use tokio::time::{Instant, sleep};

use super::account::{Account, Found};
use super::clients::{Clients, Load};
use super::documents::{Documents, Fate};
use super::places;

/// The longest time for the queue to become empty after the faults.
const LONGEST_DRAIN: Duration = Duration::from_mins(2);
const AN_HOUR: Duration = Duration::from_hours(1);
/// Consecutive empty counts of the queue, because SQS counts approximately.
const EMPTY_TIMES: u32 = 3;

/// Faults and load of a run.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) faults: Vec<String>,
    /// The load continues until this many kinds of faults have struck.
    pub(crate) strikes: usize,
    pub(crate) seed: u64,
    pub(crate) load: Load,
    pub(crate) documents: Documents,
    /// The folder with `streams/`.
    pub(crate) config: PathBuf,
    /// Environment variables of the functions.
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) ingest_environments: usize,
    pub(crate) ingest_timeout: Duration,
    pub(crate) deliver_timeout: Duration,
    /// The batching window of the event source.
    pub(crate) window: Duration,
    /// Whether hours are compacted all the time and at the end.
    pub(crate) compacts: bool,
    /// The interval at which the status is printed.
    pub(crate) tell_every: Duration,
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) found: Found,
    /// The ledger of the pipeline.
    pub(crate) ledger: Report,
    /// The number of strikes of each fault.
    pub(crate) injected: BTreeMap<Kind, u64>,
    /// Processes of deliver that were killed, by a fault or because the machine was too slow for their timeout.
    pub(crate) deliver_ended: u64,
    pub(crate) ingest_ended: u64,
    /// Messages in the dead-letter queue.
    pub(crate) dead_letters: usize,
}

impl Scenario {
    /// A short run with these faults.
    pub(crate) fn of(faults: &[&str]) -> Self {
        Self {
            faults: faults.iter().map(|fault| (*fault).to_owned()).collect(),
            strikes: faults.len(),
            seed: 1,
            load: Load { clients: 12, lasts: Duration::from_millis(600), rate: 150.0 },
            documents: Documents::new(1, 1..=20),
            config: Path::new(env!("CARGO_MANIFEST_DIR")).join("../config"),
            // Faults cause many warnings.
            variables: BTreeMap::from([("AWS_LAMBDA_LOG_LEVEL".to_owned(), "ERROR".to_owned())]),
            ingest_environments: 1,
            ingest_timeout: Duration::from_secs(10),
            deliver_timeout: Duration::from_millis(1_200),
            window: Duration::from_millis(200),
            compacts: false,
            tell_every: Duration::from_hours(1),
        }
    }

    /// Sets a variable of the functions.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Changes the duration of the load.
    pub(crate) fn lasting(mut self, lasts: Duration) -> Self {
        self.load.lasts = lasts;
        self
    }

    /// Runs the load under faults, then waits without faults until the queue is empty, then closes the account.
    pub(crate) async fn run(self) -> Outcome {
        self.run_with(async |_, _| ()).await.0
    }

    /// The same, with an action during the load; returns the action's result as well.
    pub(crate) async fn run_with<T>(self, meanwhile: impl AsyncFnOnce(&Pipeline, &Clients) -> T) -> (Outcome, T) {
        let data = tempfile::tempdir().unwrap();
        let pipeline = Pipeline::start(self.settings(data.path())).await.unwrap();
        let clients = Clients::new(pipeline.address(), self.documents.clone());
        let (faults, strikes) = (pipeline.faults().clone(), self.strikes);
        let load = async {
            tokio::select! {
                () = clients.post(self.load, move || faults.injected().len() >= strikes) => {}
                () = tell(&pipeline, &clients, self.tell_every) => {}
                () = compact(&pipeline) => {}
            }
        };
        let ((), result) = tokio::join!(load, meanwhile(&pipeline, &clients));
        pipeline.faults().set(Plan::default());
        until_empty(&pipeline).await;
        let dead = places::messages(&pipeline.queue().endpoint, &pipeline.queue().dead_letter_url).await;
        let (deliver, ingest) = (pipeline.deliver().counts(), pipeline.ingest().counts());
        let injected = pipeline.faults().injected();
        let ledger = pipeline.drain().await.unwrap().ledger;
        let mut account = Account::new(self.documents, &[Fate::Accepted], clients.documents_sent());
        read(&mut account, &data.path().join("spillway"), &dead);
        let found = account.close();
        let (deliver_ended, ingest_ended) = (deliver.restarts, ingest.restarts);
        (Outcome { found, ledger, injected, deliver_ended, ingest_ended, dead_letters: dead.len() }, result)
    }

    /// The faults of the run.
    pub(crate) fn plan(&self) -> Plan {
        Plan::new(self.seed, self.faults.iter().map(|fault| parse(fault).unwrap()))
    }

    pub(crate) fn settings(&self, data: &Path) -> Settings {
        let visibility_timeout = Duration::from_secs((6 * self.deliver_timeout + self.window).as_secs() + 1);
        Settings {
            data: data.to_owned(),
            config: self.config.clone(),
            window: self.window,
            visibility_timeout,
            ingest_environments: self.ingest_environments,
            ingest_timeout: self.ingest_timeout,
            deliver_timeout: self.deliver_timeout,
            compact_after: self.compacts.then_some(AN_HOUR),
            compact_at_end: self.compacts,
            compact_timeout: Duration::from_secs(3),
            faults: self.plan(),
            variables: self.variables.clone(),
            ..Settings::new(env!("CARGO_BIN_EXE_spillway"))
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.found)?;
        writeln!(f, "processes ended: {} of ingest, {} of deliver", self.ingest_ended, self.deliver_ended)?;
        self.injected.iter().try_for_each(|(kind, times)| writeln!(f, "  {kind:<18}{times:>12}"))
    }
}

impl Outcome {
    /// Checks the promise, the ledger, and that every fault has struck.
    pub(crate) fn assert_promise(&self, faults: &[&str]) {
        self.found.assert_promise();
        let ledger = &self.ledger;
        assert!(ledger.is_settled() && ledger.unreadable.is_empty(), "the ledger does not add up: {ledger}");
        for fault in faults {
            let (kind, _) = parse(fault).unwrap();
            assert!(self.injected.contains_key(&kind), "{kind} never struck: {:?}", self.injected);
        }
    }

    /// Checks that only documents that a client retried are stored twice.
    pub(crate) fn assert_duplicates_by_clients_alone(&self) {
        assert!(self.found.duplicates_of_posted_once == 0 || self.deliver_ended > 0, "{}", self.found);
    }

    /// Checks that nothing is stored twice. A process that was killed because the machine was too slow for its timeout
    /// explains duplicates.
    pub(crate) fn assert_no_duplicates(&self) {
        let undisturbed = self.deliver_ended == 0 && self.ingest_ended == 0;
        assert!(self.found.duplicates == 0 || !undisturbed, "{}", self.found);
    }
}

/// Prints the status at an interval.
async fn tell(pipeline: &Pipeline, clients: &Clients, every: Duration) {
    loop {
        sleep(every).await;
        let status = pipeline.status().await.unwrap();
        println!(
            "{} payloads answered; {} messages queued, {} in flight, the oldest {:.0} s old; {} objects",
            clients.answered(),
            status.queued,
            status.in_flight,
            status.oldest_message_seconds,
            status.objects
        );
    }
}

/// Enqueues the hours of the run again and again, if they are compacted at all. Faults may fail that.
async fn compact(pipeline: &Pipeline) {
    let Some(compaction) = pipeline.compaction() else { return pending().await };
    loop {
        let now = SystemTime::now();
        let _ = compaction.enqueue(Hour::of(now - AN_HOUR), Hour::of(now)).await;
        sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until no message is on the queue.
pub(crate) async fn until_empty(pipeline: &Pipeline) {
    let (deadline, mut empty) = (Instant::now() + LONGEST_DRAIN, 0);
    while empty < EMPTY_TIMES {
        assert!(Instant::now() < deadline, "the queue does not become empty: {:?}", pipeline.status().await);
        let status = pipeline.status().await.unwrap();
        empty = if status.queued + status.in_flight == 0 { empty + 1 } else { 0 };
        sleep(Duration::from_millis(50)).await;
    }
}

fn read(account: &mut Account, bucket: &Path, dead: &[String]) {
    for object in places::objects(&bucket.join("records")) {
        places::each_record(&object, |line| account.record(line, Some(object.stored_at)));
    }
    for object in places::objects(&bucket.join("quarantine")) {
        let body = places::quarantined_body(&object);
        places::each_record_of_message(&body, |line| account.record(line, None));
    }
    for body in dead {
        places::each_record_of_message(body, |line| account.record(line, None));
    }
}
