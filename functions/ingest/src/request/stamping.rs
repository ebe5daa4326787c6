//! Makes the records of a document's stored payloads.

use spillway_shared::message::Kind;

use super::judging::{StoredPayload, too_large};
use super::pace::Pace;
use crate::pack::fits;
use crate::preset::items::Origins;
use crate::record::{Finding, Mark, Template};
use crate::response::Outcomes;

/// The records of one document: those of accepted payloads and those of kept rejections, as NDJSON.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) accepted: String,
    pub(super) kept: String,
}

impl Lines {
    fn of(&mut self, kind: Kind) -> &mut String {
        match kind {
            Kind::Accepted => &mut self.accepted,
            Kind::Rejected => &mut self.kept,
        }
    }
}

/// The templates of a document, one for each context.
pub(super) struct Templates {
    pub(super) each: Vec<Template>,
    pub(super) origins: Origins,
}

impl Templates {
    /// The template of every payload, if they share one.
    pub(super) fn only(&self) -> Option<&Template> {
        if let [only] = self.each.as_slice() { Some(only) } else { None }
    }

    /// The template for the payload of this number.
    pub(super) fn of(&self, index: usize) -> &Template {
        &self.each[self.origins.of(index).context]
    }
}

/// Makes the records, numbered from 0, and counts their outcomes. A record that fits into no message is not stored.
pub(super) async fn stamp_all(
    templates: &Templates,
    stored: Vec<StoredPayload<'_>>,
    marks: &[Mark],
    bytes: usize,
    message_bytes: usize,
    outcomes: &mut Outcomes,
) -> Lines {
    let (mut lines, mut pace, mut number) = (Lines::default(), Pace::default(), 0);
    let only = templates.only();
    lines.accepted.reserve(bytes);
    for (position, payload) in stored.into_iter().enumerate() {
        pace.work(payload.payload.len()).await;
        let of_kind = lines.of(payload.kind());
        let start = of_kind.len();
        let template = only.unwrap_or_else(|| templates.of(payload.index));
        let finding = payload.finding.as_ref();
        let is_appended = match marks.get(position) {
            None => template.append(of_kind, number, finding, payload.payload),
            Some(mark) => template.append_marked(of_kind, number, mark, finding, payload.payload),
        };
        let fits = is_appended && fits(&of_kind[start..], message_bytes);
        if fits {
            number += 1;
        } else {
            of_kind.truncate(start);
        }
        count(outcomes, payload, fits);
    }
    lines
}

fn count(outcomes: &mut Outcomes, StoredPayload { index, finding, .. }: StoredPayload<'_>, fits: bool) {
    match finding {
        Some(Finding::Kept(_)) => *outcomes.kept.get_or_insert_default() += usize::from(fits),
        _ if !fits => outcomes.reject(index, too_large()),
        finding => {
            outcomes.accepted += 1;
            outcomes.violations += usize::from(finding.is_some());
        }
    }
}
