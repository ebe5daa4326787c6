//! What S3 answers when a fault strikes.

use futures::StreamExt as _;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use s3s::Body;

use crate::faults::{Broken, Harm, Kind};

/// The answer in place of the store's; the request's body is read first, else its sender would not get to hear it.
pub(super) async fn instead_of(harm: Harm, mut body: Body) -> Result<Response<Body>, Broken> {
    let Harm::Refused(kind) = harm else { return Err(Broken) };
    while let Some(Ok(_)) = body.next().await {}
    Ok(refusal(kind))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
fn refusal(kind: Kind) -> Response<Body> {
    let (status, code) = match kind {
        Kind::S3SlowDown => (StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Kind::S3Forbidden => (StatusCode::FORBIDDEN, "AccessDenied"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
    };
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>on purpose</Message></Error>"
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}
