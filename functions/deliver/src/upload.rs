//! The flow of objects to S3: plans in, the result of each object out.
//!
//! An upload reserves memory first and takes a worker second. A worker therefore never waits for memory, and every
//! upload that holds memory makes progress.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::SystemTime;

use futures::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};
use spillway_shared::breaker::{Breaker, Moment};
use spillway_shared::pool::{Budget, Pool};
use spillway_shared::retry::{Attempts, GaveUp};
use tokio::time::Instant;

use crate::config::Config;
use crate::draft::{self, Draft, Drafts, Format};
use crate::index::MessageIndex;
use crate::metrics::Upload;
use crate::object::{self, Plan};
use crate::quarantine::Broken;
use crate::s3::{Object, ObjectStore, PutError, Stored};
use crate::unpack::{Message, UnpackError};

/// What all invocations of a process share to reach S3.
#[derive(Debug)]
pub struct Uploads<S> {
    store: S,
    breaker: Breaker,
    pool: Pool,
    budget: Budget,
    attempts: Attempts,
    format: Format,
}

/// The result of one planned object.
#[derive(Debug)]
pub struct Uploaded {
    /// The object's key, if it was made.
    pub key: Option<String>,
    /// The messages in it, whole or in part.
    pub messages: Vec<MessageIndex>,
    /// The messages planned for it that could not be unpacked.
    pub errors: Vec<(MessageIndex, UnpackError)>,
    /// Whether it is stored.
    pub result: Result<(), Failure>,
    /// Its metrics.
    pub upload: Upload,
}

/// Why an object is not stored.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// S3 did not accept it.
    #[error(transparent)]
    Store(#[from] GaveUp<PutError>),
    /// S3 was failing, so no attempt was made.
    #[error("not attempted, because S3 is failing")]
    HeldBack,
    /// It could not be compressed.
    #[error("compressing it failed: {0}")]
    Encode(#[from] std::io::Error),
    /// Making or storing it panicked.
    #[error("storing it panicked")]
    Panicked,
}

impl<S: ObjectStore> Uploads<S> {
    /// Uploads to `store` within the limits of `config`, on workers of `pool`.
    #[must_use]
    pub fn new(config: &Config, store: S, pool: Pool) -> Self {
        let format = Format { prefix: config.object_prefix.clone(), compression: config.compression };
        let budget = Budget::new(config.max_inflight_bytes);
        Self { store, breaker: Breaker::default(), pool, budget, attempts: config.attempts, format }
    }

    /// Whether the breaker is open after many failures, so that only probes are sent.
    #[must_use]
    pub fn are_failing(&self) -> bool {
        self.breaker.is_open()
    }

    /// Makes and stores all planned objects, and yields each result when it is known.
    pub fn store_all<'a>(
        &'a self,
        mut plans: Vec<Plan>,
        messages: &'a [Message<'a>],
        deadline: Instant,
    ) -> BoxStream<'a, Uploaded> {
        let since = self.breaker.now();
        if self.breaker.is_open() {
            // S3 can fail for one prefix alone, so the probe must not always be of the same stream.
            fastrand::shuffle(&mut plans);
        }
        let drafts =
            stream::iter(plans).then(move |plan| self.reserve(plan, messages, deadline)).flat_map(stream::iter);
        self.pool.run_stream(drafts.map(move |draft| self.store(draft, messages, since, deadline))).boxed()
    }

    /// Quarantines SQS messages, and yields each result when it is known.
    pub fn quarantine_all<'a>(
        &'a self,
        broken: Vec<Broken<'a>>,
        now: SystemTime,
        deadline: Instant,
    ) -> BoxStream<'a, (Broken<'a>, Result<(), Failure>)> {
        let since = self.breaker.now();
        let reserved = stream::iter(broken).then(move |broken| async move {
            let held = self.budget.reserve(broken.max_bytes()).await;
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

    async fn reserve<'a>(&'a self, plan: Plan, messages: &'a [Message<'a>], deadline: Instant) -> Drafts<'a> {
        let held = self.budget.reserve(draft::max_bytes(&plan, messages, &self.format)).await;
        let stored = match &plan {
            Plan::Whole(_) => BTreeSet::new(),
            Plan::Split(split) => self.stored_parts(&messages[split.message], deadline).await,
        };
        draft::drafts(plan, messages, held, &self.format, stored)
    }

    /// The keys of the parts of a message that earlier receives stored, so that every receive makes progress: an
    /// invocation may have time for some parts only, and a PUT of a stored part takes as long as a new one.
    ///
    /// Keys that cannot be listed are missing; their PUTs then find them stored.
    async fn stored_parts(&self, message: &Message<'_>, deadline: Instant) -> BTreeSet<String> {
        let prefix = object::prefix_of_parts(&self.format.prefix, &message.sealed);
        let (mut stored, mut last) = (BTreeSet::new(), prefix.clone());
        while let Ok(page) = self.attempts.run(deadline, || self.store.list(&prefix, &last)).await {
            last = page.keys.last().cloned().unwrap_or_default();
            stored.extend(page.keys);
            if !page.is_truncated {
                break;
            }
        }
        stored
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
        let made = draft.make(messages, &self.format).await?;
        uploaded.upload = made.upload();
        (uploaded.messages, uploaded.errors) = (made.messages, made.errors);
        let Some(object) = made.object else { return Ok(()) };
        draft.shrink(object.body.len());
        uploaded.key = Some(object.key.clone());
        uploaded.upload.stored = Some(self.put(&object, since, deadline, &mut uploaded.upload.attempts).await?);
        Ok(())
    }

    /// Stores an object and counts its `attempts`. An existing key is success, because its name identifies the content.
    async fn put(
        &self,
        object: &Object,
        since: Moment,
        deadline: Instant,
        attempts: &mut u64,
    ) -> Result<Stored, Failure> {
        let call = self.attempts.run(deadline, || {
            *attempts += 1;
            self.store.put(object)
        });
        // A refusal concerns this object, and an attempt that the deadline cut short concerns this batch: neither may
        // hold back other objects.
        let blames_store = |error: &GaveUp<PutError>| match error {
            GaveUp::Exhausted(..) => true,
            GaveUp::TimedOut(limit) => *limit == self.attempts.timeout,
            GaveUp::Refused(_) | GaveUp::OutOfTime => false,
        };
        Ok(self.breaker.pass(since, call, blames_store).await.ok_or(Failure::HeldBack)??)
    }
}

impl Uploaded {
    /// The result before anything is done.
    fn of(draft: &Draft<'_>) -> Self {
        let upload = Upload::default();
        Self { key: None, messages: draft.messages(), errors: Vec::new(), result: Ok(()), upload }
    }
}

/// Turns a panic while an object is made or stored into a failure of this object.
async fn guarded(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Err(Failure::Panicked))
}
