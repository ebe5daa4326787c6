//! What became of a batch: a message has failed until it is known to be kept.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsMessage};
use spillway_shared::metrics::Delivered;

use crate::failures::Failures;
use crate::object::Plan;
use crate::unpack::{Fault, Message};
use crate::upload::Uploaded;

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
pub(crate) struct Fates {
    /// Which SQS messages may be deleted, by their place in the batch. A message has failed until it is known to be kept.
    kept: Vec<bool>,
    /// What is counted of it.
    pub(crate) delivered: Delivered,
    /// What is logged of it.
    pub(crate) failures: Failures,
}

/// How far the messages of a batch have come.
pub(crate) struct Progress<'a> {
    messages: &'a [Message<'a>],
    /// Of each message, how many objects it is still to be stored in: one, or as many as it has parts.
    missing: Vec<usize>,
    pub(crate) faults: Vec<(usize, Fault)>,
}

impl Fates {
    pub(crate) fn unknown(batch: &[SqsMessage]) -> Self {
        Self { kept: vec![false; batch.len()], delivered: Delivered::default(), failures: Failures::default() }
    }

    pub(crate) fn keep(&mut self, carriers: &[usize]) {
        for carrier in carriers {
            self.kept[*carrier] = true;
        }
    }

    /// Those of the messages at `places` that may be deleted.
    pub(crate) fn kept<'a>(&self, batch: &'a [SqsMessage], places: &[usize]) -> impl Iterator<Item = &'a SqsMessage> {
        places.iter().filter(|at| self.kept[**at]).map(|at| &batch[*at])
    }

    pub(crate) fn failed<'a>(&self, batch: &'a [SqsMessage]) -> impl Iterator<Item = &'a SqsMessage> {
        batch.iter().zip(&self.kept).filter(|(_, kept)| !**kept).map(|(message, _)| message)
    }

    pub(crate) fn counted(&self) -> Delivered {
        let failed = self.kept.iter().filter(|kept| !**kept).count();
        Delivered { messages: self.kept.len() as u64, failed: failed as u64, ..self.delivered }
    }

    pub(crate) fn answer(&self, batch: &[SqsMessage]) -> Result<SqsBatchResponse, BatchFailure> {
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
    pub(crate) fn new(plans: &[Plan], messages: &'a [Message<'a>]) -> Self {
        let mut missing = vec![1; messages.len()];
        for plan in plans {
            if let Plan::Parts(parts) = plan {
                missing[parts.message] = parts.count();
            }
        }
        Self { messages, missing, faults: Vec::new() }
    }

    pub(crate) fn add(&mut self, uploaded: Uploaded, fates: &mut Fates) {
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
