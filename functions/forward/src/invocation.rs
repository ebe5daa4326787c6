//! One invocation: messages in, the failed ones out.

use std::time::{Duration, SystemTime};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use lambda_runtime::{Context, LambdaEvent};
use spillway_shared::deadline::time_left;
use spillway_shared::metrics::Forwarded;
use spillway_shared::metrics::emf::Sink;
use spillway_shared::pool::{Budget, Pool};
use tokio::time::Instant;
use tracing::warn;

use crate::config::Config;
use crate::event::{self, EventError};
use crate::post::{Gate, Poster};
use crate::s3::Objects;
use crate::secrets::Secrets;
use crate::settle::Settle;
use crate::sqs::Queue;
use crate::work::Worker;

/// The source that each record of an event of SQS names.
const EVENT_SOURCE: &str = "aws:sqs";
/// The time that settling may take at the end; a quarter of the time if that is less.
const FOR_SETTLING: Duration = Duration::from_secs(2);
/// The time of an invocation whose deadline is unknown: the template's default for the function's timeout.
const UNKNOWN: Duration = Duration::from_secs(30);

/// Why no message of an invocation may be deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvocationError {
    /// A response without failures would acknowledge the event, and its data would be lost.
    #[error("the event is not from SQS; only an event source mapping of SQS may invoke forward")]
    NotSqs,
    /// The response cannot name this message.
    #[error("a message without an SQS message id failed")]
    Nameless,
}

/// What all invocations of a process share.
#[derive(Debug)]
pub struct Forward<S, O, Q> {
    worker: Worker<S, O>,
    settle: Settle<Q>,
    bucket: String,
    prefixes: Vec<String>,
    metrics: Sink,
}

impl<S: Secrets, O: Objects, Q: Queue> Forward<S, O, Q> {
    /// Forwards from `objects` with `poster`, by messages of `queue`.
    #[must_use]
    pub fn new(config: &Config, poster: Poster<S>, objects: O, queue: Q) -> Self {
        let prefixes = config.destination.prefixes(&config.object_prefix);
        Self {
            worker: Worker {
                poster,
                objects,
                pool: Pool::new(config.max_workers),
                budget: Budget::new(config.max_inflight_bytes),
                attempts: config.attempts,
            },
            settle: Settle::new(queue, config.attempts),
            bucket: config.bucket.clone(),
            prefixes,
            metrics: Sink::none(),
        }
    }

    /// The same, with a line of metrics for every invocation.
    #[must_use]
    pub fn measured_by(self, metrics: Sink) -> Self {
        Self { metrics, ..self }
    }

    /// Handles one invocation.
    ///
    /// # Errors
    /// Why none of its messages may be deleted.
    pub async fn invocation(&self, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, InvocationError> {
        let messages = event.payload.records;
        if messages.iter().any(|message| message.event_source.as_deref() != Some(EVENT_SOURCE)) {
            return Err(InvocationError::NotSqs);
        }
        self.messages(&messages, answer_by(&event.context)).await
    }

    /// Handles messages, all before `answer_by`.
    ///
    /// # Errors
    /// A failed message has no id.
    pub async fn messages(
        &self,
        messages: &[SqsMessage],
        answer_by: Instant,
    ) -> Result<SqsBatchResponse, InvocationError> {
        let left = answer_by.saturating_duration_since(Instant::now());
        let gate = self.worker.poster.begin(answer_by - FOR_SETTLING.min(left / 4));
        let mut counts = Forwarded { messages: messages.len() as u64, ..Forwarded::default() };
        let (mut response, mut failures) = (SqsBatchResponse::default(), Vec::new());
        // Their requests share the pool, and their batches the budget.
        let mut works: FuturesUnordered<_> =
            messages.iter().map(|message| self.message(message, &gate, answer_by)).collect();
        while let Some((message, is_done, (of_message, failure))) = works.next().await {
            counts.add(&of_message);
            failures.extend(failure);
            if !is_done {
                counts.failed += 1;
                let id = message.message_id.as_deref().filter(|id| !id.is_empty()).ok_or(InvocationError::Nameless)?;
                response.add_failure(id);
            }
        }
        log(&counts, &failures);
        self.metrics.write(SystemTime::now(), |line| line.with(&counts));
        Ok(response)
    }

    /// Handles one message, and returns it with whether SQS may delete it.
    fn message<'a>(
        &'a self,
        message: &'a SqsMessage,
        gate: &'a Gate,
        answer_by: Instant,
    ) -> BoxFuture<'a, (&'a SqsMessage, bool, Handled)> {
        async move {
            let (is_done, handled) = self.handle(message, gate, answer_by).await;
            (message, is_done, handled)
        }
        .boxed()
    }

    async fn handle(&self, message: &SqsMessage, gate: &Gate, answer_by: Instant) -> (bool, Handled) {
        let body = message.body.as_deref().unwrap_or_default();
        match event::read(body, &self.bucket, &self.prefixes) {
            Ok(work) => {
                let ended = self.worker.work(&work, gate).await;
                let is_done = self.settle.settle(message, &work, &ended, answer_by).await;
                let counts = Forwarded { refused: ended.dead.len() as u64, ..ended.counts };
                (is_done, (counts, ended.failure))
            }
            Err(EventError::NotOurs) => {
                warn!("a message was ignored: its object is not of this destination");
                (true, (Forwarded::default(), None))
            }
            Err(error @ EventError::Unreadable) => {
                warn!(message_id = message.message_id.as_deref(), %error, "a message goes to the dead letters");
                let counts = Forwarded { refused: 1, ..Forwarded::default() };
                (self.settle.bury_unread(message, answer_by).await, (counts, None))
            }
        }
    }
}

/// The counts of a message, and why something was not sent.
type Handled = (Forwarded, Option<String>);

/// One line for everything that was not sent. A refusal's reason can quote a client's value, so it is not logged.
fn log(counts: &Forwarded, failures: &[String]) {
    if let Some(failure) = failures.first() {
        warn!(messages = failures.len(), failure, "batches were not sent and come back later");
    }
    if counts.refused > 0 {
        warn!(parts = counts.refused, "batches or objects went to the dead letters, with the reason");
    }
}

/// When everything but the response must have ended.
fn answer_by(context: &Context) -> Instant {
    let left = time_left(context.deadline, SystemTime::now()).unwrap_or(UNKNOWN);
    Instant::now() + left - Duration::from_millis(300).min(left / 12)
}

#[cfg(test)]
mod tests;
