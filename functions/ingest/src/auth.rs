//! Authenticates a request by its write key.

use base64_simd::STANDARD as BASE64;
use lambda_http::http::header::AUTHORIZATION;
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
    /// Authenticates a sender by the key in the headers or the query.
    ///
    /// # Errors
    /// The key is missing or unknown; both cases give the same error.
    pub fn admit(&self, headers: &HeaderMap, query: &str) -> Result<Sender<'_>, RequestError> {
        match self {
            Self::Open => Ok(Sender(None)),
            Self::Keys(ring) => {
                let key = presented(headers, query).ok_or(RequestError::Unauthorized)?;
                ring.find(&key).map(|key| Sender(Some(key))).ok_or(RequestError::Unauthorized)
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

/// The first key in the request: `X-Write-Key`, then `Authorization`, then the query.
fn presented(headers: &HeaderMap, query: &str) -> Option<Vec<u8>> {
    if let Some(key) = headers.get("x-write-key") {
        return Some(key.as_bytes().to_vec());
    }
    let authorization = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    authorization.and_then(from_authorization).or_else(|| from_query(query))
}

/// The key in an `Authorization` header; other schemes than Bearer and Basic carry no key.
fn from_authorization(value: &[u8]) -> Option<Vec<u8>> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = (&value[..space], value[space..].trim_ascii());
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(rest.to_vec());
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    // Broken base64 counts as the empty key, which is never valid.
    let pair = BASE64.decode_to_vec(rest).unwrap_or_default();
    pair.split(|byte| *byte == b':').next().map(<[u8]>::to_vec)
}

fn from_query(query: &str) -> Option<Vec<u8>> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "write_key")
        .map(|(_, value)| value.into_owned().into_bytes())
}

#[cfg(test)]
mod tests;
