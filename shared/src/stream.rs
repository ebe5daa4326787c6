//! Streams: a named kind of payload, defined by one file `config/streams/<name>.json`.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::consent::Consent;

mod load;

pub use load::{load, load_as, parse};

/// A stream's name: `[a-z][a-z0-9_-]{0,62}`; it becomes part of an object's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// Reads a name by its grammar; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (first, rest) = text.as_bytes().split_first()?;
        let good = first.is_ascii_lowercase()
            && rest.len() <= 62
            && rest.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
        good.then(|| Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for StreamName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// What a stream's file says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Definition {
    /// For people.
    pub description: Option<String>,
    /// JSON Schema for one payload: an object, `true` or `false`; not compiled yet.
    pub schema: Option<Value>,
    /// When a payload may be kept.
    pub consent: Option<Consent>,
    /// What is kept of the request.
    pub stamp: Stamp,
}

/// What is kept of the request in a record's `source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// How much of the client's address.
    pub client_ip: ClientIp,
    /// Whether the user agent.
    pub user_agent: bool,
    /// Whether the country, from the header that the function's configuration names.
    pub country: bool,
}

/// How much of a client's address is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientIp {
    /// Nothing.
    #[default]
    None,
    /// The network: /24 of IPv4, /48 of IPv6.
    Truncated,
    /// All of it.
    Full,
}
