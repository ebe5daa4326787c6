//! What SQS answers when it refuses a call, in its JSON protocol.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use rustack_sqs_model::error::SqsError;
use rustack_sqs_model::types::BatchResultErrorEntry;

/// Why a call, or one entry of a call, is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// SQS's code, as in `x-amzn-query-error`.
    pub(super) code: String,
    /// What is wrong, for people.
    pub(super) message: String,
    /// Whether the caller is at fault.
    pub(super) sender_fault: bool,
    /// The status of the answer.
    pub(super) status: StatusCode,
}

impl Refusal {
    /// The caller is at fault.
    pub(super) fn of_caller(code: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code: code.to_owned(), message, sender_fault: true, status: StatusCode::BAD_REQUEST }
    }

    /// A parameter is out of its range.
    pub(super) fn of_parameter(message: impl Into<String>) -> Self {
        Self::of_caller("InvalidParameterValue", message)
    }

    /// The answer to one entry of a call.
    pub(super) fn of_entry(self, id: &str) -> BatchResultErrorEntry {
        let Self { code, message, sender_fault, .. } = self;
        BatchResultErrorEntry { id: id.to_owned(), sender_fault, code, message: Some(message) }
    }

    /// The answer to the whole call.
    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        let body = serde_json::json!({"__type": self.code, "message": self.message}).to_string();
        let fault = if self.sender_fault { "Sender" } else { "Receiver" };
        let mut response = json(Bytes::from(body));
        *response.status_mut() = self.status;
        if let Ok(value) = HeaderValue::from_str(&format!("{};{fault}", self.code)) {
            response.headers_mut().insert("x-amzn-query-error", value);
        }
        response
    }
}

impl From<SqsError> for Refusal {
    fn from(error: SqsError) -> Self {
        Self {
            code: error.code.error_type().to_owned(),
            status: error.code.status_code(),
            sender_fault: error.code.is_sender_fault(),
            message: error.message,
        }
    }
}

/// A good answer.
pub(super) fn json(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    response
}
