//! One document: each payload is judged, and stamped if it is taken.

use std::borrow::Cow;
use std::time::SystemTime;

use lambda_http::RequestExt as _;
use lambda_http::http::HeaderValue;
use lambda_http::http::header::USER_AGENT;
use lambda_http::http::request::Parts;
use lambda_http::request::RequestContext;
use spillway_shared::hour::Hour;
use spillway_shared::message::MAX_RECORD_BYTES;
use spillway_shared::pool::{Budget, Reservation};
use spillway_shared::stream::StreamName;
use uuid::Uuid;

use crate::answer::{Fates, MAX_LISTED};
use crate::auth::Sender;
use crate::config::Intake;
use crate::error::RequestError;
use crate::judge::{Explanations, Facts, Stream, Verdict};
use crate::pack::{Partition, fits};
use crate::payloads::Document as Split;
use crate::record::{Client, Template, derived_request_id, fresh_request_id, source};
use crate::rejection::{Reason, Rejection};

const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;
/// A document of thousands lets its neighbours in after so many bytes, about a millisecond's work: less would let a crowd of
/// neighbours, each with work of its own, hold up the document for seconds.
const BYTES_BETWEEN_YIELDS: usize = 256 << 10;

/// A document on its way, and what is known of it.
pub(super) struct Document<'a> {
    pub(super) name: &'a StreamName,
    pub(super) stream: &'a Stream,
    pub(super) sender: Sender<'a>,
    pub(super) parts: &'a Parts,
    pub(super) body: &'a [u8],
    pub(super) received_at: SystemTime,
}

/// The records of a document, and what became of its payloads.
pub(super) struct Stamped {
    pub(super) request_id: Uuid,
    pub(super) partition: Partition,
    pub(super) lines: String,
    pub(super) fates: Fates,
    /// Held as long as the records are.
    _held: Reservation,
}

impl Document<'_> {
    /// Judges every payload and stamps those that are taken.
    pub(super) async fn stamp(
        &self,
        split: Split<'_>,
        intake: &Intake,
        budget: &Budget,
    ) -> Result<Stamped, RequestError> {
        let request_id = self.request_id()?;
        let template = self.template(request_id, split.context.as_deref(), intake);
        let bytes = split.payloads.iter().flatten().map(|payload| payload.len() + template.overhead()).sum();
        if bytes > 2 * intake.body_bytes {
            return Err(RequestError::TooLarge(format!(
                "with what is stamped on its payloads the document has more than {} bytes",
                2 * intake.body_bytes
            )));
        }
        let held = budget.try_reserve(bytes).ok_or(RequestError::Busy)?;
        let mut stamping = Stamping { template, lines: String::with_capacity(bytes), fates: Fates::default() };
        self.stamp_all(&mut stamping, split, intake.message_bytes).await;
        let Stamping { lines, fates, .. } = stamping;
        let partition = Partition { stream: self.name.clone(), hour: Hour::of(self.received_at) };
        Ok(Stamped { request_id, partition, lines, fates, _held: held })
    }

    async fn stamp_all(&self, stamping: &mut Stamping, split: Split<'_>, message_bytes: usize) {
        let facts = Facts { opted_out: self.opted_out() };
        let mut explanations = Explanations::of(MAX_LISTED);
        let mut bytes = 0;
        for (index, payload) in split.payloads.into_iter().enumerate() {
            bytes += payload.as_ref().map_or(0, |payload| payload.len());
            if bytes > BYTES_BETWEEN_YIELDS {
                tokio::task::yield_now().await;
                bytes = 0;
            }
            let payload = payload.and_then(not_too_large);
            let judged = payload.map(|payload| {
                let judge = &self.stream.judge;
                (payload, judge.judge_within(&facts, payload.as_bytes(), &mut explanations))
            });
            match judged {
                Ok((payload, Verdict::Accept)) => stamping.accept(index, payload, message_bytes),
                Ok((_, Verdict::Withhold)) => stamping.fates.withheld += 1,
                Ok((_, Verdict::Reject(rejection))) | Err(rejection) => stamping.fates.reject(index, rejection),
            }
        }
    }

    /// The same for a retry of the same document with the same idempotency key.
    fn request_id(&self) -> Result<Uuid, RequestError> {
        let key = self.parts.headers.get("idempotency-key").map(HeaderValue::as_bytes).unwrap_or_default();
        match key.len() {
            0 => Ok(fresh_request_id()),
            1..=MAX_IDEMPOTENCY_KEY_BYTES => Ok(derived_request_id(self.sender.name(), self.name, key, self.body)),
            _ => Err(RequestError::Unreadable(format!(
                "Idempotency-Key has more than {MAX_IDEMPOTENCY_KEY_BYTES} bytes"
            ))),
        }
    }

    fn template(&self, request_id: Uuid, context: Option<&str>, intake: &Intake) -> Template {
        let source = source(self.stream.stamp, &self.client(intake));
        Template::new(request_id, self.name, self.received_at, source.as_deref(), context)
    }

    fn client(&self, intake: &Intake) -> Client {
        let ip = match self.parts.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
            _ => None,
        };
        Client {
            ip: ip.and_then(|ip| ip.parse().ok()),
            user_agent: self.header(USER_AGENT.as_str()).map(Cow::into_owned),
            country: intake.country_header.as_ref().and_then(|name| self.header(name.as_str())).map(Cow::into_owned),
        }
    }

    /// Global Privacy Control, and Do Not Track before it.
    fn opted_out(&self) -> bool {
        ["sec-gpc", "dnt"].iter().any(|name| self.header(name).is_some_and(|value| value.trim() == "1"))
    }

    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
    }
}

/// Records as they grow.
struct Stamping {
    template: Template,
    lines: String,
    fates: Fates,
}

impl Stamping {
    fn accept(&mut self, index: usize, payload: &str, message_bytes: usize) {
        let start = self.lines.len();
        let appended = self.template.append(&mut self.lines, index, payload);
        if appended && fits(&self.lines[start..], message_bytes) {
            self.fates.accepted += 1;
        } else {
            self.lines.truncate(start);
            self.fates.reject(index, too_large());
        }
    }
}

/// What is larger than any record is not even judged: read into a tree it would take a hundred times its bytes.
fn not_too_large(payload: &str) -> Result<&str, Rejection> {
    if payload.len() > MAX_RECORD_BYTES { Err(too_large()) } else { Ok(payload) }
}

fn too_large() -> Rejection {
    Rejection::new(Reason::TooLarge, "the record does not fit into a message")
}
