//! Why one payload is refused while its neighbours go on.

use serde::{Serialize, Serializer};

/// The stable word for a rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A payload is a JSON object; this is something else.
    NotAnObject,
    /// A broken line, or what cannot be judged.
    Unreadable,
    /// More levels than are allowed.
    TooDeep,
    /// The record would not fit into a message.
    TooLarge,
    /// A key stands twice in one object, in a stream that is judged.
    DuplicateKey,
    /// It breaks its stream's schema.
    Schema,
}

impl Reason {
    /// The word as answers write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAnObject => "not_an_object",
            Self::Unreadable => "unreadable",
            Self::TooDeep => "too_deep",
            Self::TooLarge => "too_large",
            Self::DuplicateKey => "duplicate_key",
            Self::Schema => "schema",
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why one payload is refused; the detail names place and rule, never a value that the client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The stable word.
    pub reason: Reason,
    /// What is wrong and where, for a client's developer.
    pub detail: String,
}

impl Rejection {
    /// A rejection with its detail.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}
