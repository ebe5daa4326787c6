//! The HTTP service before the emulator: every call passes [`Service::answer`], and nothing else talks to clients.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_core::queue::extract_queue_name;
use rustack_sqs_http::dispatch::SqsHandler;
use rustack_sqs_http::router::resolve_operation;
use rustack_sqs_model::input::{
    CreateQueueInput, DeleteMessageBatchInput, DeleteMessageInput, PurgeQueueInput, ReceiveMessageInput,
    SetQueueAttributesInput,
};
use rustack_sqs_model::operations::SqsOperation;
use rustack_sqs_model::output::DeleteMessageBatchOutput;
use rustack_sqs_model::types::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::calls::Counter;
use super::harm::{Instead, Repeats, take_failing};
use super::refusal::{Refusal, json};
use super::track::Track;
use super::{QueueSettings, rules};
use crate::faults::{CallFaults, Disconnected, Faults};

/// The largest call: a batch of 1 MiB whose every character is escaped in JSON.
const MAX_CALL_BYTES: usize = 8 << 20;

pub(super) type Answer = Result<Bytes, Refusal>;

/// The emulator with what stands before it.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) emulator: Arc<RustackSqs>,
    others: RustackSqsHandler,
    settings: QueueSettings,
    track: Mutex<Track>,
    calls: CallFaults,
    repeats: Repeats,
    pub(super) counted: Counter,
}

/// [`Service`] as hyper wants it.
#[derive(Debug, Clone)]
pub(super) struct Http(Arc<Service>);

impl hyper::service::Service<Request<Incoming>> for Http {
    type Response = Response<Full<Bytes>>;
    type Error = Disconnected;
    type Future = futures::future::BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let service = Arc::clone(&self.0);
        Box::pin(async move { service.answer(request).await.map_or_else(Instead::response, |answer| Ok(json(answer))) })
    }
}

impl Service {
    pub(super) fn new(emulator: RustackSqs, settings: QueueSettings) -> Self {
        let emulator = Arc::new(emulator);
        let others = RustackSqsHandler::new(Arc::clone(&emulator));
        let track = Mutex::new(Track::new(settings.max_receive_count));
        let (calls, repeats) = (CallFaults::of_sqs(settings.faults.clone()), Repeats::default());
        Self { emulator, others, settings, track, calls, counted: Counter::default(), repeats }
    }

    pub(super) fn http(self: Arc<Self>) -> Http {
        Http(self)
    }

    pub(super) fn region(&self) -> &str {
        &self.settings.region
    }

    /// How long a received message stays hidden, and a little more.
    pub(super) fn longest_hidden(&self) -> Duration {
        self.settings.visibility_timeout + Duration::from_secs(1)
    }

    pub(super) fn track(&self) -> MutexGuard<'_, Track> {
        self.track.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one place that every call passes, before the emulator and after it.
    async fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Result<Bytes, Instead> {
        let operation = resolve_operation(request.headers()).map_err(Refusal::from)?;
        let body = collect(request.into_body()).await?;
        self.calls.before().await?;
        let done = self.emulate(operation, body).await?;
        self.counted.call(operation, &done.accepted);
        if let Some(tap) = &self.settings.accepted {
            tap.accept(done.accepted).await;
        }
        self.calls.after()?;
        Ok(done.answer)
    }

    async fn emulate(self: &Arc<Self>, operation: SqsOperation, body: Bytes) -> Result<Done, Refusal> {
        match operation {
            SqsOperation::SendMessage => self.send(read(&body)?).await,
            SqsOperation::SendMessageBatch => self.send_batch(read(&body)?).await,
            SqsOperation::ReceiveMessage => self.receive(read(&body)?).await,
            SqsOperation::DeleteMessage => self.delete(read(&body)?).await,
            SqsOperation::DeleteMessageBatch => self.delete_batch(read(&body)?).await,
            SqsOperation::CreateQueue => self.create(read(&body)?).await,
            SqsOperation::SetQueueAttributes => self.set_attributes(read(&body)?).await,
            SqsOperation::PurgeQueue => self.purge(read(&body)?).await,
            other => self.forward(other, body).await,
        }
    }

    async fn receive(self: &Arc<Self>, mut input: ReceiveMessageInput) -> Result<Done, Refusal> {
        rules::receive(&input)?;
        if !self.is_main(&input.queue_url) {
            return done(&self.emulator.receive_message(input).await?);
        }
        let hidden = input.visibility_timeout.and_then(|seconds| u64::try_from(seconds).ok());
        let hidden = hidden.map_or(self.settings.visibility_timeout, Duration::from_secs);
        let repeats = self.repeats.take_due(&mut input, self.faults());
        let queue_url = input.queue_url.clone();
        let mut output = self.emulator.receive_message(input).await?;
        self.counted.received(&output.messages);
        self.received(&output.messages, Instant::now() + hidden);
        self.repeats.pick(&output.messages, self.faults());
        self.show_early(&output.messages, &queue_url);
        output.messages.extend(repeats);
        done(&output)
    }

