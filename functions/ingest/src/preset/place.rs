//! Where a client puts its key, in addition to the usual places.

use serde::Deserialize;
use spillway_shared::pointer::Pointer;

/// A place of a key, written `query:name`, `header:name`, `scheme:name` or `body:/pointer`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Place {
    /// A parameter of the query.
    Query(String),
    /// A header that contains the key alone.
    Header(String),
    /// A scheme of the header `Authorization`.
    Scheme(String),
    /// A string in the body.
    Body(Pointer),
}

impl TryFrom<String> for Place {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let place = text.split_once(':').and_then(|(kind, name)| match kind {
            _ if name.is_empty() => None,
            "query" => Some(Self::Query(name.to_owned())),
            "header" => Some(Self::Header(name.to_ascii_lowercase())),
            "scheme" => Some(Self::Scheme(name.to_owned())),
            "body" => Pointer::parse(name).map(Self::Body),
            _ => None,
        });
        place.ok_or("must be `query:name`, `header:name`, `scheme:name` or `body:/pointer`")
    }
}
