//! Destinations: partners' endpoints, each defined by one file `config/destinations/<name>.json`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::config::ConfigErrors;
use crate::consent::{Consent, Rule};
use crate::definition::{list, present, present_list, present_object};
use crate::json::Values;
use crate::pointer::Pointer;
use crate::stream::StreamName;

mod headers;
mod limits;
mod load;
mod target;

pub use headers::{Header, HeaderValue, Headers, MASK, Sign};
pub use limits::{BatchLimits, Concurrency, Rate, TimeoutMs, Tries, Workers};
pub use load::{NAME_GRAMMAR, is_name, load, names, parse, read};
pub use target::{Target, is_public};

/// A destination's definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Destination {
    /// The name of its file, which is part of every idempotency key.
    pub name: String,
    /// Where its requests go.
    pub target: Target,
    /// Whether loopback, private and link-local addresses are allowed.
    pub allow_private: bool,
    /// The streams whose records are sent; at least one.
    pub streams: Vec<StreamName>,
    /// Only payloads with these values are sent.
    pub conditions: Vec<Condition>,
    /// The form of a request's body.
    pub format: Format,
    /// When a batch closes.
    pub batch: BatchLimits,
    /// Headers of every request.
    pub headers: Headers,
    /// How requests are signed.
    pub sign: Option<Sign>,
    /// The partner's own consent rule: payloads that it does not allow are not sent.
    pub consent: Option<Rule>,
    /// Whether records of requests that opted out are left out.
    pub honour_gpc: bool,
    /// Which members of a payload are sent.
    pub members: Members,
    /// Requests per second of all environments together.
    pub rate: Option<f64>,
    /// Concurrent POSTs of one environment.
    pub workers: usize,
    /// Environments at most.
    pub concurrency: u32,
    /// The time of one POST until the partner's status is known.
    pub timeout: Duration,
    /// POSTs of one batch in one receive of its message, including the first.
    pub tries: u32,
}

/// A condition of `where`: the value at a pointer into the payload is one of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Points to the value in the payload.
    pub pointer: Pointer,
    /// The values that are sent. Numbers compare by value.
    pub values: Values,
}

/// Which members of a payload are sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Members {
    /// All of them; payloads are sent byte by byte as they are stored.
    #[default]
    All,
    /// Only those at these pointers.
    Pick(Vec<Pointer>),
    /// All but those at these pointers.
    Omit(Vec<Pointer>),
}

/// The form of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Whole records, one per line.
    #[default]
    Records,
    /// A JSON array of payloads.
    Payloads,
    /// `{"batch":[…]}` of payloads, each with a `messageId`.
    Segment,
    /// A batch of `CloudEvents`.
    Cloudevents,
}

impl Format {
    /// The media type of a body.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Records => "application/x-ndjson",
            Self::Payloads | Self::Segment => "application/json",
            Self::Cloudevents => "application/cloudevents-batch+json",
        }
    }
}

