//! The HTTP service in front of the store: [`Service::respond`] handles every request.

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};

use super::store::Store;
use super::{BucketSettings, fault};
use crate::faults::{CallFaults, Disconnected};

/// The S3 protocol. It checks signatures only where it cannot ignore them.
#[derive(Clone)]
pub(super) struct Service {
    unsigned: S3Service,
    signed: S3Service,
    faults: CallFaults,
}

impl Service {
    pub(super) fn new(store: &Store, settings: &BucketSettings) -> Self {
        let unsigned = S3ServiceBuilder::new(store.clone()).build();
        let mut signed = S3ServiceBuilder::new(store.clone());
        signed.set_auth(SimpleAuth::from_single(settings.access_key.as_str(), settings.secret_key.as_str()));
        Self { unsigned, signed: signed.build(), faults: CallFaults::of_s3(settings.faults.clone()) }
    }

    /// Handles a request, with faults before and after the store.
    pub(super) async fn respond(self, request: Request<Body>) -> Result<Response<Body>, Disconnected> {
        let faults = self.faults.clone();
        if let Err(kind) = faults.before().await {
            return fault::response(kind, request.into_body()).await;
        }
        let response = self.emulate(request).await;
        if let Err(kind) = faults.after() {
            return fault::response(kind, Body::empty()).await;
        }
        Ok(response.unwrap_or_else(|error| {
            tracing::warn!(?error, "S3 failed to respond");
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }))
    }

    /// Without its `Authorization` header a signed request is an anonymous one, which the store permits.
    async fn emulate(self, mut request: Request<Body>) -> Result<Response<Body>, s3s::HttpError> {
        if has_inline_signature(&request) {
            return self.signed.call(request).await;
        }
        request.headers_mut().remove(AUTHORIZATION);
        self.unsigned.call(request).await
    }
}

/// Whether the signature is in the body, between chunks, or in the URL.
fn has_inline_signature(request: &Request<Body>) -> bool {
    let content = request.headers().get("x-amz-content-sha256");
    let streamed = content.is_some_and(|value| value.as_bytes().starts_with(b"STREAMING-"));
    streamed || request.uri().query().is_some_and(|query| query.contains("X-Amz-Signature"))
}
