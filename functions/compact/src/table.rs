//! The columns of a stream's table, as its lock file `config/tables/<stream>.json` records them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use spillway_shared::config::ConfigErrors;
use spillway_shared::stream::StreamName;

mod evolve;
mod load;
mod schema;

pub use evolve::evolve;
pub use load::{FOLDER, load, parse};
pub use schema::{MAX_COLUMNS, of_schema, unnamed_members};

/// The member of a record that a table's own columns hold.
pub const PAYLOAD: &str = "payload";

/// All tables by stream.
pub type Tables = BTreeMap<StreamName, Table>;

/// The columns that hold the payloads of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The version of the files: `lake/stream=S/v=<version>/`.
    pub version: u32,
    /// The columns for the member [`PAYLOAD`]: one, and the retired ones.
    pub columns: Vec<Field>,
}

/// A column, or a member of a struct.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: Type,
    /// The payload's member, if it has another name, because a column of that name holds an earlier type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Whether the schema no longer declares it: the column stays and is null.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retired: bool,
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// Text.
    String,
    /// Microseconds, UTC.
    Timestamp,
    /// An integer of 64 bits.
    Int64,
    /// A float of 64 bits.
    Float64,
    /// True or false.
    Boolean,
    /// Any value as JSON text.
    Json,
    /// An object of declared members; at least one.
    Struct(Vec<Field>),
    /// An object whose values have one type.
    Map(Box<Type>),
    /// An array whose elements have one type.
    List(Box<Type>),
}

impl Table {
    /// A first table for payloads of a type.
    #[must_use]
    pub fn new(payload: Type) -> Self {
        Self { version: 1, columns: vec![Field::new(PAYLOAD, payload)] }
    }

    /// The number of leaf columns, retired ones included.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.columns.iter().map(|field| field.kind.leaves()).sum()
    }

    /// The text of the lock file.
    ///
    /// # Panics
    /// Never: a table is always JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl Field {
    /// A field for the member of the same name.
    #[must_use]
    pub fn new(name: &str, kind: Type) -> Self {
        Self { name: name.to_owned(), kind, member: None, retired: false }
    }

    /// The payload's member that it holds.
    #[must_use]
    pub fn member(&self) -> &str {
        self.member.as_deref().unwrap_or(&self.name)
    }
}

impl Type {
    /// The number of leaf columns.
    #[must_use]
    pub fn leaves(&self) -> usize {
        match self {
            Self::Struct(fields) => fields.iter().map(|field| field.kind.leaves()).sum(),
            Self::Map(value) => 1 + value.leaves(),
            Self::List(element) => element.leaves(),
            _ => 1,
        }
    }
}

/// Reads the tables of a configuration folder; a folder without `tables/` has none.
///
/// # Errors
/// The first error of each lock file.
pub fn load_all(config_dir: &Path) -> Result<Tables, ConfigErrors> {
    load::load_all(config_dir)
}
