//! Authenticates a request by its write key.

use std::borrow::Cow;

use base64_simd::STANDARD as BASE64;
use lambda_http::http::header::{AUTHORIZATION, ORIGIN};
use lambda_http::http::{HeaderMap, HeaderValue};
use spillway_shared::keys::{KeyRing, WriteKey};
use spillway_shared::stream::StreamName;

use crate::error::RequestError;
use crate::preset::place::Place;

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

/// Where the key of a request may be.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The query.
    pub query: &'a str,
    /// The key in the path.
    pub in_path: Option<&'a str>,
    /// Further places, of which those in the body are read by [`Access::admit_by_body`].
    pub places: &'a [Place],
}

/// A sender and the key by which it was recognised; empty with `AUTH=none`.
#[derive(Debug, Clone)]
pub struct Admitted<'a> {
    /// The sender.
    pub sender: Sender<'a>,
    /// The key itself.
    pub key: Vec<u8>,
}

impl Access {
    /// As [`Access::admit`], with the key in the path and the places of a preset.
    ///
    /// # Errors
    /// No known key, or the one in the path is not bound to streams: paths are logged, so such a key must not open
    /// more.
    pub fn admit_by(&self, credentials: &Credentials<'_>) -> Result<Admitted<'_>, RequestError> {
        let Self::Keys(ring) = self else { return Ok(Admitted { sender: Sender(None), key: Vec::new() }) };
        let Credentials { headers, query, in_path, places } = *credentials;
        let placed = places.iter().filter_map(|place| from_place(place, headers, query));
        let found = presented(headers, query).chain(placed).find_map(|key| admitted(ring, &key));
        let by_path = || in_path.and_then(|key| admitted(ring, key.as_bytes()));
        match found.or_else(by_path) {
            None => Err(RequestError::Unauthorized { from_page: headers.contains_key(ORIGIN) }),
            Some(Admitted { sender, key })
                if Some(key.as_slice()) == in_path.map(str::as_bytes) && !sender.is_bound() =>
            {
                Err(RequestError::Forbidden)
            }
            Some(admitted) => Ok(admitted),
        }
    }

    /// Recognises a sender by a key in the body's first JSON text.
    #[must_use]
    pub fn admit_by_body(&self, json: &str, places: &[Place]) -> Option<Admitted<'_>> {
        let Self::Keys(ring) = self else { return None };
        let pointers =
            places.iter().filter_map(|place| if let Place::Body(pointer) = place { Some(pointer) } else { None });
        let keys = pointers.filter_map(|pointer| serde_json::from_str::<String>(pointer.find_raw(json)?.get()).ok());
        keys.into_iter().find_map(|key| admitted(ring, key.as_bytes()))
    }
}

fn admitted<'a>(ring: &'a KeyRing, key: &[u8]) -> Option<Admitted<'a>> {
    ring.find(key).map(|known| Admitted { sender: Sender(Some(known)), key: key.to_vec() })
}

fn from_place<'a>(place: &Place, headers: &'a HeaderMap, query: &'a str) -> Option<Cow<'a, [u8]>> {
    match place {
        Place::Query(name) => parameter(query, name),
        Place::Header(name) => headers.get(name).map(|key| Cow::Borrowed(key.as_bytes())),
        Place::Scheme(name) => {
            let (scheme, key) = scheme_and_rest(headers.get(AUTHORIZATION)?.as_bytes())?;
            scheme.eq_ignore_ascii_case(name.as_bytes()).then_some(Cow::Borrowed(key))
        }
        Place::Body(_) => None,
    }
}

impl Sender<'_> {
    /// Whether the sender's key is bound to streams by their names.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.0.is_none_or(WriteKey::is_bound)
    }

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

/// The key in an `Authorization` header. Schemes other than Bearer and Basic have no key, and neither has broken
/// base64.
fn from_authorization(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let (scheme, rest) = scheme_and_rest(value)?;
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(Cow::Borrowed(rest));
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let pair = BASE64.decode_to_vec(rest).ok()?;
    pair.split(|byte| *byte == b':').next().map(|user| Cow::Owned(user.to_vec()))
}

fn scheme_and_rest(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    Some((&value[..space], value[space..].trim_ascii()))
}

fn from_query(query: &str) -> Option<Cow<'_, [u8]>> {
    parameter(query, "write_key")
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, [u8]>> {
    let (_, key) = form_urlencoded::parse(query.as_bytes()).find(|(other, _)| other == name)?;
    Some(Cow::Owned(key.into_owned().into_bytes()))
}

#[cfg(test)]
mod tests;
