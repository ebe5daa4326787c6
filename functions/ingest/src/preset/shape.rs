//! The shape of a client's documents: the path to the payloads, and what each has.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use spillway_shared::event_time::{EventTime, TimeRule};
use spillway_shared::pointer::Pointer;

/// Where payloads are, and where each has its id and its time.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(try_from = "File")]
pub struct Shape {
    /// The arrays on the way to the payloads, from the outermost; none if the document itself is the payload.
    pub arrays: Vec<Array>,
    /// The parts of a payload's id, of which none may be missing; none if payloads have no id.
    pub id: Vec<IdPart>,
    /// Where a payload has its time; the first that can be read counts.
    pub time: Vec<TimeRule>,
    /// The arrays in a payload whose elements the client counts instead of payloads.
    pub units: Vec<Pointer>,
}

/// An array on the way to the payloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// The member that contains it.
    pub member: String,
    /// The members of its elements that become context, and their names there.
    pub carry: BTreeMap<String, String>,
}

/// A part of a client's id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum IdPart {
    /// A string in the payload, written as its pointer.
    Payload(Pointer),
    /// A string in the payload's context, written `context:/pointer`.
    Context(Pointer),
    /// The payload's position in the document, written `index`.
    Index,
}

/// A longer id of a client counts as missing.
const MAX_ID_BYTES: usize = 255;

impl Shape {
    /// The client's id for a payload, with its context and its position in the document; `None` if a part is missing,
    /// empty, longer than 255 bytes or no string.
    #[must_use]
    pub fn id_of(&self, payload: &str, context: Option<&str>, index: usize) -> Option<Vec<String>> {
        let part = |part: &IdPart| match part {
            IdPart::Payload(pointer) => text(pointer, payload),
            IdPart::Context(pointer) => text(pointer, context?),
            IdPart::Index => Some(index.to_string()),
        };
        self.id.iter().map(part).collect::<Option<Vec<_>>>().filter(|parts| !parts.is_empty())
    }

    /// What the client counts of a payload beyond the payload itself.
    #[must_use]
    pub fn further_units(&self, payload: &str) -> usize {
        let arrays = self.units.iter().filter_map(|pointer| pointer.find_raw(payload));
        let lengths = arrays.filter_map(|array| serde_json::from_str::<Vec<IgnoredAny>>(array.get()).ok());
        lengths.map(|elements| elements.len()).sum::<usize>().saturating_sub(1)
    }

    /// When a payload's event happened.
    #[must_use]
    pub fn time_of(&self, payload: &str) -> Option<EventTime> {
        self.time.iter().find_map(|rule| rule.read(payload))
    }
}

/// The string at a pointer, if it can be an id.
fn text(pointer: &Pointer, json: &str) -> Option<String> {
    let text: String = serde_json::from_str(pointer.find_raw(json)?.get()).ok()?;
    (1..=MAX_ID_BYTES).contains(&text.len()).then_some(text)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    path: String,
    #[serde(default)]
    carry: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    id: Vec<IdPart>,
    #[serde(default)]
    time: Vec<TimeRule>,
    #[serde(default)]
    units: Vec<Pointer>,
}

impl TryFrom<File> for Shape {
    type Error = String;

    fn try_from(File { path, mut carry, id, time, units }: File) -> Result<Self, String> {
        let members = path.split('.').filter(|_| !path.is_empty());
        let members: Option<Vec<_>> =
            members.map(|part| part.strip_suffix("[]").filter(|part| !part.is_empty())).collect();
        let members = members.ok_or("the path must be members that contain arrays, such as `a[].b[]`")?;
        let array = |member: &str| Array { carry: carry.remove(member).unwrap_or_default(), member: member.to_owned() };
        let arrays = members.into_iter().map(array).collect();
        match carry.keys().next() {
            Some(member) => Err(format!("`carry` names `{member}`, which is no array of the path")),
            None => Ok(Self { arrays, id, time, units }),
        }
    }
}

impl TryFrom<String> for IdPart {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let part = match text.strip_prefix("context:") {
            _ if text == "index" => Some(Self::Index),
            Some(pointer) => Pointer::parse(pointer).map(Self::Context),
            None => Pointer::parse(&text).map(Self::Payload),
        };
        part.ok_or("must be a JSON pointer into the payload, `context:/pointer` or `index`")
    }
}
