//! Judges every payload of a document: which are stored, and why the others are not.

use spillway_shared::message::{Kind, MAX_RECORD_BYTES};

use super::pace::{Pace, turn};
use crate::judge::{Budget, Facts, Judge, Verdict};
use crate::payloads::Refused;
use crate::preset::Preset;
use crate::preset::items::Origins;
use crate::record::Finding;
use crate::rejection::{Reason, Rejection};
use crate::response::Outcomes;

/// Details of one document that may be stored, in bytes; later ones say only that the schema does not match.
const MAX_DETAIL_BYTES: usize = 8 << 20;

/// A payload that is stored: accepted, or rejected and kept.
#[derive(Debug)]
pub(super) struct StoredPayload<'a> {
    /// The payload's position in the document.
    pub(super) index: usize,
    pub(super) payload: &'a str,
    pub(super) finding: Option<Finding>,
}

impl StoredPayload<'_> {
    /// The kind of the message that carries the record.
    pub(super) fn kind(&self) -> Kind {
        match self.finding {
            Some(Finding::Kept(_)) => Kind::Rejected,
            Some(Finding::Violation(_)) | None => Kind::Accepted,
        }
    }
}

/// Judges the payloads of one document.
pub(super) struct Judging<'a> {
    judge: &'a Judge,
    facts: Facts,
    outcomes: &'a mut Outcomes,
    /// The work that judging the document may still take.
    budget: Budget,
    /// How the client counts, if not by payloads.
    preset: Option<(&'a Preset, &'a Origins)>,
    /// The bytes of the details that records contain.
    detail_bytes: usize,
}

impl<'a> Judging<'a> {
    /// Judges payloads of this many bytes together.
    pub(super) fn new(judge: &'a Judge, facts: Facts, outcomes: &'a mut Outcomes, bytes: usize) -> Self {
        Self { judge, facts, outcomes, preset: None, budget: Budget::of(bytes), detail_bytes: 0 }
    }

    /// Counts what clients of this preset count.
    pub(super) fn by(self, preset: Option<&'a Preset>, origins: &'a Origins) -> Self {
        Self { preset: preset.map(|preset| (preset, origins)), ..self }
    }

    /// The payloads that are stored, in the order of the document.
    pub(super) async fn judge_all<'p>(mut self, payloads: Vec<Result<&'p str, Refused<'p>>>) -> Vec<StoredPayload<'p>> {
        let (mut stored, mut pace) = (Vec::with_capacity(payloads.len()), Pace::default());
        for (index, payload) in payloads.into_iter().enumerate() {
            pace.work(payload.as_ref().map_or(0, |payload| payload.len())).await;
            let _turn = turn(payload.as_ref().map_or("", |payload| payload)).await;
            let before = self.budget.taken();
            stored.extend(self.outcome(index, payload));
            pace.judged(self.budget.taken() - before).await;
        }
        stored
    }

    fn outcome<'p>(&mut self, index: usize, payload: Result<&'p str, Refused<'p>>) -> Option<StoredPayload<'p>> {
        match payload.and_then(not_too_large) {
            Ok(payload) => match self.verdict(payload) {
                Verdict::Accept => Some(StoredPayload { index, payload, finding: None }),
                Verdict::Warn(violation) => Some(self.store(index, payload, Finding::Violation(violation))),
                Verdict::Withhold => {
                    self.outcomes.withheld += 1;
                    None
                }
                Verdict::Reject(rejection) => self.reject(index, rejection, Some(payload)),
            },
            Err(Refused { rejection, text }) => self.reject(index, rejection, text),
        }
    }

    /// Only rejections that the response lists or a record contains are explained.
    fn verdict(&mut self, payload: &str) -> Verdict {
        let is_stored = self.judge.stores_details() && self.detail_bytes < MAX_DETAIL_BYTES;
        let explains = is_stored || self.outcomes.lists_more();
        self.judge.judge_within(&self.facts, payload.as_bytes(), &mut self.budget, explains)
    }

    fn reject<'p>(&mut self, index: usize, rejection: Rejection, text: Option<&'p str>) -> Option<StoredPayload<'p>> {
        if let (Some((preset, origins)), Some(text)) = (self.preset, text) {
            self.outcomes.further_units += preset.items[origins.of(index).shape].further_units(text);
        }
        let kept = text.filter(|_| self.judge.keeps(rejection.reason, &self.facts));
        let kept = kept.map(|payload| self.store(index, payload, Finding::Kept(rejection.clone())));
        self.outcomes.reject(index, rejection);
        kept
    }

    fn store<'p>(&mut self, index: usize, payload: &'p str, finding: Finding) -> StoredPayload<'p> {
        self.detail_bytes += finding.bytes();
        StoredPayload { index, payload, finding: Some(finding) }
    }
}

/// A payload larger than any record is not judged: parsed, it could take a hundred times its bytes.
fn not_too_large(payload: &str) -> Result<&str, Refused<'_>> {
    if payload.len() > MAX_RECORD_BYTES { Err(Refused { rejection: too_large(), text: None }) } else { Ok(payload) }
}

/// The rejection of a payload whose record fits into no message.
pub(super) fn too_large() -> Rejection {
    Rejection::new(Reason::TooLarge, "the record does not fit into a message")
}
