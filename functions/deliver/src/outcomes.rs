//! The outcome of each SQS message of a batch: it has failed until it is stored or quarantined.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsMessage};
use spillway_shared::metrics::Delivered;

use crate::failures::Failures;
use crate::index::{BatchIndex, MessageIndex};
use crate::object::Plan;
use crate::unpack::{Message, UnpackError};
use crate::upload::Uploaded;

/// Why an invocation fails as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchFailure {
    /// Every message failed. The function's error metric must show it.
    #[error("all {0} messages of the batch failed")]
    All(usize),
    /// The event is not from SQS: a response without failures would acknowledge it, and its data would be lost.
    #[error("the event is not from SQS; only an event source mapping of SQS may invoke deliver")]
    NotSqs,
    /// The response cannot name this message, and a response without it would delete it.
    #[error("a message without an SQS message id failed")]
    Nameless,
}

/// The outcomes of a batch.
pub(crate) struct Outcomes {
    /// By `BatchIndex`, whether the message is stored or quarantined and may be deleted.
    done: Vec<bool>,
    /// The counts of the batch.
    pub(crate) delivered: Delivered,
    /// The failures to log.
    pub(crate) failures: Failures,
}

/// How much of each unpacked message is stored.
pub(crate) struct Progress<'a> {
    messages: &'a [Message<'a>],
    /// By `MessageIndex`, how many objects are missing: at first one, or the number of parts.
    missing: Vec<usize>,
    pub(crate) errors: Vec<(BatchIndex, UnpackError)>,
}

impl Outcomes {
    /// All messages have failed so far.
    pub(crate) fn new(batch: &[SqsMessage]) -> Self {
        Self { done: vec![false; batch.len()], delivered: Delivered::default(), failures: Failures::default() }
    }

    /// Notes that messages are stored or quarantined.
    pub(crate) fn set_done(&mut self, indices: &[BatchIndex]) {
        for index in indices {
            self.done[index.0] = true;
        }
    }

    /// The messages at `indices` that may be deleted.
    pub(crate) fn done<'a>(
        &self,
        batch: &'a [SqsMessage],
        indices: &[BatchIndex],
    ) -> impl Iterator<Item = &'a SqsMessage> {
        indices.iter().filter(|index| self.done[index.0]).map(|index| &batch[*index])
    }

    pub(crate) fn failed<'a>(&self, batch: &'a [SqsMessage]) -> impl Iterator<Item = &'a SqsMessage> {
        batch.iter().zip(&self.done).filter(|(_, done)| !**done).map(|(message, _)| message)
    }

    /// The metrics of the batch.
    pub(crate) fn metrics(&self) -> Delivered {
        let failed = self.done.iter().filter(|done| !**done).count();
        Delivered { messages: self.done.len() as u64, failed: failed as u64, ..self.delivered }
    }

    /// The response that names all failed messages.
    pub(crate) fn response(&self, batch: &[SqsMessage]) -> Result<SqsBatchResponse, BatchFailure> {
        let failed: Vec<_> = self.failed(batch).collect();
        if !failed.is_empty() && failed.len() == batch.len() {
            return Err(BatchFailure::All(batch.len()));
        }
        let mut response = SqsBatchResponse::default();
        for message in failed {
            // Lambda treats an empty id as a failure of the whole batch too, but only its own log would tell.
            let id = message.message_id.as_deref().filter(|id| !id.is_empty()).ok_or(BatchFailure::Nameless)?;
            response.add_failure(id);
        }
        Ok(response)
    }
}

impl<'a> Progress<'a> {
    pub(crate) fn new(plans: &[Plan], messages: &'a [Message<'a>]) -> Self {
        let mut missing = vec![1; messages.len()];
        for plan in plans {
            if let Plan::Split(split) = plan {
                missing[split.message.0] = split.part_count();
            }
        }
        Self { messages, missing, errors: Vec::new() }
    }

    /// Adds the result of one object.
    pub(crate) fn add(&mut self, uploaded: Uploaded, outcomes: &mut Outcomes) {
        if uploaded.result.is_ok() {
            for index in &uploaded.messages {
                self.add_object(*index, outcomes);
            }
        }
        for (index, error) in uploaded.errors {
            let carriers = self.messages[index].carriers.iter();
            self.errors.extend(carriers.map(|carrier| (*carrier, error.clone())));
        }
    }

    fn add_object(&mut self, index: MessageIndex, outcomes: &mut Outcomes) {
        let missing = &mut self.missing[index.0];
        *missing = missing.saturating_sub(1);
        if *missing == 0 {
            outcomes.set_done(&self.messages[index].carriers);
        }
    }
}
