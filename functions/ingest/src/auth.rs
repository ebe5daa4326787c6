//! Authenticates a request by its write key.

use std::borrow::Cow;

use base64_simd::STANDARD as BASE64;
use lambda_http::http::header::{AUTHORIZATION, ORIGIN};
use lambda_http::http::{HeaderMap, HeaderValue};
use spillway_shared::keys::{KeyRing, WriteKey};
use spillway_shared::stream::StreamName;

use crate::error::RequestError;

/// Who may write.
#[derive(Debug)]
pub enum Access {
    /// Every client: `AUTH=none`.
    Open,
    /// Clients with one of these keys.
    Keys(KeyRing),
}

/// An authenticated sender.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a>(Option<&'a WriteKey>);

impl Access {
    /// Authenticates a sender by the first known key in the headers or the query: a proxy may add an `Authorization`
    /// header itself.
    ///
    /// # Errors
    /// The key is missing or unknown; both cases give the same error.
    pub fn admit(&self, headers: &HeaderMap, query: &str) -> Result<Sender<'_>, RequestError> {
        match self {
            Self::Open => Ok(Sender(None)),
            Self::Keys(ring) => {
                let key = presented(headers, query).find_map(|key| ring.find(&key));
                let from_page = headers.contains_key(ORIGIN);
                key.map(|key| Sender(Some(key))).ok_or(RequestError::Unauthorized { from_page })
            }
        }
    }
}

impl Sender<'_> {
    /// The name of the key; empty with `AUTH=none`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.map_or("", |key| &key.name)
    }

    /// Whether the sender may write to a stream.
    #[must_use]
    pub fn may_write(&self, stream: &StreamName) -> bool {
        self.0.is_none_or(|key| key.may_write(stream))
    }
}

/// The keys in the request: `X-Write-Key`, then `Authorization`, then the query.
fn presented<'a>(headers: &'a HeaderMap, query: &'a str) -> impl Iterator<Item = Cow<'a, [u8]>> {
    let key = headers.get("x-write-key").map(|key| Cow::Borrowed(key.as_bytes()));
    let authorization = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    key.into_iter().chain(authorization.and_then(from_authorization)).chain(from_query(query))
}

/// The key in an `Authorization` header. Schemes other than Bearer and Basic have no key, and neither has broken base64.
fn from_authorization(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = (&value[..space], value[space..].trim_ascii());
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(Cow::Borrowed(rest));
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let pair = BASE64.decode_to_vec(rest).ok()?;
    pair.split(|byte| *byte == b':').next().map(|user| Cow::Owned(user.to_vec()))
}

fn from_query(query: &str) -> Option<Cow<'_, [u8]>> {
    let (_, key) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "write_key")?;
    Some(Cow::Owned(key.into_owned().into_bytes()))
}

#[cfg(test)]
mod tests;
