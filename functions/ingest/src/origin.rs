//! Admits only requests of the proxy in front of ingest, such as CloudFront, if `keys.json` has its secret.

use std::borrow::Cow;
use std::net::IpAddr;

use lambda_http::http::{HeaderMap, HeaderName};
use lambda_http::request::RequestContext;
use spillway_shared::keys::OriginSecrets;

use crate::error::RequestError;

/// The header with the secret. The proxy replaces a client's own header of this name.
pub const SECRET: HeaderName = HeaderName::from_static("x-origin-secret");
/// The header with the client's address, which the proxy sets too.
pub const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("x-viewer-address");

/// Refuses a request that did not come through the proxy, and forgets the secret of one that did.
///
/// # Errors
/// The secret is missing or unknown.
pub fn admit(secrets: &OriginSecrets, headers: &mut HeaderMap) -> Result<(), RequestError> {
    if !secrets.are_required() {
        return Ok(());
    }
    let secret = headers.remove(SECRET);
    let is_known = secret.is_some_and(|secret| secrets.contain(secret.as_bytes()));
    if is_known { Ok(()) } else { Err(RequestError::NotFromOrigin) }
}

/// The client's address: as the proxy says if one is required, and otherwise as AWS saw it. Anybody can send a header.
#[must_use]
pub fn client_ip(secrets: &OriginSecrets, headers: &HeaderMap, context: Option<&RequestContext>) -> Option<IpAddr> {
    let text = if secrets.are_required() {
        headers.get(VIEWER_ADDRESS).map(|address| String::from_utf8_lossy(address.as_bytes()))
    } else {
        match context {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref().map(Cow::Borrowed),
            _ => None,
        }
    };
    text?.parse().ok()
}
