//! What the front answers in the function's place.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::body::Unread;
use crate::invoke::InvokeError;

/// Why a request is not answered by the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is no request for a function, or its body broke off.
    Bad,
    /// Where it ends is said in two ways, or in none that everybody understands.
    Unclear,
    /// Its body stopped coming, or comes too slowly.
    Slow,
    /// Its body or its event is too large.
    TooLarge,
    /// Its line alone is too large.
    UriTooLong,
    /// Its line and headers are too large.
    HeadTooLarge,
    /// The function failed, or its answer cannot be read.
    Failed,
    /// The function did not answer in time, or there was no room for the request.
    Unavailable,
}

impl Refusal {
    fn status_and_body(self) -> (StatusCode, &'static str) {
        match self {
            Self::Bad | Self::Unclear => (StatusCode::BAD_REQUEST, r#"{"message":"Bad Request"}"#),
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
        if matches!(self, Self::Slow | Self::Unclear) {
            // What still comes of it would be read as the next request.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<Unread> for Refusal {
    fn from(why: Unread) -> Self {
        match why {
            Unread::TooLarge => Self::TooLarge,
            Unread::Stalled => Self::Slow,
            Unread::Broken => Self::Bad,
            Unread::NoRoom => Self::Unavailable,
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
