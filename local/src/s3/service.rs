//! The HTTP service before the store: every request passes [`Service::answer`].

use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};

use super::store::Store;
use super::{BucketSettings, harm};
use crate::faults::{Broken, Calls};

/// S3's protocol, with the check of signatures left out where that can be.
#[derive(Clone)]
pub(super) struct Service {
    unsigned: S3Service,
    signed: S3Service,
    calls: Calls,
}

impl Service {
    pub(super) fn new(store: &Store, settings: &BucketSettings) -> Self {
        let unsigned = S3ServiceBuilder::new(store.clone()).build();
        let mut signed = S3ServiceBuilder::new(store.clone());
        signed.set_auth(SimpleAuth::from_single(settings.access_key.as_str(), settings.secret_key.as_str()));
        Self { unsigned, signed: signed.build(), calls: Calls::of_s3(settings.faults.clone()) }
    }

    /// The one place that every request passes, before the store and after it.
    async fn answer(self, request: Request<Body>) -> Result<Response<Body>, Broken> {
        let calls = self.calls.clone();
        if let Err(harm) = calls.before().await {
            return harm::instead_of(harm, request.into_body()).await;
        }
        let answer = self.emulate(request).await;
        if let Err(harm) = calls.after() {
            return harm::instead_of(harm, Body::empty()).await;
        }
        Ok(answer.unwrap_or_else(|error| {
            tracing::warn!(?error, "S3 could not answer");
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }))
    }

    /// Without its header a signed request passes for an anonymous one, which everybody may make here.
    async fn emulate(self, mut request: Request<Body>) -> Result<Response<Body>, s3s::HttpError> {
        if has_signature_inside(&request) {
            return self.signed.call(request).await;
        }
        request.headers_mut().remove(AUTHORIZATION);
        self.unsigned.call(request).await
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Body>;
    type Error = Broken;
    type Future = BoxFuture<'static, Result<Response<Body>, Broken>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let service = self.clone();
        Box::pin(service.answer(request.map(Body::from)))
    }
}

/// Whether the signature is in the body, between its chunks, or in the URL.
fn has_signature_inside(request: &Request<Body>) -> bool {
    let content = request.headers().get("x-amz-content-sha256");
    let streamed = content.is_some_and(|value| value.as_bytes().starts_with(b"STREAMING-"));
    streamed || request.uri().query().is_some_and(|query| query.contains("X-Amz-Signature"))
}
