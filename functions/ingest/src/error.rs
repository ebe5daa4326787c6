//! Why a whole request is refused: one enum answers status, type and words (RFC 9457, `application/problem+json`).

use lambda_http::http::StatusCode;

/// Why a request is refused. Details name places and rules, never what the client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// The document cannot be read, or a header cannot be understood.
    Unreadable(String),
    /// The document was read, and every payload in it was rejected.
    AllRejected,
    /// No write key, or none that is known.
    Unauthorized,
    /// The write key may not write this stream.
    Forbidden,
    /// No such path or stream.
    NotFound,
    /// The path knows only this other method.
    MethodNotAllowed(&'static str),
    /// Something is larger than its limit.
    TooLarge(String),
    /// A content type or encoding that is not listed.
    Unsupported(String),
    /// The queue did not take everything in time.
    NotEnqueued,
    /// Too much waits already.
    Busy,
}

impl RequestError {
    /// The answer's status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unreadable(_) | Self::AllRejected => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotEnqueued | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The stable word in the problem's `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::AllRejected => "all-rejected",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed(_) => "method-not-allowed",
            Self::TooLarge(_) => "too-large",
            Self::Unsupported(_) => "unsupported",
            Self::NotEnqueued => "not-enqueued",
            Self::Busy => "busy",
        }
    }

    /// What is wrong and what to do about it.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Unreadable(detail) | Self::TooLarge(detail) | Self::Unsupported(detail) => detail,
            Self::AllRejected => "every payload was rejected; see `rejections`",
            Self::Unauthorized => {
                "send a known write key in X-Write-Key, as Authorization: Bearer, \
                 as the user name of Authorization: Basic, or as ?write_key="
            }
            Self::Forbidden => "this write key may not write this stream",
            Self::NotFound => "there is no such path or stream; POST to /v1/streams/{stream}",
            Self::MethodNotAllowed(_) => "the method is not allowed here; see Allow",
            Self::NotEnqueued => {
                "the queue did not take everything in time; \
                 retrying with the same Idempotency-Key gives the same record ids"
            }
            Self::Busy => "too much is waiting here; retry after a while",
        }
    }

    /// Whether a retry of the same request may succeed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::NotEnqueued | Self::Busy)
    }
}
