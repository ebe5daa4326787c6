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
    fn status(self) -> StatusCode {
        match self {
            Self::Bad | Self::Ambiguous => StatusCode::BAD_REQUEST,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let reason = match self {
            // API Gateway uses the older name.
            Self::TooLarge => "Request Entity Too Large",
            _ => self.status().canonical_reason().unwrap_or_default(),
        };
        let mut response = Response::new(Full::new(Bytes::from(format!(r#"{{"message":"{reason}"}}"#))));
        *response.status_mut() = self.status();
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
