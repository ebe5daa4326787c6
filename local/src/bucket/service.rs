//! The HTTP service before the store: every request passes [`Service::answer`].

use std::convert::Infallible;

use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};

use super::store::Store;

/// S3's protocol, with the check of signatures left out where that can be.
#[derive(Clone)]
pub(super) struct Service {
    unsigned: S3Service,
    signed: S3Service,
}

impl Service {
    pub(super) fn new(store: &Store, access_key: &str, secret_key: &str) -> Self {
        let unsigned = S3ServiceBuilder::new(store.clone()).build();
        let mut signed = S3ServiceBuilder::new(store.clone());
        signed.set_auth(SimpleAuth::from_single(access_key, secret_key));
        Self { unsigned, signed: signed.build() }
    }

    /// The one place that every request passes, before the store and after it.
    async fn answer(self, request: Request<Body>) -> Response<Body> {
        let answer = self.emulate(request).await;
        answer.unwrap_or_else(|error| {
            tracing::warn!(?error, "S3 could not answer");
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
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
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request.map(Body::from)).await) })
    }
}

/// Whether the signature is in the body, between its chunks, or in the URL.
fn has_signature_inside(request: &Request<Body>) -> bool {
    let content = request.headers().get("x-amz-content-sha256");
    let streamed = content.is_some_and(|value| value.as_bytes().starts_with(b"STREAMING-"));
    streamed || request.uri().query().is_some_and(|query| query.contains("X-Amz-Signature"))
}
