//! Judges every payload of a document and makes records of the accepted ones.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use lambda_http::RequestExt as _;
use lambda_http::http::HeaderValue;
use lambda_http::http::header::USER_AGENT;
use lambda_http::http::request::Parts as RequestParts;
use lambda_http::request::RequestContext;
use spillway_shared::hour::Hour;
use spillway_shared::message::MAX_RECORD_BYTES;
use spillway_shared::pool::{self, Reservation};
use spillway_shared::stream::StreamName;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::opt_out;
use crate::auth::Sender;
use crate::body::Form;
use crate::config::Intake;
use crate::error::RequestError;
use crate::judge::{Budget, Facts, LEAST_PAYLOAD_BYTES, Stream, Verdict};
use crate::pack::{Partition, fits};
use crate::payloads::SplitDocument;
use crate::record::{Client, Shared, Template, derived_request_id, fresh_request_id, source};
use crate::rejection::{Reason, Rejection};
use crate::response::Outcomes;

const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;
/// A large document yields to other requests after this many bytes, about a millisecond of work. With a smaller step,
/// many concurrent requests could delay the document for seconds.
const BYTES_BETWEEN_YIELDS: usize = 256 << 10;
/// A step of judging takes about as long as splitting and copying this many bytes.
const BYTES_PER_STEP: usize = 4;
/// Judging one payload cannot yield, and a large one may take some hundred milliseconds. Large payloads of concurrent
/// requests are therefore judged one at a time: other requests wait for one of them, and not for all.
static LARGE: Semaphore = Semaphore::const_new(1);
/// After a costly judgement the thread is idle for a moment. A thread that only yields would seldom look for new
/// requests while other judgements are waiting.
const PAUSE: Duration = Duration::from_millis(1);

/// A document as it was received: its request, its form, its sender and its stream.
pub(super) struct ReceivedDocument<'a> {
    pub(super) name: &'a StreamName,
    pub(super) stream: &'a Stream,
    pub(super) sender: Sender<'a>,
    pub(super) parts: &'a RequestParts,
    pub(super) form: Form,
    /// The number of lone surrogates that were repaired.
    pub(super) repaired: usize,
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
        budget: &pool::Budget,
    ) -> Result<Stamped, RequestError> {
        let idempotency_key = self.idempotency_key()?;
        self.stream.judge.check_context(split.context.as_deref()).map_err(|error| unreadable_context(&error))?;
        let facts = Facts { opted_out: opt_out::is_stated(&self.parts.headers) };
        let mut template = self.template(split.context.as_deref(), facts, intake);
        let bytes = bytes_of_records(&split, &template, intake)?;
        let held = budget.try_reserve(bytes).ok_or(RequestError::Busy)?;

        let mut outcomes = Outcomes { repaired: self.repaired, ..Outcomes::default() };
        let accepted = self.judge_all(split.payloads, facts, &mut outcomes).await;
        let request_id = self.request_id(idempotency_key, split.context.as_deref(), &accepted);
        template.identify(request_id);
        let lines =
            stamp_all(&template, accepted, String::with_capacity(bytes), intake.message_bytes, &mut outcomes).await;
        let partition = Partition { stream: self.name.clone(), hour: Hour::of(self.received_at) };
        Ok(Stamped { request_id, partition, lines, outcomes, _held: held })
    }

    /// The payloads that passed, with their positions in the document.
    async fn judge_all<'a>(
        &self,
        payloads: Vec<Result<&'a str, Rejection>>,
        facts: Facts,
        outcomes: &mut Outcomes,
    ) -> Vec<(usize, &'a str)> {
        let (mut accepted, mut pace) = (Vec::with_capacity(payloads.len()), Pace::default());
        let mut budget = Budget::of(payloads.iter().flatten().map(|payload| payload.len()).sum());
        for (index, payload) in payloads.into_iter().enumerate() {
            pace.work(payload.as_ref().map_or(0, |payload| payload.len())).await;
            let judged = match payload.and_then(not_too_large) {
                Ok(payload) => Ok((payload, self.judge(facts, payload, &mut budget, &mut pace, outcomes).await)),
                Err(rejection) => Err(rejection),
            };
            match judged {
                Ok((payload, Verdict::Accept)) => accepted.push((index, payload)),
                Ok((_, Verdict::Withhold)) => outcomes.withheld += 1,
                Ok((_, Verdict::Reject(rejection))) | Err(rejection) => outcomes.reject(index, rejection),
            }
        }
        accepted
    }

    /// Only rejections that the response lists are explained.
    async fn judge(
        &self,
        facts: Facts,
        payload: &str,
        budget: &mut Budget,
        pace: &mut Pace,
        outcomes: &Outcomes,
    ) -> Verdict {
        let is_large = payload.len() > LEAST_PAYLOAD_BYTES;
        let _alone = if is_large { LARGE.acquire().await.ok() } else { None };
        let before = budget.taken();
        let verdict = self.stream.judge.judge_within(&facts, payload.as_bytes(), budget, outcomes.lists_more());
        let bytes = (budget.taken() - before).saturating_mul(BYTES_PER_STEP);
        if bytes > BYTES_BETWEEN_YIELDS {
            tokio::time::sleep(PAUSE).await;
        } else {
            pace.work(bytes).await;
        }
        verdict
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
    fn request_id(&self, key: Option<&[u8]>, context: Option<&str>, accepted: &[(usize, &str)]) -> Uuid {
        let Some(key) = key else { return fresh_request_id() };
        let request = [self.sender.name(), self.name.as_str(), self.form.name()].map(str::as_bytes);
        let payloads = accepted.iter().map(|(_, payload)| payload.as_bytes());
        let context = context.unwrap_or_default().as_bytes();
        derived_request_id(request.into_iter().chain([key, context]).chain(payloads))
    }

    /// A template whose request id is still to come.
    fn template(&self, context: Option<&str>, facts: Facts, intake: &Intake) -> Template {
        let judge = &self.stream.judge;
        let source = source(self.stream.stamp, &self.client(intake), facts.opted_out && !judge.honour_gpc);
        let shared = Shared { schema: judge.schema_digest(), source: source.as_deref(), context };
        Template::new(Uuid::nil(), self.name, self.received_at, &shared)
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

    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
    }
}

