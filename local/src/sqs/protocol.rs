//! SQS's JSON protocol: calls, responses and errors.
//!
//! Members and codes: API reference of SQS; `x-amzn-query-error`: AWS JSON 1.0 with `awsQueryCompatible`.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::queue::Message;
use crate::account::ACCOUNT;

/// Most codes begin with this.
const SQS: &str = "AWS.SimpleQueueService.";

/// The body of the response to a call, or the error.
pub(super) type Answer = Result<Bytes, Refusal>;

/// The error of a call, or of an entry of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// SQS's code, as in `x-amzn-query-error`.
    pub(super) code: String,
    /// The error, for people.
    pub(super) message: String,
    /// The status of the response.
    pub(super) status: StatusCode,
}

/// `GetQueueUrl` and `GetQueueAttributes`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct OfQueue {
    pub(super) queue_url: String,
    pub(super) queue_name: String,
    pub(super) attribute_names: Vec<String>,
}

/// A call with entries.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch<E> {
    pub(super) queue_url: String,
    pub(super) entries: Vec<E>,
}

/// `SendMessage`, and an entry of `SendMessageBatch`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Send {
    #[serde(default)]
    pub(super) queue_url: String,
    #[serde(default)]
    pub(super) id: String,
    pub(super) message_body: String,
    pub(super) delay_seconds: Option<i64>,
    #[serde(default)]
    pub(super) message_attributes: BTreeMap<String, Value>,
}

/// `DeleteMessage`, and an entry of `DeleteMessageBatch` and `ChangeMessageVisibilityBatch`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfReceipt {
    #[serde(default)]
    pub(super) queue_url: String,
    #[serde(default)]
    pub(super) id: String,
    pub(super) receipt_handle: String,
    pub(super) visibility_timeout: Option<i64>,
}

/// `ReceiveMessage`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receive {
    pub(super) queue_url: String,
    pub(super) max_number_of_messages: Option<i64>,
    pub(super) wait_time_seconds: Option<i64>,
    pub(super) visibility_timeout: Option<i64>,
    #[serde(default, alias = "MessageSystemAttributeNames")]
    pub(super) attribute_names: Vec<String>,
}

impl Receive {
    /// The response with the received messages.
    pub(super) fn answer(&self, messages: &[Message]) -> Answer {
        let received = |message: &Message| {
            json!({
                "MessageId": message.id,
                "ReceiptHandle": message.handle().to_string(),
                "MD5OfBody": message.md5,
                "Body": &*message.body,
                "Attributes": requested(&self.attribute_names, [
                    ("ApproximateFirstReceiveTimestamp", message.first_received.unwrap_or_default().to_string()),
                    ("ApproximateReceiveCount", message.receives.to_string()),
                    ("SenderId", ACCOUNT.to_owned()),
                    ("SentTimestamp", message.sent.to_string()),
                ]),
            })
        };
        write(&json!({"Messages": messages.iter().map(received).collect::<Vec<_>>()}))
    }
}

/// The attributes that a call requests by name or by `All`.
pub(super) fn requested<const N: usize>(
    names: &[String],
    attributes: [(&'static str, String); N],
) -> BTreeMap<&'static str, String> {
    let is_requested = |name: &str| names.iter().any(|requested| requested == name || requested == "All");
    attributes.into_iter().filter(|(name, _)| is_requested(name)).collect()
}

impl Refusal {
    /// The caller is at fault.
    pub(super) fn of_caller(code: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code: code.to_owned(), message, status: StatusCode::BAD_REQUEST }
    }

    /// The caller is at fault; the code has SQS's prefix.
    pub(super) fn of_sqs(code: &str, message: impl Into<String>) -> Self {
        Self::of_caller(&format!("{SQS}{code}"), message)
    }

    /// A parameter is out of its range.
    pub(super) fn of_parameter(message: impl Into<String>) -> Self {
        Self::of_caller("InvalidParameterValue", message)
    }

    /// SQS is at fault.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self { code: "InternalError".to_owned(), message: message.into(), status }
    }

    /// The error as the result of an entry.
    pub(super) fn of_entry(self, id: &str) -> Value {
        json!({"Id": id, "Code": self.code, "Message": self.message, "SenderFault": self.status.is_client_error()})
    }

    /// The error as the response to the call.
    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        let shape = match self.code.strip_prefix(SQS).unwrap_or(&self.code) {
            "NonExistentQueue" => "QueueDoesNotExist",
            code => code,
        };
        let body = json!({"__type": format!("com.amazonaws.sqs#{shape}"), "message": self.message});
        let fault = if self.status.is_client_error() { "Sender" } else { "Receiver" };
        let mut response = response(Bytes::from(body.to_string()));
        *response.status_mut() = self.status;
        if let Ok(value) = HeaderValue::from_str(&format!("{};{fault}", self.code)) {
            response.headers_mut().insert("x-amzn-query-error", value);
        }
        response
    }
}

/// A change that the journal does not contain is not made.
impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        tracing::warn!(%error, "SQS could not write to its journal");
        Self::internal("the journal could not be written")
    }
}

/// The response to a successful call.
pub(super) fn response(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    response
}

/// Parses a call.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::of_parameter(error.to_string()))
}

/// Encodes a response.
pub(super) fn write(output: &impl Serialize) -> Answer {
    serde_json::to_vec(output).map(Bytes::from).map_err(|error| Refusal::internal(error.to_string()))
}
