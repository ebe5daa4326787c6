//! Streams: a named kind of payload, defined by one file `config/streams/<name>.json`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::consent::Consent;
use crate::definition::{object, present, present_object};
use crate::event_time::TimeRule;

mod load;

pub use load::{load, load_as, parse};

/// A stream's name: `[a-z][a-z0-9_-]{0,62}`. It becomes part of an object's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
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

impl TryFrom<String> for StreamName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("must be a stream's name: `[a-z][a-z0-9_-]{0,62}`")
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

/// A stream's definition.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// A description for people.
    #[serde(default, deserialize_with = "present")]
    pub description: Option<String>,
    /// JSON Schema for one payload: an object, `true` or `false`; not compiled yet.
    #[serde(default, deserialize_with = "schema")]
    pub schema: Option<Value>,
    /// What happens to payloads that the schema rejects.
    #[serde(default)]
    pub enforce: Enforce,
    /// Whether rejected payloads are kept.
    #[serde(default)]
    pub rejected: Rejected,
    /// Which payloads may be stored.
    #[serde(default, deserialize_with = "present_object")]
    pub consent: Option<Consent>,
    /// Which request metadata is stored.
    #[serde(default, deserialize_with = "object")]
    pub stamp: Stamp,
    /// The presets by which client libraries may post, by name.
    #[serde(default)]
    pub accept: Vec<String>,
    /// Where a payload has its time; it takes precedence over a preset's.
    #[serde(default, deserialize_with = "present_object")]
    pub time: Option<TimeRule>,
    /// Whether the stream has a table; `None` means that it has.
    #[serde(default, deserialize_with = "present")]
    pub table: Option<bool>,
}

impl Definition {
    /// Whether the stream has a table.
    #[must_use]
    pub fn has_table(&self) -> bool {
        self.table.unwrap_or(true)
    }
}

/// What happens to a payload that does not match the schema or takes too much work to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Enforce {
    /// The payload is rejected.
    #[default]
    Reject,
    /// The payload is accepted, and its record has the member `violation`.
    Warn,
}

/// What happens to rejected payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rejected {
    /// They are counted and reported to the client.
    #[default]
    Drop,
    /// Those with certain reasons are also stored under `rejected/`.
    Keep,
}

/// The request metadata that a record's `source` contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stamp {
    /// How much of the client's address.
    pub client_ip: ClientIp,
    /// Whether the user agent is stored.
    pub user_agent: bool,
    /// Whether the country is stored, from the header that `COUNTRY_HEADER` names.
    pub country: bool,
}

/// How much of a client's address is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientIp {
    /// Nothing.
    #[default]
    None,
    /// The network: /24 of IPv4, /48 of IPv6.
    Truncated,
    /// The whole address.
    Full,
}

fn schema<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    let schema = Value::deserialize(deserializer)?;
    let is_schema = schema.is_object() || schema.is_boolean();
    if is_schema { Ok(Some(schema)) } else { Err(D::Error::custom("must be a JSON Schema: an object, true or false")) }
}
