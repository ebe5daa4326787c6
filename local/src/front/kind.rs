//! The fronts that AWS has for a function: they differ in the path, the route, and the headers that they add.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::path::{Route, decoded};

/// The header with the secret of CloudFront's origin, and the one with the client's address.
const SECRET: HeaderName = HeaderName::from_static("x-origin-secret");
const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("x-viewer-address");

/// A front of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An HTTP API of API Gateway.
    HttpApi,
    /// A Function URL.
    FunctionUrl,
    /// CloudFront before a Function URL, as `template.yaml` defines it. It has this secret, if any.
    CloudFront(Option<HeaderValue>),
}

impl Kind {
    /// The path as the function receives it. Only HTTP APIs decode it.
    pub(super) fn path<'a>(&self, uri: &'a Uri) -> Cow<'a, str> {
        match self {
            Self::HttpApi => decoded(uri),
            Self::FunctionUrl | Self::CloudFront(_) => with_slash(uri.path()),
        }
    }

    /// The route as the function receives it. Only HTTP APIs have routes.
    pub(super) fn route<'a>(&self, method: &Method, path: &'a str) -> Route<'a> {
        match self {
            Self::HttpApi => Route::of(method, path),
            Self::FunctionUrl | Self::CloudFront(_) => Route::Default,
        }
    }

    /// Sets the headers that a client cannot set.
    pub(super) fn sign(&self, headers: &mut HeaderMap, source_ip: &str) {
        let Self::CloudFront(secret) = self else { return };
        if let Ok(address) = HeaderValue::try_from(source_ip) {
            headers.insert(VIEWER_ADDRESS, address);
        }
        if let Some(secret) = secret {
            headers.insert(SECRET, secret.clone());
        }
    }

    /// The header of a response with the id of its request.
    pub(super) fn request_id(&self) -> HeaderName {
        HeaderName::from_static(match self {
            Self::HttpApi => "apigw-requestid",
            Self::FunctionUrl | Self::CloudFront(_) => "x-amzn-requestid",
        })
    }
}

fn with_slash(path: &str) -> Cow<'_, str> {
    if path.starts_with('/') { Cow::Borrowed(path) } else { Cow::Owned(format!("/{path}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_http_api_decodes_paths_and_has_routes() {
        let uri = "/v1/streams/%63licks".parse().unwrap();
        let of = |kind: Kind| {
            let path = kind.path(&uri);
            (kind.route(&Method::POST, &path).key(), path.into_owned())
        };
        assert_eq!(of(Kind::HttpApi), ("ANY /v1/streams/{proxy+}", "/v1/streams/clicks".to_owned()));
        assert_eq!(of(Kind::FunctionUrl), ("$default", "/v1/streams/%63licks".to_owned()));
    }

    #[test]
    fn cloudfront_replaces_the_headers_that_a_client_forged() {
        let mut headers = HeaderMap::new();
        headers.insert(SECRET, HeaderValue::from_static("forged"));
        headers.insert(VIEWER_ADDRESS, HeaderValue::from_static("192.0.2.1"));
        let forged = headers.clone();
        Kind::HttpApi.sign(&mut headers, "127.0.0.1");
        assert_eq!(headers, forged);
        Kind::CloudFront(Some(HeaderValue::from_static("secret"))).sign(&mut headers, "127.0.0.1");
        assert_eq!(
            (&headers[&SECRET], &headers[&VIEWER_ADDRESS]),
            (&"secret".parse().unwrap(), &"127.0.0.1".parse().unwrap())
        );
    }
}
