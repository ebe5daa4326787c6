//! The responses of S3 to calls with an injected fault.

use futures::StreamExt as _;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use s3s::Body;

use crate::faults::{Disconnected, Kind};

/// The response that replaces the store's. It is sent after the whole request body was read, because clients read it then.
pub(super) async fn response(kind: Kind, mut body: Body) -> Result<Response<Body>, Disconnected> {
    if kind == Kind::S3Reset {
        return Err(Disconnected);
    }
    while let Some(Ok(_)) = body.next().await {}
    Ok(error(kind))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
fn error(kind: Kind) -> Response<Body> {
    let (status, code) = match kind {
        Kind::S3SlowDown => (StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Kind::S3Conflict => (StatusCode::CONFLICT, "ConditionalRequestConflict"),
        Kind::S3Forbidden => (StatusCode::FORBIDDEN, "AccessDenied"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
    };
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>injected fault</Message></Error>"
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}
