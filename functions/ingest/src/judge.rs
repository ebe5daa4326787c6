//! Judges one payload by its stream's definition: accept, withhold or reject. Pure: no clock and no I/O.
//!
//! ```text
//! opted out? ► read strictly ► consent ► schema
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use spillway_shared::config::ConfigErrors;
use spillway_shared::consent::{Consent, Rule};
use spillway_shared::event_time::TimeRule;
use spillway_shared::json;
use spillway_shared::stream::{self, Definition, Enforce, Rejected, Stamp, StreamName};

use crate::rejection::{Reason, Rejection};

mod budget;
mod compile;
mod counted;
mod detail;
mod keywords;
mod meter;
mod pattern;
mod schema;
mod visits;

pub use budget::{Budget, LEAST_PAYLOAD_BYTES};
use schema::Schema;

/// One stream's compiled definition.
#[derive(Debug)]
pub struct Judge {
    /// Whether payloads of requests with Global Privacy Control are withheld.
    pub honour_gpc: bool,
    /// Whether rejected payloads are kept: see [`Judge::keeps`].
    pub keep: bool,
    enforce: Enforce,
    rule: Option<Rule>,
    schema: Option<Schema>,
}

/// The facts of a request that matter for consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// Whether the request has `Sec-GPC: 1` or `DNT: 1`.
    pub opted_out: bool,
}

/// The outcome of one payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The payload is accepted.
    Accept,
    /// The payload is accepted although it violates the schema, which the stream does not enforce.
    Warn(Rejection),
    /// Consent is missing: the payload is dropped and counted.
    Withhold,
    /// The payload is rejected.
    Reject(Rejection),
}

/// A stream with its compiled definition.
#[derive(Debug)]
pub struct Stream {
    /// Judges the stream's payloads.
    pub judge: Judge,
    /// The metadata of requests that the stream stores.
    pub stamp: Stamp,
    /// The names of the presets that the stream accepts.
    pub accept: Vec<String>,
    /// Where a payload has its time.
    pub time: Option<TimeRule>,
}

/// Loads and compiles every stream in `<config_dir>/streams`.
///
/// # Errors
/// The errors of every file, file by file; of each schema the first one.
pub fn load(config_dir: &Path) -> Result<BTreeMap<StreamName, Stream>, ConfigErrors> {
    stream::load_as(config_dir, |name, definition| {
        let judge = Judge::compile(name, &definition)?;
        Ok(Stream { judge, stamp: definition.stamp, accept: definition.accept, time: definition.time })
    })
}

impl Judge {
    /// Compiles a definition, once at start.
    ///
    /// # Errors
    /// The schema's first error, with file and pointer.
    pub fn compile(name: &StreamName, definition: &Definition) -> Result<Self, ConfigErrors> {
        let consent = definition.consent.clone().unwrap_or(Consent { rule: None, honour_gpc: false });
        let schema = definition.schema.as_ref().map(|schema| Schema::compile(schema, name)).transpose()?;
        let keep = definition.rejected == Rejected::Keep;
        let Consent { rule, honour_gpc } = consent;
        Ok(Self { honour_gpc, keep, enforce: definition.enforce, rule, schema })
    }

    /// The outcome of one payload, as if it was alone in its document. See [`Judge::judge_within`].
    #[must_use]
    pub fn judge(&self, facts: &Facts, payload: &[u8]) -> Verdict {
        self.judge_within(facts, payload, &mut Budget::of(payload.len()), true)
    }

    /// The outcome of one payload: a JSON object of valid syntax, with at most [`json::MAX_LEVELS`].
    ///
    /// The work is bounded by the payload's bytes and by the budget of its document, whatever payload and schema are.
    /// The detail of a rejection says where and why the payload does not match the schema only if `explains`.
    /// The parsed payload may take a hundred times its bytes: the caller limits them.
    #[must_use]
    pub fn judge_within(&self, facts: &Facts, payload: &[u8], budget: &mut Budget, explains: bool) -> Verdict {
        if self.honour_gpc && facts.opted_out {
            return Verdict::Withhold;
        }
        if !self.parses() {
            return Verdict::Accept;
        }
        let value = match json::read(payload) {
            Ok(value) => value,
            Err(error) => return Verdict::Reject(unreadable(&error)),
        };
        if self.rule.as_ref().is_some_and(|rule| !rule.allows(&value)) {
            return Verdict::Withhold;
        }
        let Some(schema) = &self.schema else { return Verdict::Accept };
        let judged = schema.judge(&value, budget.for_payload(payload.len()), explains);
        judged.map_or_else(|violation| self.enforced(violation), |()| Verdict::Accept)
    }

    /// Checks the context of a document by the rules that hold for payloads: no duplicate keys, no numbers beyond 64-bit
    /// floats. Streams without a schema and a consent rule have no such rules.
    ///
    /// # Errors
    /// The context breaks a rule.
    pub fn check_context(&self, context: Option<&str>) -> Result<(), Rejection> {
        match context.filter(|_| self.parses()) {
            Some(context) => json::read(context.as_bytes()).map(drop).map_err(|error| unreadable(&error)),
            None => Ok(()),
        }
    }

    /// Whether a payload that was rejected for this reason is kept.
    ///
    /// Consent must be established: the schema is judged after consent, and the other reasons exist before it. Nothing of
    /// a request with Global Privacy Control is kept.
    #[must_use]
    pub fn keeps(&self, reason: Reason, facts: &Facts) -> bool {
        self.keep
            && !facts.opted_out
            && match reason {
                Reason::Schema | Reason::TooCostly => true,
                Reason::NotAnObject | Reason::DuplicateKey => self.rule.is_none(),
                Reason::Unreadable | Reason::TooDeep | Reason::TooLarge => false,
            }
    }

    /// Whether a payload may be stored, by the stream's consent rule alone; a payload that cannot be read may not.
    #[must_use]
    pub fn consents(&self, payload: &[u8]) -> bool {
        let allows = |rule: &Rule| json::read(payload).is_ok_and(|value| rule.allows(&value));
        self.rule.as_ref().is_none_or(allows)
    }

    /// Whether every violation of the schema is explained, because records contain the explanation.
    #[must_use]
    pub fn stores_details(&self) -> bool {
        self.keep || self.enforce == Enforce::Warn
    }

    /// The digest of the schema, which every record of the stream carries; `None` without a schema.
    #[must_use]
    pub fn schema_digest(&self) -> Option<&str> {
        self.schema.as_ref().map(Schema::digest)
    }

    /// Whether payloads are parsed at all.
    fn parses(&self) -> bool {
        self.rule.is_some() || self.schema.is_some()
    }

    fn enforced(&self, violation: Rejection) -> Verdict {
        match self.enforce {
            Enforce::Reject => Verdict::Reject(violation),
            Enforce::Warn => Verdict::Warn(violation),
        }
    }
}

/// The parser's errors name only place and kind, so clients may see them.
fn unreadable(error: &serde_json::Error) -> Rejection {
    if json::is_duplicate_key(error) {
        let place = format!("line {} column {}", error.line(), error.column());
        return Rejection::new(Reason::DuplicateKey, format!("a key appears twice in one object, at {place}"));
    }
    Rejection::new(Reason::Unreadable, format!("cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
