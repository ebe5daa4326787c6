//! One invocation: a batch of SQS messages in, those that failed out.

use std::pin::pin;
use std::time::{Duration, SystemTime};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::stream::{Stream, StreamExt};
use lambda_runtime::{Context, LambdaEvent};
use spillway_shared::metrics::Delivered;
use spillway_shared::metrics::emf::Sink;
use spillway_shared::pool::Pool;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::config::Config;
use crate::object::{self, Limits, Plan};
use crate::quarantine::Broken;
use crate::queue::MessageQueue;
use crate::settle::Settle;
use crate::store::ObjectStore;
use crate::suspects::{self, Sorted};
use crate::unpack::{self, Fault, Message};
use crate::upload::{Failure, Uploaded, Uploads};

/// All ends so long before the function's time does: enough to answer. With less than 3.6 s, a twelfth of them.
const FOR_ANSWER: Duration = Duration::from_millis(300);
/// Uploads end so long before that: enough to delay what failed. With less than 2.8 s, a quarter of them.
const FOR_DELAYS: Duration = Duration::from_millis(700);

/// A deadline so long past was never meant.
const LONG_AGO: Duration = Duration::from_hours(24);
/// The time that an invocation has where nobody says: the default of the template.
const UNTOLD: Duration = Duration::from_secs(20);

/// What all invocations of a process share.
#[derive(Debug)]
pub struct Deliver<S, Q> {
    uploads: Uploads<S>,
    settle: Settle<Q>,
    limits: Limits,
    /// Held while suspects are touched: one turn at a time in the whole process.
    turn: Mutex<()>,
    metrics: Sink,
}

/// Why an invocation fails as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchFailure {
    /// The function's error metric must show it.
    #[error("all {0} messages of the batch failed")]
    All(usize),
    /// It cannot be named in the answer, and an answer without it would delete it.
    #[error("a message without an SQS message id failed")]
    Nameless,
}

/// What became of a batch.
struct Fates {
    /// Which SQS messages may be deleted, by their place in the batch. A message has failed until it is known to be kept.
    kept: Vec<bool>,
    /// What is counted of it.
    delivered: Delivered,
}

/// How far the messages of a batch have come.
struct Progress<'a> {
    messages: &'a [Message<'a>],
    /// Of each message, how many objects it is still to be stored in: one, or as many as it has parts.
    missing: Vec<usize>,
    faults: Vec<(usize, Fault)>,
}

impl<S: ObjectStore, Q: MessageQueue> Deliver<S, Q> {
    /// Deliver from `queue` to `store` with the settings of `config`.
    #[must_use]
    pub fn new(config: &Config, store: S, queue: Q) -> Self {
        let pool = Pool::new(config.max_workers);
        Self {
            settle: Settle::new(queue, pool.clone(), config.tries),
            uploads: Uploads::new(config, store, pool),
            limits: config.limits,
            turn: Mutex::new(()),
            metrics: Sink::none(),
        }
    }

    /// The same, with a line of metrics for every batch.
    #[must_use]
    pub fn measured_by(self, metrics: Sink) -> Self {
        Self { metrics, ..self }
    }

