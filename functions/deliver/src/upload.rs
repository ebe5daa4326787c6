//! The flow of objects to the store: plans in, what became of each object out.
//!
//! Memory is reserved first, then a worker is taken: who holds a worker never waits for memory, so what holds memory
//! always gets on.

use std::panic::AssertUnwindSafe;
use std::time::SystemTime;

use futures::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};
use spillway_shared::pool::{Budget, Pool};
use spillway_shared::retry::{GaveUp, Tries};
use tokio::time::Instant;

use crate::breaker::{Breaker, Moment};
use crate::config::Config;
use crate::draft::{self, Draft, Drafts, Form};
use crate::metrics::Upload;
use crate::object::Plan;
use crate::quarantine::Broken;
use crate::s3::{Object, ObjectStore, PutError, Stored};
use crate::unpack::{Fault, Message};

/// What all invocations of a process share to reach the store.
#[derive(Debug)]
pub struct Uploads<S> {
    store: S,
    breaker: Breaker,
    pool: Pool,
    budget: Budget,
    tries: Tries,
    form: Form,
}

/// What became of one planned object. Messages are named by their place in the batch.
#[derive(Debug)]
pub struct Uploaded {
    /// The object's key, if it was made.
    pub key: Option<String>,
    /// The messages that it holds, or of which it holds a part.
    pub messages: Vec<usize>,
    /// Messages that were to be in it and turned out to have no records that can be read.
    pub faults: Vec<(usize, Fault)>,
    /// Whether it is stored.
    pub result: Result<(), Failure>,
    /// What is counted of it.
    pub upload: Upload,
}

/// Why an object is not stored.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] GaveUp<PutError>),
    /// The store fails, so this was not even tried.
    #[error("not tried, since the store fails")]
    HeldBack,
    /// It could not be compressed.
    #[error("compressing it failed: {0}")]
    Encode(#[from] std::io::Error),
    /// Something on its way panicked.
    #[error("storing it panicked")]
    Panicked,
}

impl<S: ObjectStore> Uploads<S> {
    /// The way to `store` within the limits of `config`, on workers of `pool`.
    #[must_use]
    pub fn new(config: &Config, store: S, pool: Pool) -> Self {
        let form = Form { prefix: config.object_prefix.clone(), compression: config.compression };
        let budget = Budget::new(config.max_inflight_bytes);
        Self { store, breaker: Breaker::default(), pool, budget, tries: config.tries, form }
    }

    /// Whether so much failed that the store is only tried now and then.
    #[must_use]
    pub fn are_failing(&self) -> bool {
        self.breaker.is_open()
    }

    /// Makes and stores all planned objects, and yields what became of each as it ends.
    pub fn store_all<'a>(
        &'a self,
        mut plans: Vec<Plan>,
        messages: &'a [Message<'a>],
        deadline: Instant,
    ) -> BoxStream<'a, Uploaded> {
        let since = self.breaker.now();
        if self.breaker.is_open() {
            // A store can fail for one prefix alone: no stream shall always be the one to be tried.
            fastrand::shuffle(&mut plans);
        }
        let drafts = stream::iter(plans).then(move |plan| self.reserve(plan, messages)).flat_map(stream::iter);
        self.pool.run_stream(drafts.map(move |draft| self.store(draft, messages, since, deadline))).boxed()
    }

    /// Quarantines SQS messages, and yields what became of each as it ends.
    pub fn quarantine_all<'a>(
        &'a self,
        broken: Vec<Broken<'a>>,
        now: SystemTime,
        deadline: Instant,
    ) -> BoxStream<'a, (Broken<'a>, Result<(), Failure>)> {
        let since = self.breaker.now();
        let reserved = stream::iter(broken).then(move |broken| async move {
            let held = self.budget.reserve(broken.most_bytes()).await;
            (broken, held)
        });
        let puts = reserved.map(move |(broken, held)| async move {
            let object = broken.object(now);
            let result = guarded(async { self.put(&object, since, deadline, &mut 0).await.map(drop) }).await;
            drop(held);
            (broken, result)
        });
        self.pool.run_stream(puts).boxed()
    }

    async fn reserve<'a>(&'a self, plan: Plan, messages: &'a [Message<'a>]) -> Drafts<'a> {
        let held = self.budget.reserve(draft::most_bytes(&plan, messages, &self.form)).await;
        draft::drafts(plan, messages, held)
    }

    async fn store(&self, draft: Draft<'_>, messages: &[Message<'_>], since: Moment, deadline: Instant) -> Uploaded {
        let mut uploaded = Uploaded::of(&draft);
        uploaded.result = guarded(self.make_and_put(draft, messages, since, deadline, &mut uploaded)).await;
        uploaded
    }

    async fn make_and_put(
        &self,
        mut draft: Draft<'_>,
        messages: &[Message<'_>],
        since: Moment,
        deadline: Instant,
        uploaded: &mut Uploaded,
    ) -> Result<(), Failure> {
        let made = draft.make(messages, &self.form).await?;
        uploaded.upload = made.upload();
        (uploaded.messages, uploaded.faults) = (made.messages, made.faults);
        let Some(object) = made.object else { return Ok(()) };
        draft.shrink(object.body.len());
        uploaded.key = Some(object.key.clone());
        uploaded.upload.stored = Some(self.put(&object, since, deadline, &mut uploaded.upload.tries).await?);
        Ok(())
    }

    /// A store that has the object already has the same one: its name says so. `tries` counts how often it was sent.
    async fn put(&self, object: &Object, since: Moment, deadline: Instant, tries: &mut u64) -> Result<Stored, Failure> {
        let call = self.tries.run(deadline, || {
            *tries += 1;
            self.store.put(object)
        });
        // A refusal is about the object, and a try that the deadline cut short about this batch: other objects must not wait
        // because of either.
        let blames_store = |error: &GaveUp<PutError>| match error {
            GaveUp::Exhausted(..) => true,
            GaveUp::TimedOut(limit) => *limit == self.tries.timeout,
            GaveUp::Refused(_) | GaveUp::OutOfTime => false,
        };
        Ok(self.breaker.pass(since, call, blames_store).await.ok_or(Failure::HeldBack)??)
    }
}

impl Uploaded {
    /// Nothing has become of it yet.
    fn of(draft: &Draft<'_>) -> Self {
        let upload = Upload::default();
        Self { key: None, messages: draft.messages(), faults: Vec::new(), result: Ok(()), upload }
    }
}

/// A panic on an object's way is that object's failure.
async fn guarded(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Err(Failure::Panicked))
}
