//! The responses that the front sends instead of the function.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::body::ReadError;
use crate::invoke::InvokeError;

/// Why the front responds instead of the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The request is not for a function, or its body ended early.
    Bad,
    /// The framing of the request is ambiguous.
    Ambiguous,
    /// The client sends the body too slowly.
    Slow,
    /// The body or the event is too large.
    TooLarge,
    /// The request line is too large.
    UriTooLong,
    /// The request line and the headers together are too large.
    HeadTooLarge,
    /// The function failed, or its output is invalid.
    Failed,
    /// The function did not respond in time, or the request exceeds the memory budget.
    Unavailable,
}

impl Refusal {
    fn status_and_body(self) -> (StatusCode, &'static str) {
        match self {
            Self::Bad | Self::Ambiguous => (StatusCode::BAD_REQUEST, r#"{"message":"Bad Request"}"#),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, r#"{"message":"Request Timeout"}"#),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, r#"{"message":"Request Entity Too Large"}"#),
            Self::UriTooLong => (StatusCode::URI_TOO_LONG, r#"{"message":"URI Too Long"}"#),
            Self::HeadTooLarge => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, r#"{"message":"Request Header Fields Too Large"}"#)
            }
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, r#"{"message":"Internal Server Error"}"#),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, r#"{"message":"Service Unavailable"}"#),
        }
    }

    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let (status, body) = self.status_and_body();
        let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if matches!(self, Self::Slow | Self::Ambiguous) {
            // Otherwise the rest of this request would be read as the next one.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<ReadError> for Refusal {
    fn from(why: ReadError) -> Self {
        match why {
            ReadError::TooLarge => Self::TooLarge,
            ReadError::Stalled => Self::Slow,
            ReadError::Broken => Self::Bad,
            ReadError::OverBudget => Self::Unavailable,
        }
    }
}

impl From<InvokeError> for Refusal {
    fn from(why: InvokeError) -> Self {
        match why {
            InvokeError::Failed(_) => Self::Failed,
            InvokeError::TimedOut | InvokeError::NoEnvironment => Self::Unavailable,
        }
    }
}