/// Makes the records of the accepted payloads, numbered from 0. A record that fits into no message is rejected.
async fn stamp_all(
    template: &Template,
    accepted: Vec<(usize, &str)>,
    mut lines: String,
    message_bytes: usize,
    outcomes: &mut Outcomes,
) -> String {
    let mut pace = Pace::default();
    for (index, payload) in accepted {
        pace.work(payload.len()).await;
        let start = lines.len();
        if template.append(&mut lines, outcomes.accepted, payload) && fits(&lines[start..], message_bytes) {
            outcomes.accepted += 1;
        } else {
            lines.truncate(start);
            outcomes.reject(index, too_large());
        }
    }
    lines
}

/// Yields to other requests from time to time.
#[derive(Default)]
struct Pace {
    bytes: usize,
}

impl Pace {
    async fn work(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes > BYTES_BETWEEN_YIELDS {
            tokio::task::yield_now().await;
            self.bytes = 0;
        }
    }
}

/// The most bytes of the records of a document.
fn bytes_of_records(split: &SplitDocument<'_>, template: &Template, intake: &Intake) -> Result<usize, RequestError> {
    let bytes = split.payloads.iter().flatten().map(|payload| payload.len() + template.overhead()).sum();
    if bytes <= 2 * intake.body_bytes {
        return Ok(bytes);
    }
    Err(RequestError::TooLarge(format!(
        "the document and the metadata added to its payloads have more than {} bytes",
        2 * intake.body_bytes
    )))
}

fn unreadable_context(rejection: &Rejection) -> RequestError {
    RequestError::Unreadable(format!("the context, the members next to `payloads`: {}", rejection.detail))
}

/// A payload larger than any record is not judged: parsed, it could take a hundred times its bytes.
fn not_too_large(payload: &str) -> Result<&str, Rejection> {
    if payload.len() > MAX_RECORD_BYTES { Err(too_large()) } else { Ok(payload) }
}

fn too_large() -> Rejection {
    Rejection::new(Reason::TooLarge, "the record does not fit into a message")
}
