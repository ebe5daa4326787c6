//! The static headers of a destination, and its signature.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

/// What people see instead of a secret.
pub const MASK: &str = "***";

/// Headers that Spillway or HTTP sets itself.
const RESERVED: [&str; 11] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The headers of every request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(pub Vec<Header>);

/// A header of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name, in lower case.
    pub name: String,
    /// Its value.
    pub value: HeaderValue,
}

/// The value of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// Written in the file.
    Text(String),
    /// The value of the secret with this name.
    Secret(String),
}

/// How requests are signed: as Standard Webhooks (<https://www.standardwebhooks.com>) define it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// The name of the secret, whose value is `whsec_` and base64. Several values, separated by spaces, make several
    /// signatures, so that a partner can change its secret without a gap.
    #[serde(deserialize_with = "secret_name")]
    pub secret: String,
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let headers = BTreeMap::<String, HeaderValue>::deserialize(deserializer)?;
        let mut seen: Vec<Header> = Vec::new();
        for (name, value) in headers {
            let name = name.to_ascii_lowercase();
            check_name(&name).map_err(D::Error::custom)?;
            if seen.iter().any(|header| header.name == name) {
                return Err(D::Error::custom("two headers differ only in case"));
            }
            seen.push(Header { name, value });
        }
        Ok(Self(seen))
    }
}

impl<'de> Deserialize<'de> for HeaderValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) if is_value(&text) => Ok(Self::Text(text)),
            Value::String(_) => Err(D::Error::custom("must be visible ASCII, without line breaks")),
            object @ Value::Object(_) => {
                Sign::deserialize(object).map(|sign| Self::Secret(sign.secret)).map_err(D::Error::custom)
            }
            _ => Err(D::Error::custom("must be a text or `{\"secret\":\"NAME\"}`")),
        }
    }
}

/// Whether a text can be the value of a header.
pub(super) fn is_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte))
}

fn check_name(name: &str) -> Result<(), String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err("a header's name must consist of letters, digits and hyphens".to_owned());
    }
    if RESERVED.contains(&name) || name.starts_with("webhook-") {
        return Err(format!("the header `{name}` is set by Spillway"));
    }
    Ok(())
}

/// The grammar of Secrets Manager's names.
fn secret_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
    if !name.is_empty() && name.len() <= 512 && name.bytes().all(is_good) {
        return Ok(name);
    }
    Err(D::Error::custom("must be a secret's name: letters, digits and /_+=.@-"))
}
