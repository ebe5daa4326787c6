//! The two index spaces of a batch, one type each, so that the compiler refuses to mix them.

use std::ops::Index;

use aws_lambda_events::event::sqs::SqsMessage;

/// An SQS message of the batch, by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchIndex(pub usize);

/// An unpacked message, by its index; equal SQS messages are one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageIndex(pub usize);

impl BatchIndex {
    /// The indices of a whole batch.
    pub fn all(batch: &[SqsMessage]) -> impl Iterator<Item = Self> + use<> {
        (0..batch.len()).map(Self)
    }
}

impl Index<BatchIndex> for [SqsMessage] {
    type Output = SqsMessage;

    fn index(&self, index: BatchIndex) -> &SqsMessage {
        &self[index.0]
    }
}