    fn received(&self, messages: &[Message], visible: Instant) {
        let mut track = self.track();
        for message in messages {
            if let (Some(id), Some(handle)) = (&message.message_id, &message.receipt_handle) {
                track.received(id, handle.clone(), visible);
            }
        }
    }

    async fn delete(&self, input: DeleteMessageInput) -> Result<Done, Refusal> {
        let id = message_id(&input.receipt_handle).ok_or_else(bad_handle)?;
        self.track().deleted(&id, &input.receipt_handle);
        done(&self.emulator.delete_message(input).await?)
    }

    async fn delete_batch(&self, mut input: DeleteMessageBatchInput) -> Result<Done, Refusal> {
        rules::entry_ids(input.entries.iter().map(|entry| entry.id.as_str()))?;
        let failing = take_failing(&mut input.entries, |entry| &entry.id, self.faults());
        let handles: Vec<_> = input.entries.iter().map(|entry| entry.receipt_handle.clone()).collect();
        let bad: Vec<_> = input.entries.extract_if(.., |entry| message_id(&entry.receipt_handle).is_none()).collect();
        let mut output = DeleteMessageBatchOutput::default();
        if !input.entries.is_empty() || (bad.is_empty() && failing.is_empty()) {
            output = self.emulator.delete_message_batch(input).await?;
        }
        output.failed.extend(bad.into_iter().map(|entry| bad_handle().of_entry(&entry.id)));
        output.failed.extend(failing);
        let mut track = self.track();
        for handle in &handles {
            track.deleted(&message_id(handle).unwrap_or_default(), handle);
        }
        done(&output)
    }

    async fn create(&self, mut input: CreateQueueInput) -> Result<Done, Refusal> {
        rules::redrive_policy(&mut input.attributes)?;
        done(&self.emulator.create_queue(input).await?)
    }

    async fn set_attributes(&self, mut input: SetQueueAttributesInput) -> Result<Done, Refusal> {
        rules::redrive_policy(&mut input.attributes)?;
        done(&self.emulator.set_queue_attributes(input).await?)
    }

    async fn purge(&self, input: PurgeQueueInput) -> Result<Done, Refusal> {
        let main = self.is_main(&input.queue_url);
        let output = self.emulator.purge_queue(input).await?;
        if main {
            self.track().clear();
        }
        done(&output)
    }

    async fn forward(&self, operation: SqsOperation, body: Bytes) -> Result<Done, Refusal> {
        let response = self.others.handle_operation(operation, body).await?;
        let answer = response.into_body().collect().await.map(http_body_util::Collected::to_bytes);
        let answer = answer.map_err(|error| Refusal::of_parameter(error.to_string()))?;
        Ok(Done { answer, accepted: Vec::new() })
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.settings.faults
    }

    pub(super) fn is_main(&self, queue_url: &str) -> bool {
        extract_queue_name(queue_url) == Some(&self.settings.name)
    }
}

/// What a call came to: the answer, and the messages that it acknowledges to their sender.
pub(super) struct Done {
    pub(super) answer: Bytes,
    pub(super) accepted: Vec<String>,
}

pub(super) fn done(output: &impl Serialize) -> Result<Done, Refusal> {
    Ok(Done { answer: write(output)?, accepted: Vec::new() })
}

/// The emulator's receipt handles are base64 of `<message id>:<time>:<random>`.
fn message_id(receipt_handle: &str) -> Option<String> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(receipt_handle).ok()?;
    let id = bytes.split(|byte| *byte == b':').next().filter(|id| id.len() < bytes.len())?;
    String::from_utf8(id.to_vec()).ok()
}

fn bad_handle() -> Refusal {
    Refusal::of_caller("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
}

async fn collect(body: Incoming) -> Answer {
    match Limited::new(body, MAX_CALL_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => {
            let refusal = Refusal::of_parameter(error.to_string());
            Err(Refusal { status: StatusCode::PAYLOAD_TOO_LARGE, ..refusal })
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::of_parameter(error.to_string()))
}

pub(super) fn write(output: &impl Serialize) -> Answer {
    serde_json::to_vec(output).map(Bytes::from).map_err(|error| Refusal::of_parameter(error.to_string()))
}
