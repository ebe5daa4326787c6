//! Why a whole request fails: one enum gives status, type and detail (RFC 9457, `application/problem+json`).

use lambda_http::http::StatusCode;

/// Why a request fails. Details name places and rules, never values from the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// The document or a header cannot be read.
    Unreadable(String),
    /// Every payload of the document was rejected.
    AllRejected,
    /// The write key is missing or unknown.
    Unauthorized {
        /// Whether the request comes from a page: a browser opens a login box for a challenge of Basic.
        from_page: bool,
    },
    /// The write key may not write this stream.
    Forbidden,
    /// The request did not come through the proxy whose secret `keys.json` has.
    NotFromOrigin,
    /// The path or the stream is unknown.
    NotFound,
    /// The stream does not accept the preset of this path.
    NotAccepted(String),
    /// The path allows only these other methods.
    MethodNotAllowed(&'static str),
    /// A limit is exceeded.
    TooLarge(String),
    /// The content type or encoding is not supported.
    Unsupported(String),
    /// SQS did not take every record before the deadline.
    NotEnqueued,
    /// SQS refused some records for good: the deployment is misconfigured.
    Refused,
    /// The function is full: too many records or bytes wait already.
    Busy,
}

impl RequestError {
    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unreadable(_) | Self::AllRejected => StatusCode::BAD_REQUEST,
            Self::Unauthorized { .. } => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::NotFromOrigin => StatusCode::FORBIDDEN,
            Self::NotFound | Self::NotAccepted(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Refused => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotEnqueued | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The stable word in the problem's `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::AllRejected => "all-rejected",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden | Self::NotFromOrigin => "forbidden",
            Self::NotFound | Self::NotAccepted(_) => "not-found",
            Self::MethodNotAllowed(_) => "method-not-allowed",
            Self::TooLarge(_) => "too-large",
            Self::Unsupported(_) => "unsupported",
            Self::NotEnqueued => "not-enqueued",
            Self::Refused => "refused",
            Self::Busy => "busy",
        }
    }

    /// Describes the problem and the remedy.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Unreadable(detail)
            | Self::TooLarge(detail)
            | Self::Unsupported(detail)
            | Self::NotAccepted(detail) => detail,
            Self::AllRejected => "every payload was rejected; see `rejections`",
            Self::Unauthorized { .. } => {
                "send a known write key in X-Write-Key, as Authorization: Bearer, \
                 as the user name of Authorization: Basic, or as ?write_key="
            }
            Self::Forbidden => "this write key may not write to this stream; use a key that lists it",
            Self::NotFromOrigin => {
                "this address accepts only requests of its proxy; use the address that you were given"
            }
            Self::NotFound => "no such path or stream; POST to /v1/streams/{stream}",
            Self::MethodNotAllowed(_) => "this path does not allow this method; use one that the header Allow lists",
            Self::NotEnqueued => {
                "SQS did not take every record before the deadline; \
                 retry with the same Idempotency-Key to get the same record ids"
            }
            Self::Refused => {
                "SQS refuses some of these records however often they are sent, because Spillway is misconfigured; \
                 its operator finds the cause in the log of ingest"
            }
            Self::Busy => "too many requests are waiting; retry after the seconds in the header Retry-After",
        }
    }

    /// Whether a retry of the same request may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NotEnqueued | Self::Busy)
    }
}
