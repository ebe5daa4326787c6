//! One invocation: a batch of SQS messages in, those that failed out.

use std::pin::pin;
use std::time::SystemTime;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::stream::{Stream, StreamExt};
use lambda_runtime::LambdaEvent;
use spillway_shared::metrics::emf::Sink;
use spillway_shared::pool::Pool;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::config::Config;
use crate::deadline::{answer_by, uploads_end};
use crate::failures::Failures;
use crate::fates::{BatchFailure, Fates, Progress};
use crate::object::{self, Limits};
use crate::quarantine::Broken;
use crate::s3::ObjectStore;
use crate::settle::Settle;
use crate::sqs::MessageQueue;
use crate::suspects::{self, Sorted};
use crate::unpack::{self, Fault, Message};
use crate::upload::Uploads;

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
        fates.failures.log();
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
        while let Some(uploaded) = next_before(deadline, &mut uploads, &mut fates.failures).await {
            fates.failures.note(&uploaded);
            uploaded.upload.count(&mut fates.delivered, SystemTime::now());
            progress.add(uploaded, fates);
        }
        progress.faults
    }

    async fn quarantine(&self, broken: Vec<Broken<'_>>, deadline: Instant, fates: &mut Fates) {
        let mut quarantined = pin!(self.uploads.quarantine_all(broken, SystemTime::now(), deadline));
        while let Some((broken, result)) = next_before(deadline, &mut quarantined, &mut fates.failures).await {
            match result {
                Ok(()) => {
                    log_quarantined(&broken);
                    fates.delivered.quarantined += 1;
                    fates.keep(&[broken.carrier]);
                }
                Err(failure) => fates.failures.note_broken(&broken, &failure),
            }
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
async fn next_before<T>(
    deadline: Instant,
    stream: &mut (impl Stream<Item = T> + Unpin),
    failures: &mut Failures,
) -> Option<T> {
    timeout_at(deadline, stream.next()).await.unwrap_or_else(|_| {
        failures.note_out_of_time();
        None
    })
}

/// One line for each message; the reason is kept with it and not logged, since it can quote what it is about.
fn log_quarantined(broken: &Broken<'_>) {
    let message_id = broken.sqs_message.message_id.as_deref();
    warn!(message_id, "a message that cannot be read was quarantined");
}

#[cfg(test)]
#[path = "batch/tests.rs"]
mod tests;

#[cfg(test)]
#[path = "batch/fates_tests.rs"]
mod fates_tests;

#[cfg(test)]
#[path = "batch/poison_tests.rs"]
mod poison_tests;

#[cfg(test)]
#[path = "batch/metrics_tests.rs"]
mod metrics_tests;

#[cfg(test)]
#[path = "batch/frames_tests.rs"]
mod frames_tests;
