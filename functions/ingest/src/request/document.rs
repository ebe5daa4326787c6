//! The way of one document: check its context ► judge its payloads ► derive its id ► make its records.

use std::borrow::Cow;
use std::time::SystemTime;

use lambda_http::RequestExt as _;
use lambda_http::http::HeaderValue;
use lambda_http::http::header::USER_AGENT;
use lambda_http::http::request::Parts as RequestParts;
use spillway_shared::hour::Hour;
use spillway_shared::message::Kind;
use spillway_shared::pool::{Budget, Reservation};
use spillway_shared::stream::StreamName;
use uuid::Uuid;

use super::judging::{Judging, StoredPayload};
use super::opt_out;
use super::stamping::{Lines, Templates, stamp_all};
use crate::auth::Sender;
use crate::body::Form;
use crate::config::Intake;
use crate::error::RequestError;
use crate::judge::{Facts, Stream};
use crate::origin;
use crate::pack::Partition;
use crate::payloads::Refused;
use crate::preset::Preset;
use crate::preset::items::{Items, Origins};
use crate::record::{Client, Finding, MARK_BYTES, Shared, Template, derived_request_id, fresh_request_id, source};
use crate::rejection::Rejection;
use crate::response::Outcomes;

const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;

/// A document as it was received: its request, its form, its sender and its stream.
pub(super) struct ReceivedDocument<'a> {
    pub(super) name: &'a StreamName,
    pub(super) stream: &'a Stream,
    pub(super) sender: Sender<'a>,
    pub(super) parts: &'a RequestParts,
    pub(super) form: Form,
    /// How the client posted, if not in the native form.
    pub(super) preset: Option<&'a Preset>,
    /// The number of lone surrogates that were repaired.
    pub(super) repaired: usize,
    pub(super) received_at: SystemTime,
}

/// The records of a document, and the outcomes of its payloads.
pub(super) struct Stamped {
    pub(super) request_id: Uuid,
    /// The records of each partition, as NDJSON; none is empty.
    pub(super) pieces: Vec<(Partition, String)>,
    pub(super) outcomes: Outcomes,
    /// The records' share of the budget.
    pub(super) held: [Reservation; 2],
}

