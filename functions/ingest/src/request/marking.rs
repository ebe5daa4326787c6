//! Marks stored payloads: the id that is derived from the client's own, and the time of the event.

use spillway_shared::event_time::EventTime;
use uuid::Uuid;

use super::document::{ReceivedDocument, kind_name};
use super::judging::StoredPayload;
use super::pace::Pace;
use crate::preset::items::Origins;
use crate::preset::shape::Shape;
use crate::record::{Mark, OwnId, derived_request_id};

/// Separates ids derived from payloads from those derived from clients' ids: no key has this name.
const OF_PAYLOADS: &[u8] = b"of payloads";

impl ReceivedDocument<'_> {
    /// Whether records of this document may have marks.
    pub(super) fn is_marked(&self) -> bool {
        self.preset.is_some() || self.stream.time.is_some()
    }

    /// The mark of each stored payload; none if no record has one.
    pub(super) async fn marks(
        &self,
        has_idempotency_key: bool,
        stored: &[StoredPayload<'_>],
        origins: &Origins,
    ) -> Vec<Mark> {
        let (mut marks, mut pace) = (Vec::new(), Pace::default());
        for stored in stored.iter().filter(|_| self.is_marked()) {
            pace.work(stored.payload.len()).await;
            marks.push(self.mark(stored, origins));
        }
        if self.preset.is_some() && !has_idempotency_key {
            self.identify_by_payloads(&mut marks, stored, origins);
        }
        marks
    }

    fn mark(&self, stored: &StoredPayload<'_>, origins: &Origins) -> Mark {
        let shape = self.preset.map(|preset| &preset.items[origins.of(stored.index).shape]);
        let id = shape.and_then(|shape| self.id(shape, stored, origins.context(stored.index)));
        Mark { id: id.map(OwnId::OfClient), time: self.time(shape, stored.payload) }
    }

    fn time(&self, shape: Option<&Shape>, payload: &str) -> Option<EventTime> {
        let of_stream = self.stream.time.as_ref().and_then(|rule| rule.read(payload));
        of_stream.or_else(|| shape.and_then(|shape| shape.time_of(payload)))
    }

    /// Derived from the key's name, the stream, the preset and every part of the client's id.
    fn id(&self, shape: &Shape, stored: &StoredPayload<'_>, context: Option<&str>) -> Option<Uuid> {
        let parts = shape.id_of(stored.payload, context, stored.index)?;
        Some(derived_request_id(self.origin().into_iter().chain(parts.iter().map(String::as_bytes))))
    }

    /// Gives payloads that have a time, but no id of a client, the same ids in a retry. Two equal payloads without a
    /// time are two events.
    fn identify_by_payloads(&self, marks: &mut [Mark], stored: &[StoredPayload<'_>], origins: &Origins) {
        let is_dated = |mark: &Mark| mark.id.is_none() && mark.time.is_some();
        if !marks.iter().any(is_dated) {
            return;
        }
        let dated = marks.iter().zip(stored).filter(|(mark, _)| is_dated(mark)).map(|(_, stored)| stored);
        let parts = dated.flat_map(|stored| {
            let context = origins.context(stored.index).unwrap_or_default();
            [kind_name(stored.kind()), context.as_bytes(), stored.payload.as_bytes()]
        });
        let id = derived_request_id([OF_PAYLOADS].into_iter().chain(self.origin()).chain(parts));
        for mark in marks.iter_mut().filter(|mark| is_dated(mark)) {
            mark.id = Some(OwnId::OfPayloads(id));
        }
    }
}