    /// Handles one invocation.
    ///
    /// # Errors
    /// Why none of its messages may be deleted.
    pub async fn invocation(&self, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, BatchFailure> {
        self.batch(&event.payload.records, answer_by(&event.context)).await
    }

    /// Stores or quarantines every message of a batch, delays those that failed, and answers which they are, all before
    /// `answer_by`.
    ///
    /// # Errors
    /// Why none of its messages may be deleted.
    pub async fn batch(&self, batch: &[SqsMessage], answer_by: Instant) -> Result<SqsBatchResponse, BatchFailure> {
        let deadline = uploads_end(answer_by);
        let mut fates = Fates::unknown(batch);
        let Sorted { fresh, suspects } = suspects::sort(batch);
        self.keep(batch, &fresh, deadline, &mut fates).await;
        if !suspects.is_empty() {
            self.settle.delete(fates.kept(batch, &fresh), deadline).await;
            self.keep_suspects(batch, suspects, deadline, &mut fates).await;
        }
        self.settle.delay(fates.failed(batch), answer_by).await;
        self.metrics.write(SystemTime::now(), |line| line.with(&fates.counted()));
        fates.answer(batch)
    }

    /// Stores or quarantines suspects, turn by turn, each turn deleted from SQS before the next; see [`suspects`].
    async fn keep_suspects(&self, batch: &[SqsMessage], suspects: Vec<usize>, deadline: Instant, fates: &mut Fates) {
        for turn in suspects::turns(suspects) {
            let Ok(_alone) = timeout_at(deadline, self.turn.lock()).await else { break };
            if Instant::now() >= deadline {
                break;
            }
            self.keep(batch, &turn, deadline, fates).await;
            self.settle.delete(fates.kept(batch, &turn), deadline).await;
            if self.uploads.are_failing() {
                break;
            }
        }
    }

    /// Stores or quarantines the messages at these places.
    async fn keep(&self, batch: &[SqsMessage], places: &[usize], deadline: Instant, fates: &mut Fates) {
        let unpacked = unpack::unpack(batch, places);
        let mut faults = unpacked.faults;
        faults.extend(self.store(&unpacked.messages, deadline, fates).await);
        self.quarantine(broken(batch, faults), deadline, fates).await;
    }

    /// Stores the records of messages; what turns out not to be readable is returned, by SQS message.
    async fn store(&self, messages: &[Message<'_>], deadline: Instant, fates: &mut Fates) -> Vec<(usize, Fault)> {
        let headers: Vec<_> = messages.iter().map(|message| &message.sealed.header).collect();
        let plans = object::plan(&headers, &self.limits);
        let mut progress = Progress::new(&plans, messages);
        let mut uploads = pin!(self.uploads.store_all(plans, messages, deadline));
        while let Some(uploaded) = next_before(deadline, &mut uploads).await {
            log(&uploaded);
            uploaded.upload.count(&mut fates.delivered, SystemTime::now());
            progress.add(uploaded, fates);
        }
        progress.faults
    }

    async fn quarantine(&self, broken: Vec<Broken<'_>>, deadline: Instant, fates: &mut Fates) {
        let mut quarantined = pin!(self.uploads.quarantine_all(broken, SystemTime::now(), deadline));
        while let Some((broken, result)) = next_before(deadline, &mut quarantined).await {
            log_quarantined(&broken, &result);
            if result.is_ok() {
                fates.delivered.quarantined += 1;
                fates.keep(&[broken.carrier]);
            }
        }
    }
}

impl Fates {
    fn unknown(batch: &[SqsMessage]) -> Self {
        Self { kept: vec![false; batch.len()], delivered: Delivered::default() }
    }

    fn keep(&mut self, carriers: &[usize]) {
        for carrier in carriers {
            self.kept[*carrier] = true;
        }
    }

    /// Those of the messages at `places` that may be deleted.
    fn kept<'a>(&self, batch: &'a [SqsMessage], places: &[usize]) -> impl Iterator<Item = &'a SqsMessage> {
        places.iter().filter(|at| self.kept[**at]).map(|at| &batch[*at])
    }

    fn failed<'a>(&self, batch: &'a [SqsMessage]) -> impl Iterator<Item = &'a SqsMessage> {
        batch.iter().zip(&self.kept).filter(|(_, kept)| !**kept).map(|(message, _)| message)
    }

    fn counted(&self) -> Delivered {
        let failed = self.kept.iter().filter(|kept| !**kept).count();
        Delivered { messages: self.kept.len() as u64, failed: failed as u64, ..self.delivered }
    }

    fn answer(&self, batch: &[SqsMessage]) -> Result<SqsBatchResponse, BatchFailure> {
        let failed: Vec<_> = self.failed(batch).collect();
        if !failed.is_empty() && failed.len() == batch.len() {
            return Err(BatchFailure::All(batch.len()));
        }
        let mut response = SqsBatchResponse::default();
        for message in failed {
            // An empty id would have the same effect as this error, and only in the service's own log.
            let id = message.message_id.as_deref().filter(|id| !id.is_empty()).ok_or(BatchFailure::Nameless)?;
            response.add_failure(id);
        }
        Ok(response)
    }
}

