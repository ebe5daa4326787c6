//! The HTTP service: [`Service::answer`] handles every call.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use tokio::sync::Notify;

use super::QueueSettings;
use super::calls::Calls;
use super::faults::{Repeats, refusal};
use super::protocol::{Answer, Refusal, read, response};
use super::queue::Millis;
use super::rules::MAX_BYTES;
use super::store::Store;
use crate::account::ACCOUNT;
use crate::faults::{CallFaults, Disconnected};
use crate::lock::lock;
use crate::window::Window;

/// The largest call: a batch of 1 MiB whose every character is escaped in JSON.
const MAX_CALL_BYTES: usize = 8 << 20;
const TARGET: &str = "AmazonSQS.";

/// The state that all calls share.
#[derive(Debug)]
pub(super) struct Service {
    store: Mutex<Store>,
    /// Wakes receivers that wait.
    pub(super) changed: Notify,
    /// `http://127.0.0.1:port`.
    endpoint: String,
    pub(super) settings: QueueSettings,
    calls: CallFaults,
    pub(super) counted: Mutex<Calls>,
    pub(super) repeats: Repeats,
    /// How long messages of the main queue were in it when they were deleted.
    pub(super) lag: Mutex<Window>,
}

impl Service {
    pub(super) fn new(store: Store, endpoint: String, settings: QueueSettings) -> Self {
        let (store, calls) = (Mutex::new(store), CallFaults::of_sqs(settings.faults.clone()));
        let (changed, counted, repeats, lag) = (Notify::new(), Mutex::default(), Repeats::default(), Mutex::default());
        Self { store, changed, endpoint, settings, calls, counted, repeats, lag }
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    /// Responds to a call.
    pub(super) async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Disconnected> {
        match self.answer(request).await {
            Ok(body) => Ok(response(body)),
            Err(Some(refusal)) => Ok(refusal.response()),
            Err(None) => Err(Disconnected),
        }
    }

    /// Handles every call, with the faults before and after it. An error without a refusal closes the connection.
    async fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Result<Bytes, Option<Refusal>> {
        let operation = operation(request.headers())?;
        let body = collect(request.into_body()).await?;
        self.calls.before().await.map_err(refusal)?;
        let answer = self.call(&operation, &body).await?;
        lock(&self.counted).call(&operation);
        self.calls.after().map_err(refusal)?;
        Ok(answer)
    }

    async fn call(self: &Arc<Self>, operation: &str, body: &[u8]) -> Answer {
        match operation {
            "SendMessage" => self.send(read(body)?),
            "SendMessageBatch" => self.send_batch(read(body)?),
            "ReceiveMessage" => self.receive(&read(body)?).await,
            "DeleteMessage" => self.delete(&read(body)?),
            "DeleteMessageBatch" => self.delete_batch(&read(body)?),
            "ChangeMessageVisibilityBatch" => self.change_visibility_batch(&read(body)?),
            "GetQueueUrl" => self.get_url(&read(body)?),
            "GetQueueAttributes" => self.get_attributes(&read(body)?),
            _ => Err(Refusal::of_sqs("UnsupportedOperation", format!("{operation} is not supported here."))),
        }
    }

    /// The URL of a queue.
    pub(super) fn url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.endpoint)
    }

    /// The ARN of a queue.
    pub(super) fn arn(&self, name: &str) -> String {
        super::arn(&self.settings.region, ACCOUNT, name)
    }

    /// The name of the queue at a URL; an error if the queue does not exist.
    pub(super) fn named<'a>(&self, url: &'a str) -> Result<&'a str, Refusal> {
        let name = super::name_of(url);
        self.exists(name).map(|()| name)
    }

    pub(super) fn exists(&self, name: &str) -> Result<(), Refusal> {
        let missing = || Refusal::of_sqs("NonExistentQueue", "The specified queue does not exist.");
        if self.store().queues.contains_key(name) { Ok(()) } else { Err(missing()) }
    }

    /// The maximum size of a message of a queue.
    pub(super) fn max_message_bytes(&self, name: &str) -> usize {
        if self.is_main(name) { self.settings.max_message_bytes.min(MAX_BYTES) } else { MAX_BYTES }
    }

    /// Whether a queue is the main one: counts, the tap and the faults of messages concern only its messages.
    pub(super) fn is_main(&self, name: &str) -> bool {
        name == self.settings.name
    }
}

/// Now, by the clock of the system: times of messages outlive the process.
pub(super) fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

fn operation(headers: &HeaderMap) -> Result<String, Refusal> {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()?.strip_prefix(TARGET));
    let message = "Only the JSON protocol is supported here: a header `X-Amz-Target: AmazonSQS.<operation>`.";
    target.map(str::to_owned).ok_or_else(|| Refusal::of_sqs("UnsupportedOperation", message))
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
