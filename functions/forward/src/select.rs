//! Which records are sent, and which of their members. Pure.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use spillway_shared::destination::{Condition, Destination, Members};
use spillway_shared::json;

mod prune;

use prune::Tree;

/// Selects the records of one destination.
#[derive(Debug)]
pub struct Select<'d> {
    destination: &'d Destination,
    tree: Option<Tree>,
}

/// A record that is sent.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    /// The record's id.
    pub id: Cow<'a, str>,
    /// Its stream.
    pub stream: Cow<'a, str>,
    /// When it was received.
    pub received_at: Cow<'a, str>,
    /// The event's own time.
    pub event_time: Option<Cow<'a, str>>,
    /// The whole line.
    pub line: &'a [u8],
    /// The payload inside the line.
    stored: &'a RawValue,
    /// The payload without the members that are not sent, if some are not.
    pruned: Option<String>,
}

/// The outcome of one line.
#[derive(Debug)]
pub enum Selected<'a> {
    /// It is sent.
    Send(Item<'a>),
    /// Its request opted out.
    OptedOut,
    /// It lacks the partner's consent.
    Withheld,
    /// It is not what the destination wants.
    Skipped,
    /// It is not a record.
    Unreadable,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    received_at: Cow<'a, str>,
    #[serde(borrow, default)]
    event_time: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    opted_out: Option<Value>,
}

impl<'d> Select<'d> {
    /// Selects for this destination.
    #[must_use]
    pub fn new(destination: &'d Destination) -> Self {
        let tree = match &destination.members {
            Members::All => None,
            Members::Pick(pointers) => Some(Tree::pick(pointers)),
            Members::Omit(pointers) => Some(Tree::omit(pointers)),
        };
        Self { destination, tree }
    }

    /// The outcome of one line. What is not understood is not sent.
    #[must_use]
    pub fn judge<'a>(&self, line: &'a [u8]) -> Selected<'a> {
        let Ok(record) = serde_json::from_slice::<Record<'a>>(line) else { return Selected::Unreadable };
        if self.destination.honour_gpc && record.source.is_some_and(has_opted_out) {
            return Selected::OptedOut;
        }
        match self.judge_payload(record.payload) {
            Verdict::Send => {}
            Verdict::Withhold => return Selected::Withheld,
            Verdict::Skip => return Selected::Skipped,
        }
        let Ok(pruned) = self.tree.as_ref().map(|tree| tree.prune(record.payload)).transpose() else {
            return Selected::Unreadable;
        };
        Selected::Send(Item {
            id: record.id,
            stream: record.stream,
            received_at: record.received_at,
            event_time: record.event_time,
            line,
            stored: record.payload,
            pruned,
        })
    }

    fn judge_payload(&self, payload: &RawValue) -> Verdict {
        let Destination { consent, conditions, .. } = self.destination;
        if consent.is_none() && conditions.is_empty() {
            return Verdict::Send;
        }
        // Readers disagree about duplicate keys, so such a payload proves no consent.
        let Ok(payload) = json::read(payload.get().as_bytes()) else { return Verdict::Withhold };
        if consent.as_ref().is_some_and(|rule| !rule.allows(&payload)) {
            return Verdict::Withhold;
        }
        let is_met = conditions.iter().all(|Condition { pointer, values }| {
            let value = pointer.find(&payload);
            value.is_some_and(|value| values.contains(value))
        });
        if is_met { Verdict::Send } else { Verdict::Skip }
    }
}

enum Verdict {
    Send,
    Withhold,
    Skip,
}

/// Anything but a missing member or `false` is an opt-out.
fn has_opted_out(source: &RawValue) -> bool {
    let source = serde_json::from_str::<Source>(source.get());
    source.map_or(true, |source| source.opted_out.is_some_and(|opted_out| opted_out != false))
}

impl Item<'_> {
    /// The payload as it is sent.
    #[must_use]
    pub fn payload(&self) -> &str {
        self.pruned.as_deref().unwrap_or_else(|| self.stored.get())
    }

    /// Appends the record as it is sent.
    pub fn push_record(&self, onto: &mut Vec<u8>) {
        let Some(pruned) = &self.pruned else { return onto.extend_from_slice(self.line) };
        let stored = self.stored.get();
        let start = stored.as_ptr() as usize - self.line.as_ptr() as usize;
        onto.extend_from_slice(&self.line[..start]);
        onto.extend_from_slice(pruned.as_bytes());
        onto.extend_from_slice(&self.line[start + stored.len()..]);
    }
}

#[cfg(test)]
mod tests;
