//! The result of a search.

use serde::{Deserialize, Serialize};

use super::Search;
use super::scan::Run;

/// Where the records are. Nothing was found if there are no places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The id that was searched.
    pub id: String,
    /// The places, in the order of [`Kind`].
    pub places: Vec<Place>,
    /// What was read.
    pub searched: Searched,
    /// The keys of damaged objects. What they contain is only partly searched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// Consecutive records in one object, or records in one message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// What the place is.
    pub place: Kind,
    /// The key of the object; messages in queues have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The first line in the object, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The first row in the Parquet file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// The id of the message, unless its header cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How many records, at least 1.
    pub records: u64,
}

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An object of records.
    Stored,
    /// A file of a table.
    Lake,
    /// An object of rejected payloads that their stream keeps.
    Kept,
    /// A quarantined message.
    Quarantined,
    /// A message on the dead-letter queue.
    DeadLettered,
    /// A message on the queue, waiting or received.
    Queued,
}

/// How much a search has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Searched {
    /// Objects, tables' files and quarantined messages.
    pub objects: u64,
    /// The bytes of the objects and messages, as they are stored.
    pub bytes: u64,
    /// Objects that are still to be read.
    #[serde(skip)]
    pub left: u64,
}

impl Kind {
    /// The word in texts and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Lake => "lake",
            Self::Kept => "kept",
            Self::Quarantined => "quarantined",
            Self::DeadLettered => "dead-lettered",
            Self::Queued => "queued",
        }
    }

    /// The places of matching lines or rows in an object.
    pub(super) fn places(self, object: &str, runs: Vec<Run>) -> Vec<Place> {
        let place = |Run { first, count }: Run| Place {
            object: Some(object.to_owned()),
            line: (self != Self::Lake).then_some(first),
            row: (self == Self::Lake).then_some(first),
            records: count,
            ..self.place()
        };
        runs.into_iter().map(place).collect()
    }

    /// A place of this kind without records.
    pub(super) fn place(self) -> Place {
        Place { place: self, object: None, line: None, row: None, message: None, records: 0 }
    }
}

impl Searched {
    /// Counts an object of this many bytes.
    pub(super) fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
        self.left -= 1;
    }
}

impl Found {
    /// Nothing was found so far.
    #[must_use]
    pub fn nothing(search: &Search) -> Self {
        Self { id: search.id.clone(), places: Vec::new(), searched: Searched::default(), unreadable: Vec::new() }
    }

    /// Whether there is a place of this kind.
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.places.iter().any(|place| place.place == kind)
    }
}
