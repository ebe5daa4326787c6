//! Why one payload is rejected while the others of its document are accepted.

use serde::{Serialize, Serializer};

/// The stable word for a rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The payload is not a JSON object.
    NotAnObject,
    /// A broken line, or a value that cannot be read.
    Unreadable,
    /// The payload has too many levels.
    TooDeep,
    /// The record does not fit into a message.
    TooLarge,
    /// A key appears twice in one object, in a stream with a schema or a consent rule.
    DuplicateKey,
    /// The payload does not match the stream's schema.
    Schema,
    /// Judging the payload by the stream's schema takes more work than the limit.
    TooCostly,
}

impl Reason {
    /// The word in responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAnObject => "not_an_object",
            Self::Unreadable => "unreadable",
            Self::TooDeep => "too_deep",
            Self::TooLarge => "too_large",
            Self::DuplicateKey => "duplicate_key",
            Self::Schema => "schema",
            Self::TooCostly => "too_costly",
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why one payload is rejected. The detail names place and rule, never a value that the client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The stable word for the reason.
    pub reason: Reason,
    /// What is wrong, and where, for the client's developer.
    pub detail: String,
}

impl Rejection {
    /// A rejection with its detail.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}
