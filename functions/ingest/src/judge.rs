//! Judges one payload by its stream's definition: accept, withhold or reject. Pure: no clock, no I/O.
//!
//! ```text
//! opted out? ► read strictly ► consent ► schema
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use spillway_shared::config::ConfigErrors;
use spillway_shared::consent::{Consent, Rule};
use spillway_shared::json;
use spillway_shared::stream::{self, Definition, Stamp, StreamName};

use crate::rejection::{Reason, Rejection};

mod compile;
mod consent;
mod detail;
mod equal;
mod explain;
mod references;
mod schema;
mod ways;

pub use explain::Explanations;
use schema::Schema;

/// One stream's compiled definition.
#[derive(Debug)]
pub struct Judge {
    honour_gpc: bool,
    rule: Option<Rule>,
    schema: Option<Schema>,
}

/// What a judge knows of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// Whether it came with `Sec-GPC: 1` or `DNT: 1`.
    pub opted_out: bool,
}

/// A payload's fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Accept,
    /// There is no consent: it is dropped and counted, nothing else.
    Withhold,
    /// It is refused.
    Reject(Rejection),
}

/// A stream that is ready for payloads.
#[derive(Debug)]
pub struct Stream {
    /// What its payloads must be.
    pub judge: Judge,
    /// What is stamped on its records.
    pub stamp: Stamp,
}

/// Loads and compiles every stream in `<config_dir>/streams`.
///
/// # Errors
/// Every fault of every file, schemas included, file by file.
pub fn load(config_dir: &Path) -> Result<BTreeMap<StreamName, Stream>, ConfigErrors> {
    stream::load_as(config_dir, |name, definition| {
        Ok(Stream { judge: Judge::compile(name, &definition)?, stamp: definition.stamp })
    })
}

impl Judge {
    /// Compiles a definition, once at start.
    ///
    /// # Errors
    /// Everything that is wrong with the schema, each with file and pointer.
    pub fn compile(name: &StreamName, definition: &Definition) -> Result<Self, ConfigErrors> {
        let consent = definition.consent.clone().unwrap_or(Consent { rule: None, honour_gpc: false });
        let schema = definition.schema.as_ref().map(|schema| Schema::compile(schema, name)).transpose()?;
        Ok(Self { honour_gpc: consent.honour_gpc, rule: consent.rule, schema })
    }

    /// The fate of one payload, alone: a JSON object that is valid by its grammar and has at most 128 levels.
    #[must_use]
    pub fn judge(&self, facts: &Facts, payload: &[u8]) -> Verdict {
        self.judge_within(facts, payload, &mut Explanations::of(1))
    }

    /// The fate of one payload of a document, whose rejections are explained as far as `explanations` reach.
    ///
    /// The payload is read into a tree that may take a hundred times its bytes: whoever calls bounds it.
    #[must_use]
    pub fn judge_within(&self, facts: &Facts, payload: &[u8], explanations: &mut Explanations) -> Verdict {
        if self.honour_gpc && facts.opted_out {
            return Verdict::Withhold;
        }
        if !self.reads() {
            return Verdict::Accept;
        }
        match json::strict(payload) {
            Ok(value) => self.judge_value(&value, payload.len(), explanations),
            Err(error) => Verdict::Reject(unreadable(&error)),
        }
    }

    /// Whether the payload itself matters.
    fn reads(&self) -> bool {
        self.rule.is_some() || self.schema.is_some()
    }

    fn judge_value(&self, payload: &Value, bytes: usize, explanations: &mut Explanations) -> Verdict {
        if self.rule.as_ref().is_some_and(|rule| !consent::is_given(rule, payload)) {
            return Verdict::Withhold;
        }
        match self.schema.as_ref().map(|schema| schema.check(payload, bytes, explanations)) {
            Some(Err(detail)) => Verdict::Reject(Rejection::new(Reason::Schema, detail)),
            None | Some(Ok(())) => Verdict::Accept,
        }
    }
}

/// The errors of reading say place and kind only, so that they can be passed on.
fn unreadable(error: &serde_json::Error) -> Rejection {
    if json::is_duplicate_key(error) {
        let place = format!("line {} column {}", error.line(), error.column());
        return Rejection::new(Reason::DuplicateKey, format!("a key stands twice in one object, at {place}"));
    }
    Rejection::new(Reason::Unreadable, format!("cannot be judged: {error}"))
}

#[cfg(test)]
mod tests;
