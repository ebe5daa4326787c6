//! The headers of an event: names in lower case, repeated headers joined by commas, some set by the front.

use std::borrow::Cow;
use std::net::SocketAddr;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::ser::{Serialize, SerializeMap, Serializer};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The client's headers, some of them replaced by the front.
///
/// The front sets `host` and `x-forwarded-*`: `lambda_http` builds a URL from them and panics if it is invalid.
pub(super) struct Headers<'a> {
    pub(super) sent: &'a HeaderMap,
    pub(super) address: SocketAddr,
    pub(super) source_ip: &'a str,
    pub(super) body_length: usize,
}

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in self.sent.keys().filter(|name| !is_replaced(name)) {
            map.serialize_entry(name.as_str(), &joined(self.sent, name))?;
        }
        map.serialize_entry("content-length", &format_args!("{}", self.body_length))?;
        map.serialize_entry("host", &self.address)?;
        map.serialize_entry("x-forwarded-for", self.source_ip)?;
        map.serialize_entry("x-forwarded-port", &format_args!("{}", self.address.port()))?;
        map.serialize_entry("x-forwarded-proto", "http")?;
        map.end()
    }
}

/// The size of the request line in HTTP/1.1, in bytes.
pub(super) fn line_size(head: &Parts) -> usize {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let authority = head.uri.authority().map_or(0, |authority| authority.as_str().len());
    head.method.as_str().len() + target + authority + "  HTTP/1.1\r\n".len()
}

/// The size of the headers in HTTP/1.1, in bytes.
pub(super) fn size(head: &Parts) -> usize {
    head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum::<usize>()
}

/// The values of a header, joined by commas as API Gateway does; empty without the header.
pub(super) fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Cow<'a, str> {
    let mut values = headers.get_all(name).iter().map(text);
    let first = values.next().unwrap_or_default();
    values.fold(first, |joined, value| Cow::Owned(format!("{joined},{value}")))
}

/// The cookies, one by one: API Gateway moves them out of the headers.
pub(super) fn cookies(headers: &HeaderMap) -> Vec<Cow<'_, str>> {
    let values = headers.get_all(header::COOKIE).iter().map(text);
    let cookies = values
        .flat_map(|value| value.split(';').map(|cookie| Cow::Owned(cookie.trim().to_owned())).collect::<Vec<_>>());
    cookies.filter(|cookie: &Cow<'_, str>| !cookie.is_empty()).collect()
}

/// A value as text. Values that are not UTF-8 are read as Latin-1, HTTP's historical encoding.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    match str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// Whether the function does not see the client's header of this name: the front sets it, it concerns the connection
/// alone, or the event has another member for it.
fn is_replaced(name: &HeaderName) -> bool {
    [
        header::HOST,
        header::CONTENT_LENGTH,
        header::COOKIE,
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::EXPECT,
        FORWARDED_FOR,
        FORWARDED_PORT,
        FORWARDED_PROTO,
    ]
    .contains(name)
        || name.as_str() == "keep-alive"
}