impl<'a> Progress<'a> {
    fn new(plans: &[Plan], messages: &'a [Message<'a>]) -> Self {
        let mut missing = vec![1; messages.len()];
        for plan in plans {
            if let Plan::Parts(parts) = plan {
                missing[parts.message] = parts.count();
            }
        }
        Self { messages, missing, faults: Vec::new() }
    }

    fn add(&mut self, uploaded: Uploaded, fates: &mut Fates) {
        if uploaded.result.is_ok() {
            for at in &uploaded.messages {
                self.stored_once(*at, fates);
            }
        }
        for (at, fault) in uploaded.faults {
            let carriers = self.messages[at].carriers.iter();
            self.faults.extend(carriers.map(|carrier| (*carrier, fault.clone())));
        }
    }

    fn stored_once(&mut self, at: usize, fates: &mut Fates) {
        self.missing[at] = self.missing[at].saturating_sub(1);
        if self.missing[at] == 0 {
            fates.keep(&self.messages[at].carriers);
        }
    }
}

/// The messages that will never be readable; what may be readable later is left to fail.
fn broken(batch: &[SqsMessage], faults: Vec<(usize, Fault)>) -> Vec<Broken<'_>> {
    let mut broken = Vec::new();
    let mut handed_back = Vec::new();
    for (carrier, fault) in faults {
        match fault {
            Fault::Unreadable(reason) => broken.push(Broken { carrier, sqs_message: &batch[carrier], reason }),
            Fault::HandedBack(reason) => handed_back.push(reason),
        }
    }
    if let Some(reason) = handed_back.first() {
        warn!(messages = handed_back.len(), reason, "messages were handed back");
    }
    broken
}

/// What comes next, unless the deadline does; what is on its way then is dropped with its stream and has failed.
async fn next_before<T>(deadline: Instant, stream: &mut (impl Stream<Item = T> + Unpin)) -> Option<T> {
    timeout_at(deadline, stream.next()).await.unwrap_or_else(|_| {
        warn!("out of time: what is not stored yet is handed back");
        None
    })
}

/// One line for each object that was not stored, and nothing of what is in it.
fn log(uploaded: &Uploaded) {
    if let Err(failure) = &uploaded.result {
        let (key, messages) = (uploaded.key.as_deref(), uploaded.messages.len());
        warn!(key, messages, %failure, "an object was not stored");
    }
}

/// One line for each message; the reason is kept with it and not logged, since it can quote what it is about.
fn log_quarantined(broken: &Broken<'_>, result: &Result<(), Failure>) {
    let message_id = broken.sqs_message.message_id.as_deref();
    match result {
        Ok(()) => warn!(message_id, "a message that cannot be read was quarantined"),
        Err(failure) => warn!(message_id, %failure, "a message that cannot be read was not quarantined"),
    }
}

/// When all must have ended but the answer, on this process's clock.
fn answer_by(context: &Context) -> Instant {
    let left = time_left(context.deadline(), SystemTime::now());
    Instant::now() + left - FOR_ANSWER.min(left / 12)
}

/// `cargo lambda watch` names the same moment of 1970 at every invocation, which is to say none.
fn time_left(deadline: SystemTime, now: SystemTime) -> Duration {
    match deadline.duration_since(now) {
        Err(past) if past.duration() > LONG_AGO => UNTOLD,
        left => left.unwrap_or_default(),
    }
}

/// When uploads must have ended.
fn uploads_end(answer_by: Instant) -> Instant {
    let left = answer_by.saturating_duration_since(Instant::now());
    answer_by - FOR_DELAYS.min(left / 4)
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "batch_fates_tests.rs"]
mod fates_tests;

#[cfg(test)]
#[path = "batch_poison_tests.rs"]
mod poison_tests;

#[cfg(test)]
#[path = "batch_metrics_tests.rs"]
mod metrics_tests;