impl Destination {
    /// All POSTs of one batch together.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.timeout.saturating_mul(self.tries)
    }

    /// Adds an error for each stream that is not one of `streams`: it would never send anything.
    pub fn refuse_unknown_streams<S>(&self, streams: &BTreeMap<StreamName, S>, errors: &mut ConfigErrors) {
        for stream in self.streams.iter().filter(|stream| !streams.contains_key(*stream)) {
            let place = format!("destinations/{}.json", self.name);
            errors.add(place, format!("/streams: the file streams/{stream}.json does not exist"));
        }
    }

    /// The names of all secrets that requests contain or are signed with.
    #[must_use]
    pub fn secrets(&self) -> Vec<&str> {
        let of_headers = self.headers.0.iter().filter_map(|header| match &header.value {
            HeaderValue::Secret(name) => Some(name.as_str()),
            HeaderValue::Text(_) => None,
        });
        of_headers.chain(self.sign.as_ref().map(|sign| sign.secret.as_str())).collect()
    }

    /// The prefixes of the keys of its objects. They end in `/`, so that `clicks` does not match `clicks2`.
    #[must_use]
    pub fn prefixes(&self, object_prefix: &str) -> Vec<String> {
        self.streams.iter().map(|stream| format!("{object_prefix}stream={stream}/")).collect()
    }

    fn of(name: &str, file: File) -> Result<Self, (&'static str, &'static str)> {
        if !file.allow_private && !file.url.is_allowed_in_public() {
            return Err((
                "/url",
                "must be https and not a loopback, private or link-local address, unless \
                                 `allow_private` is set",
            ));
        }
        if !file.url.is_https() && !file.url.is_loopback() {
            return Err(("/url", "must be https: http is allowed only to loopback, with `allow_private`"));
        }
        let members = match (file.pick, file.omit) {
            (Some(_), Some(_)) => return Err(("/omit", "cannot be used together with `pick`")),
            (Some(pick), None) => Members::Pick(pick),
            (None, Some(omit)) => Members::Omit(omit),
            (None, None) => Members::All,
        };
        Ok(Self {
            name: name.to_owned(),
            target: file.url,
            allow_private: file.allow_private,
            streams: file.streams,
            conditions: file.conditions,
            format: file.format,
            batch: file.batch.unwrap_or_default(),
            headers: file.headers,
            sign: file.sign,
            consent: file.consent,
            honour_gpc: file.honour_gpc,
            members,
            rate: file.rate.map(|Rate(rate)| rate),
            workers: file.workers.0,
            concurrency: file.concurrency.0,
            timeout: file.timeout_ms.0,
            tries: file.tries.0,
        })
    }
}

/// The members as the file has them, before their relations are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, deserialize_with = "present", rename = "description")]
    _description: Option<String>,
    url: Target,
    #[serde(default)]
    allow_private: bool,
    #[serde(deserialize_with = "list")]
    streams: Vec<StreamName>,
    #[serde(default, rename = "where", deserialize_with = "conditions")]
    conditions: Vec<Condition>,
    #[serde(default)]
    format: Format,
    #[serde(default, deserialize_with = "present_object")]
    batch: Option<BatchLimits>,
    #[serde(default)]
    headers: Headers,
    #[serde(default, deserialize_with = "present_object")]
    sign: Option<Sign>,
    #[serde(default, deserialize_with = "rule")]
    consent: Option<Rule>,
    #[serde(default = "yes")]
    honour_gpc: bool,
    #[serde(default, deserialize_with = "present_list")]
    pick: Option<Vec<Pointer>>,
    #[serde(default, deserialize_with = "present_list")]
    omit: Option<Vec<Pointer>>,
    #[serde(default, deserialize_with = "present")]
    rate: Option<Rate>,
    #[serde(default)]
    workers: Workers,
    #[serde(default)]
    concurrency: Concurrency,
    #[serde(default)]
    timeout_ms: TimeoutMs,
    #[serde(default)]
    tries: Tries,
}

fn yes() -> bool {
    true
}

fn conditions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Condition>, D::Error> {
    let conditions = BTreeMap::<String, Values>::deserialize(deserializer)?;
    let condition = |(pointer, values): (String, Values)| {
        let pointer = Pointer::try_from(pointer).map_err(D::Error::custom)?;
        Ok(Condition { pointer, values })
    };
    conditions.into_iter().map(condition).collect()
}

/// Reads a rule as in streams, without `honour_gpc`, which is a member of the destination itself.
fn rule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Rule>, D::Error> {
    let members = Value::deserialize(deserializer)?;
    if members.get("honour_gpc").is_some() {
        return Err(D::Error::custom("`honour_gpc` is a member of the destination, not of its rule"));
    }
    let consent: Option<Consent> = present_object(members).map_err(D::Error::custom)?;
    Ok(consent.and_then(|consent| consent.rule))
}

#[cfg(test)]
mod tests;
