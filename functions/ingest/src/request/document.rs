//! Judges every payload of a document and makes records of the accepted ones.

use std::borrow::Cow;
use std::time::SystemTime;

use lambda_http::RequestExt as _;
use lambda_http::http::HeaderValue;
use lambda_http::http::header::USER_AGENT;
use lambda_http::http::request::Parts as RequestParts;
use lambda_http::request::RequestContext;
use spillway_shared::hour::Hour;
use spillway_shared::message::MAX_RECORD_BYTES;
use spillway_shared::pool::{Budget, Reservation};
use spillway_shared::stream::StreamName;
use uuid::Uuid;

use crate::auth::Sender;
use crate::config::Intake;
use crate::error::RequestError;
use crate::judge::{Facts, Stream, Verdict};
use crate::pack::{Partition, fits};
use crate::payloads::SplitDocument;
use crate::record::{Client, Template, derived_request_id, fresh_request_id, source};
use crate::rejection::{Reason, Rejection};
use crate::response::Outcomes;

const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;
/// A large document yields to other requests after this many bytes, about a millisecond of work. With a smaller step,
/// many concurrent requests could delay the document for seconds.
const BYTES_BETWEEN_YIELDS: usize = 256 << 10;

/// A document as it was received: its body, its request, its sender and its stream.
pub(super) struct ReceivedDocument<'a> {
    pub(super) name: &'a StreamName,
    pub(super) stream: &'a Stream,
    pub(super) sender: Sender<'a>,
    pub(super) parts: &'a RequestParts,
    pub(super) body: &'a [u8],
    pub(super) received_at: SystemTime,
}

/// The records of a document, and the outcomes of its payloads.
pub(super) struct Stamped {
    pub(super) request_id: Uuid,
    pub(super) partition: Partition,
    pub(super) lines: String,
    pub(super) outcomes: Outcomes,
    /// The records' share of the budget.
    _held: Reservation,
}

impl ReceivedDocument<'_> {
    /// Judges every payload and stamps the accepted ones.
    pub(super) async fn stamp(
        &self,
        split: SplitDocument<'_>,
        intake: &Intake,
        budget: &Budget,
    ) -> Result<Stamped, RequestError> {
        let request_id = self.request_id()?;
        let template = self.template(request_id, split.context.as_deref(), intake);
        let bytes = split.payloads.iter().flatten().map(|payload| payload.len() + template.overhead()).sum();
        if bytes > 2 * intake.body_bytes {
            return Err(RequestError::TooLarge(format!(
                "the document and the metadata added to its payloads have more than {} bytes",
                2 * intake.body_bytes
            )));
        }
        let held = budget.try_reserve(bytes).ok_or(RequestError::Busy)?;
        let mut stamping = Stamping { template, lines: String::with_capacity(bytes), outcomes: Outcomes::default() };
        self.stamp_all(&mut stamping, split, intake.message_bytes).await;
        let Stamping { lines, outcomes, .. } = stamping;
        let partition = Partition { stream: self.name.clone(), hour: Hour::of(self.received_at) };
        Ok(Stamped { request_id, partition, lines, outcomes, _held: held })
    }

    async fn stamp_all(&self, stamping: &mut Stamping, split: SplitDocument<'_>, message_bytes: usize) {
        let facts = Facts { opted_out: self.opted_out() };
        let mut bytes = 0;
        for (index, payload) in split.payloads.into_iter().enumerate() {
            bytes += payload.as_ref().map_or(0, |payload| payload.len());
            if bytes > BYTES_BETWEEN_YIELDS {
                tokio::task::yield_now().await;
                bytes = 0;
            }
            let payload = payload.and_then(not_too_large);
            match payload.map(|payload| (payload, self.judge(facts, payload, &stamping.outcomes))) {
                Ok((payload, Verdict::Accept)) => stamping.accept(index, payload, message_bytes),
                Ok((_, Verdict::Withhold)) => stamping.outcomes.withheld += 1,
                Ok((_, Verdict::Reject(rejection))) | Err(rejection) => stamping.outcomes.reject(index, rejection),
            }
        }
    }

    /// Only rejections that the response lists are explained.
    fn judge(&self, facts: Facts, payload: &str, outcomes: &Outcomes) -> Verdict {
        let judge = &self.stream.judge;
        if outcomes.lists_more() {
            judge.judge(&facts, payload.as_bytes())
        } else {
            judge.judge_unexplained(&facts, payload.as_bytes())
        }
    }

    /// A retry of the same document with the same idempotency key has the same request id.
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

    /// Whether the request has Global Privacy Control, or its predecessor Do Not Track.
    fn opted_out(&self) -> bool {
        ["sec-gpc", "dnt"].iter().any(|name| self.header(name).is_some_and(|value| value.trim() == "1"))
    }

    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
    }
}

/// The records and outcomes so far.
struct Stamping {
    template: Template,
    lines: String,
    outcomes: Outcomes,
}

impl Stamping {
    fn accept(&mut self, index: usize, payload: &str, message_bytes: usize) {
        let start = self.lines.len();
        let appended = self.template.append(&mut self.lines, index, payload);
        if appended && fits(&self.lines[start..], message_bytes) {
            self.outcomes.accepted += 1;
        } else {
            self.lines.truncate(start);
            self.outcomes.reject(index, too_large());
        }
    }
}

/// A payload larger than any record is not judged: parsed, it could take a hundred times its bytes.
fn not_too_large(payload: &str) -> Result<&str, Rejection> {
    if payload.len() > MAX_RECORD_BYTES { Err(too_large()) } else { Ok(payload) }
}

fn too_large() -> Rejection {
    Rejection::new(Reason::TooLarge, "the record does not fit into a message")
}
