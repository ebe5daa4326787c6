//! One invocation: a batch of SQS messages in, the failed ones out.

use std::pin::pin;
use std::time::SystemTime;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::stream::{Stream, StreamExt};
use lambda_runtime::LambdaEvent;
use spillway_shared::metrics::emf::Sink;
use spillway_shared::pool::Pool;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::config::Config;
use crate::deadline::{answer_by, uploads_end};
use crate::failures::Failures;
use crate::index::BatchIndex;
use crate::object::{self, Limits};
use crate::outcomes::{BatchFailure, Outcomes, Progress};
use crate::quarantine::Broken;
use crate::s3::ObjectStore;
use crate::settle::Settle;
use crate::sqs::MessageQueue;
use crate::suspects::{self, Sorted};
use crate::unpack::{self, Message, UnpackError};
use crate::upload::Uploads;

/// The source that each record of an event of SQS names.
const EVENT_SOURCE: &str = "aws:sqs";

/// What all invocations of a process share.
#[derive(Debug)]
pub struct Deliver<S, Q> {
    uploads: Uploads<S>,
    settle: Settle<Q>,
    limits: Limits,
    /// Held while a turn of suspects is handled: one at a time in the whole process.
    turn: Mutex<()>,
    metrics: Sink,
}

impl<S: ObjectStore, Q: MessageQueue> Deliver<S, Q> {
    /// Delivers from `queue` to `store` with the settings of `config`.
    #[must_use]
    pub fn new(config: &Config, store: S, queue: Q) -> Self {
        let pool = Pool::new(config.max_workers);
        Self {
            settle: Settle::new(queue, pool.clone(), config.attempts),
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
        if event.payload.records.iter().any(|record| record.event_source.as_deref() != Some(EVENT_SOURCE)) {
            return Err(BatchFailure::NotSqs);
        }
        self.batch(&event.payload.records, answer_by(&event.context)).await
    }

    /// Stores or quarantines every message of a batch, delays the failed ones, and names them in the response, all
    /// before `answer_by`.
    ///
    /// # Errors
    /// Why none of its messages may be deleted.
    pub async fn batch(&self, batch: &[SqsMessage], answer_by: Instant) -> Result<SqsBatchResponse, BatchFailure> {
        let deadline = uploads_end(answer_by);
        let mut outcomes = Outcomes::new(batch);
        let Sorted { fresh, suspects } = suspects::sort(batch);
        self.handle(batch, &fresh, deadline, &mut outcomes).await;
        if !suspects.is_empty() {
            self.settle.delete(outcomes.done(batch, &fresh), deadline).await;
            self.handle_suspects(batch, suspects, deadline, &mut outcomes).await;
        }
        outcomes.failures.log();
        self.settle.delay(outcomes.failed(batch), answer_by).await;
        self.metrics.write(SystemTime::now(), |line| line.with(&outcomes.metrics()));
        outcomes.response(batch)
    }

    /// Handles suspects turn by turn, and deletes each turn from SQS before the next; see [`suspects`].
    async fn handle_suspects(
        &self,
        batch: &[SqsMessage],
        suspects: Vec<BatchIndex>,
        deadline: Instant,
        outcomes: &mut Outcomes,
    ) {
        for turn in suspects::turns(suspects) {
            let Ok(_alone) = timeout_at(deadline, self.turn.lock()).await else { break };
            if Instant::now() >= deadline {
                break;
            }
            self.handle(batch, &turn, deadline, outcomes).await;
            self.settle.delete(outcomes.done(batch, &turn), deadline).await;
            if self.uploads.are_failing() {
                break;
            }
        }
    }

    /// Stores or quarantines the messages at these indices.
    async fn handle(&self, batch: &[SqsMessage], indices: &[BatchIndex], deadline: Instant, outcomes: &mut Outcomes) {
        let unpacked = unpack::unpack(batch, indices);
        acknowledge(&unpacked.test_events, outcomes);
        let mut errors = unpacked.errors;
        errors.extend(self.store(&unpacked.messages, deadline, outcomes).await);
        self.quarantine(broken(batch, errors), deadline, outcomes).await;
    }

    /// Stores the records of messages, and returns the errors that unpacking them revealed.
    async fn store(
        &self,
        messages: &[Message<'_>],
        deadline: Instant,
        outcomes: &mut Outcomes,
    ) -> Vec<(BatchIndex, UnpackError)> {
        let headers: Vec<_> = messages.iter().map(|message| &message.sealed.header).collect();
        let plans = object::plan(&headers, &self.limits);
        let mut progress = Progress::new(&plans, messages);
        let mut uploads = pin!(self.uploads.store_all(plans, messages, deadline));
        while let Some(uploaded) = next_before(deadline, &mut uploads, &mut outcomes.failures).await {
            outcomes.failures.add(&uploaded);
            uploaded.upload.count(&mut outcomes.delivered, SystemTime::now());
            progress.add(uploaded, outcomes);
        }
        progress.errors
    }

    async fn quarantine(&self, broken: Vec<Broken<'_>>, deadline: Instant, outcomes: &mut Outcomes) {
        let mut quarantined = pin!(self.uploads.quarantine_all(broken, SystemTime::now(), deadline));
        while let Some((broken, result)) = next_before(deadline, &mut quarantined, &mut outcomes.failures).await {
            match result {
                Ok(()) => {
                    log_quarantined(&broken);
                    outcomes.delivered.quarantined += 1;
                    outcomes.set_done(&[broken.index]);
                }
                Err(failure) => outcomes.failures.add_broken(&broken, &failure),
            }
        }
    }
}

/// The unreadable messages. The returned ones stay failed and are logged in one line.
fn broken(batch: &[SqsMessage], errors: Vec<(BatchIndex, UnpackError)>) -> Vec<Broken<'_>> {
    let mut broken = Vec::new();
    let mut returned = Vec::new();
    for (index, error) in errors {
        match error {
            UnpackError::Unreadable(reason) => broken.push(Broken { index, sqs_message: &batch[index], reason }),
            UnpackError::Returned(reason) => returned.push(reason),
        }
    }
    if let Some(reason) = returned.first() {
        warn!(messages = returned.len(), reason, "messages were returned to the queue");
    }
    broken
}

/// The next item, unless the deadline comes first. Uploads still under way are then dropped with the stream and count
/// as failed.
async fn next_before<T>(
    deadline: Instant,
    stream: &mut (impl Stream<Item = T> + Unpin),
    failures: &mut Failures,
) -> Option<T> {
    timeout_at(deadline, stream.next()).await.unwrap_or_else(|_| {
        failures.set_out_of_time();
        None
    })
}

/// Acknowledges test events of S3. They tell that a bucket notifies this queue, which is a mistake, but nothing is lost
/// with them: a quarantined message would ring an alarm.
fn acknowledge(test_events: &[BatchIndex], outcomes: &mut Outcomes) {
    if !test_events.is_empty() {
        info!(messages = test_events.len(), "test events of S3 were dropped: a bucket is set up to notify this queue");
    }
    outcomes.set_done(test_events);
}

/// Logs one line for each message. The reason can quote the message, so it is stored with it and not logged.
fn log_quarantined(broken: &Broken<'_>) {
    let message_id = broken.sqs_message.message_id.as_deref();
    warn!(message_id, "an unreadable message was quarantined");
}

#[cfg(test)]
mod tests;