impl ReceivedDocument<'_> {
    /// Judges every payload and makes records of those that are stored.
    pub(super) async fn stamp(
        &self,
        Items { payloads, origins }: Items<'_>,
        intake: &Intake,
        budget: &Budget,
    ) -> Result<Stamped, RequestError> {
        let idempotency_key = self.idempotency_key()?;
        for context in &origins.contexts {
            self.stream.judge.check_context(context.as_deref()).map_err(|error| unreadable_context(&error))?;
        }
        let facts = Facts { opted_out: opt_out::is_stated(&self.parts.headers) };
        let mut templates = self.templates(origins, facts, intake);
        let bytes = self.bytes_of_records(&payloads, &templates, intake)?;
        let held = budget.try_reserve(bytes).ok_or(RequestError::Busy)?;

        let kept = self.stream.judge.keep.then_some(0);
        let mut outcomes = Outcomes { repaired: self.repaired, kept, ..Outcomes::default() };
        let to_judge = payloads.iter().flatten().map(|payload| payload.len()).sum();
        let stored = Judging::new(&self.stream.judge, facts, &mut outcomes, to_judge)
            .by(self.preset, &templates.origins)
            .judge_all(payloads)
            .await;
        let details = budget.try_reserve(bytes_of_details(&stored)).ok_or(RequestError::Busy)?;
        let request_id = self.request_id(idempotency_key, &templates.origins, &stored);
        templates.each.iter_mut().for_each(|template| template.identify(request_id));
        let marks = self.marks(idempotency_key.is_some(), &stored, &templates.origins).await;
        let lines = stamp_all(&templates, stored, &marks, bytes, intake.message_bytes, &mut outcomes).await;
        Ok(Stamped { request_id, pieces: self.pieces(lines), outcomes, held: [held, details] })
    }

    fn pieces(&self, Lines { accepted, kept }: Lines) -> Vec<(Partition, String)> {
        let hour = Hour::of(self.received_at);
        let pieces = [(Kind::Accepted, accepted), (Kind::Rejected, kept)].into_iter();
        let pieces = pieces.filter(|(_, lines)| !lines.is_empty());
        pieces.map(|(kind, lines)| (Partition { kind, stream: self.name.clone(), hour }, lines)).collect()
    }

    fn idempotency_key(&self) -> Result<Option<&[u8]>, RequestError> {
        let key = self.parts.headers.get("idempotency-key").map(HeaderValue::as_bytes).unwrap_or_default();
        match key.len() {
            0 => Ok(None),
            1..=MAX_IDEMPOTENCY_KEY_BYTES => Ok(Some(key)),
            _ => Err(RequestError::Unreadable(format!(
                "Idempotency-Key has more than {MAX_IDEMPOTENCY_KEY_BYTES} bytes"
            ))),
        }
    }

    /// A retry of the same payloads with the same idempotency key has the same request id.
    fn request_id(&self, key: Option<&[u8]>, origins: &Origins, stored: &[StoredPayload<'_>]) -> Uuid {
        let Some(key) = key else { return fresh_request_id() };
        let payloads = stored.iter().flat_map(|stored| [kind_name(stored.kind()), stored.payload.as_bytes()]);
        let contexts = origins.contexts.iter().map(|context| context.as_deref().unwrap_or_default().as_bytes());
        derived_request_id(self.origin().into_iter().chain([key]).chain(contexts).chain(payloads))
    }

    /// Where the document comes from, in digests: the key's name, the stream, and the preset or the form.
    pub(super) fn origin(&self) -> [&[u8]; 3] {
        let form = self.preset.map_or(self.form.name(), |preset| preset.name.as_str());
        [self.sender.name(), self.name.as_str(), form].map(str::as_bytes)
    }

    /// Templates whose request id is still to come.
    fn templates(&self, origins: Origins, facts: Facts, intake: &Intake) -> Templates {
        let judge = &self.stream.judge;
        let source = source(self.stream.stamp, &self.client(intake), facts.opted_out && !judge.honour_gpc);
        let template = |context: &Option<String>| {
            let (schema, source, context) = (judge.schema_digest(), source.as_deref(), context.as_deref());
            Template::new(Uuid::nil(), self.name, self.received_at, &Shared { schema, source, context })
        };
        Templates { each: origins.contexts.iter().map(template).collect(), origins }
    }

    /// The most bytes of the records of a document.
    fn bytes_of_records(
        &self,
        payloads: &[Result<&str, Refused<'_>>],
        templates: &Templates,
        intake: &Intake,
    ) -> Result<usize, RequestError> {
        let texts: usize = payloads.iter().map(text_bytes).sum();
        let overhead: usize = match templates.only() {
            Some(template) => payloads.len() * template.overhead(),
            None => (0..payloads.len()).map(|index| templates.of(index).overhead()).sum(),
        };
        let marks = if self.is_marked() { payloads.len() * MARK_BYTES } else { 0 };
        let bytes = texts + overhead + marks;
        if bytes <= 2 * intake.body_bytes {
            return Ok(bytes);
        }
        Err(RequestError::TooLarge(format!(
            "the document and the metadata added to its payloads have more than {} bytes",
            2 * intake.body_bytes
        )))
    }

    fn client(&self, intake: &Intake) -> Client {
        Client {
            ip: origin::client_ip(&intake.origin, &self.parts.headers, self.parts.request_context_ref()),
            user_agent: self.header(USER_AGENT.as_str()).map(Cow::into_owned),
            country: intake.country_header.as_ref().and_then(|name| self.header(name.as_str())).map(Cow::into_owned),
        }
    }

    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
    }
}

fn text_bytes(payload: &Result<&str, Refused<'_>>) -> usize {
    match payload {
        Ok(text) => text.len(),
        Err(refused) => refused.text.map_or(0, str::len),
    }
}

fn bytes_of_details(stored: &[StoredPayload<'_>]) -> usize {
    stored.iter().filter_map(|stored| stored.finding.as_ref()).map(Finding::bytes).sum()
}

/// Separates a kept payload from an equal one that is accepted, in the digest of a request id.
pub(super) fn kind_name(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::Accepted => b"",
        Kind::Rejected => b"rejected",
    }
}

fn unreadable_context(rejection: &Rejection) -> RequestError {
    RequestError::Unreadable(format!("the context, the members next to `payloads`: {}", rejection.detail))
}
