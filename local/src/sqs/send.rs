//! Sending: what AWS refuses is taken out, and what the queue acknowledged is known afterwards.

use rustack_sqs_model::input::{SendMessageBatchInput, SendMessageInput};
use rustack_sqs_model::output::{SendMessageBatchOutput, SendMessageOutput};
use rustack_sqs_model::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};

use super::harm::{disorder, take_failing};
use super::refusal::Refusal;
use super::rules;
use super::service::{Done, Service, write};

impl Service {
    pub(super) async fn send(&self, mut input: SendMessageInput) -> Result<Done, Refusal> {
        rules::contents(&input.message_body)?;
        disorder(&mut input.delay_seconds, self.faults());
        let body = self.is_main(&input.queue_url).then(|| input.message_body.clone());
        let output: SendMessageOutput = self.emulator.send_message(input).await?;
        if let (Some(_), Some(id)) = (&body, &output.message_id) {
            self.track().sent(id.clone());
        }
        Ok(Done { answer: write(&output)?, accepted: body.into_iter().collect() })
    }

    pub(super) async fn send_batch(&self, mut input: SendMessageBatchInput) -> Result<Done, Refusal> {
        rules::batch(&input.entries)?;
        let mut refused = take_refused(&mut input.entries);
        refused.extend(take_failing(&mut input.entries, |entry| &entry.id, self.faults()));
        input.entries.iter_mut().for_each(|entry| disorder(&mut entry.delay_seconds, self.faults()));
        let main = self.is_main(&input.queue_url);
        let bodies: Vec<_> =
            input.entries.iter().filter(|_| main).map(|e| (e.id.clone(), e.message_body.clone())).collect();
        let mut output = SendMessageBatchOutput::default();
        if !input.entries.is_empty() || refused.is_empty() {
            output = self.emulator.send_message_batch(input).await?;
        }
        output.failed.extend(refused);
        let accepted = self.acknowledged(&output, bodies);
        Ok(Done { answer: write(&output)?, accepted })
    }

    /// The bodies of those entries that succeeded.
    fn acknowledged(&self, output: &SendMessageBatchOutput, bodies: Vec<(String, String)>) -> Vec<String> {
        let mut track = self.track();
        let succeeded = |id: &String| output.successful.iter().find(|entry| entry.id == *id);
        let accept = |(id, body)| {
            succeeded(&id).map(|entry| {
                track.sent(entry.message_id.clone());
                body
            })
        };
        bodies.into_iter().filter_map(accept).collect()
    }
}

/// Takes the entries out whose characters SQS refuses.
fn take_refused(entries: &mut Vec<SendMessageBatchRequestEntry>) -> Vec<BatchResultErrorEntry> {
    let mut refused = Vec::new();
    entries.retain(|entry| match rules::contents(&entry.message_body) {
        Ok(()) => true,
        Err(refusal) => {
            refused.push(refusal.of_entry(&entry.id));
            false
        }
    });
    refused
}
