//! Counts the outcomes of documents and payloads in the responses of ingest, and remembers the last refusals.

use std::borrow::Cow;
use std::sync::Mutex;
use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::invoke::{Invoke, InvokeError};
use crate::lock::lock;
use crate::recent::{ByStream, Recent, now_ms};
use crate::window::{Percentiles, Window};

/// The number of rejections of one document that are remembered: one bad document must not hide the others.
const MAX_LISTED: usize = 3;

/// Invokes ingest and counts the outcomes in its output.
#[derive(Debug)]
pub struct Outcomes<I> {
    function: I,
    seen: Mutex<Seen>,
}

/// The counts so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Invocations.
    pub requests: u64,
    /// Payloads that were rejected.
    pub rejected: u64,
    /// Payloads that were withheld.
    pub withheld: u64,
}

/// The number of requests by class of status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Answers {
    /// 2xx.
    pub ok: u64,
    /// 4xx: the request is at fault.
    pub refused: u64,
    /// 5xx, and invocations without a response.
    pub failed: u64,
}

/// Why a payload was rejected, or a whole document was refused. It contains no value that the client sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// When, in milliseconds since 1970.
    pub time: u64,
    /// The stream in the path of the request.
    pub stream: Option<String>,
    /// The id of the request; `None` if the response has none.
    pub request_id: Option<String>,
    /// The status of the response; `None` without a response.
    pub status: Option<u16>,
    /// The position of the payload in its document; `None` if the whole document was refused.
    pub index: Option<u64>,
    /// The stable word for the reason.
    pub reason: String,
    /// What is wrong, and where.
    pub detail: String,
}

#[derive(Debug, Default)]
struct Seen {
    counts: Counts,
    answers: Answers,
    durations: Window,
    by_stream: ByStream<Counts>,
    refusals: Recent<Refusal>,
}

impl<I> Outcomes<I> {
    /// Counts the outcomes of `function`.
    pub fn of(function: I) -> Self {
        Self { function, seen: Mutex::default() }
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        lock(&self.seen).counts
    }

    /// The number of requests by class of status.
    pub fn answers(&self) -> Answers {
        lock(&self.seen).answers
    }

    /// How long ingest took for a request, in the last ten minutes.
    pub fn durations(&self) -> Percentiles {
        lock(&self.seen).durations.percentiles(Instant::now())
    }

    /// The last refusals, the newest first.
    pub fn refusals(&self) -> Vec<Refusal> {
        lock(&self.seen).refusals.list()
    }

    /// Rejected and withheld payloads by stream; `requests` counts only the requests that had some.
    pub(crate) fn by_stream(&self) -> ByStream<Counts> {
        lock(&self.seen).by_stream.clone()
    }

    fn count(&self, event: &[u8], started: Instant, output: Result<&[u8], &InvokeError>) {
        let response = Response::of(output);
        // Only these need the event.
        let stream = if response.is_clean() { None } else { stream_in(event) };
        let refusals = response.refusals(stream.as_deref());
        let (counts, now) = (response.counts(), Instant::now());
        let mut seen = lock(&self.seen);
        seen.durations.record(now, now.duration_since(started));
        seen.counts.add(counts);
        seen.answers.count(response.status);
        if let Some(stream) = stream.filter(|_| counts.rejected + counts.withheld > 0) {
            seen.by_stream.change(&stream, |of_stream| of_stream.add(counts));
        }
        for refusal in refusals {
            seen.refusals.push(refusal);
        }
    }
}

impl<I: Invoke> Invoke for Outcomes<I> {
    async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        let started = Instant::now();
        let output = self.function.invoke(event.clone()).await;
        self.count(&event, started, output.as_deref());
        output
    }
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.rejected += other.rejected;
        self.withheld += other.withheld;
    }
}

impl Answers {
    fn count(&mut self, status: Option<u16>) {
        match status {
            Some(200..=299) => self.ok += 1,
            Some(400..=499) => self.refused += 1,
            _ => self.failed += 1,
        }
    }
}

/// The output of ingest, as far as it is counted.
#[derive(Default)]
struct Response {
    status: Option<u16>,
    body: Body,
}

/// The body of a response. One in the format of a client library has none of these members.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    request_id: Option<String>,
    rejected: u64,
    withheld: u64,
    rejections: Vec<Listed>,
    error: Option<String>,
    detail: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    index: u64,
    reason: String,
    detail: String,
}

impl Response {
    fn of(output: Result<&[u8], &InvokeError>) -> Self {
        match output {
            Ok(output) => Self::read(output).unwrap_or_default(),
            // The description of a failure may quote a value.
            Err(error) => {
                let detail = match error {
                    InvokeError::Failed(_) => "ingest failed; its log says why",
                    InvokeError::TimedOut => "ingest exceeded its timeout",
                    InvokeError::NoEnvironment => "no process of ingest was free in time",
                };
                let body =
                    Body { error: Some("no-answer".to_owned()), detail: Some(detail.to_owned()), ..Body::default() };
                Self { status: None, body }
            }
        }
    }

    fn read(output: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Output<'a> {
            #[serde(rename = "statusCode")]
            status: Option<u16>,
            #[serde(borrow)]
            body: Option<Cow<'a, str>>,
        }
        let Output { status, body } = serde_json::from_slice(output).ok()?;
        let body = body.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default();
        Some(Self { status, body })
    }

    fn counts(&self) -> Counts {
        Counts { requests: 1, rejected: self.body.rejected, withheld: self.body.withheld }
    }

    /// Whether every payload was accepted.
    fn is_clean(&self) -> bool {
        self.status.is_some_and(|status| status < 400) && self.body.rejected + self.body.withheld == 0
    }

    /// The first rejections of the document, or why the whole document was refused.
    fn refusals(&self, stream: Option<&str>) -> Vec<Refusal> {
        let Self { status, body } = self;
        let refusal = |index, reason: &str, detail: &str| Refusal {
            time: now_ms(),
            stream: stream.map(str::to_owned),
            request_id: body.request_id.clone(),
            status: *status,
            index,
            reason: reason.to_owned(),
            detail: detail.to_owned(),
        };
        if !body.rejections.is_empty() {
            let listed = body.rejections.iter().take(MAX_LISTED);
            return listed.map(|Listed { index, reason, detail }| refusal(Some(*index), reason, detail)).collect();
        }
        let whole =
            body.error.as_deref().map(|reason| refusal(None, reason, body.detail.as_deref().unwrap_or_default()));
        whole.into_iter().collect()
    }
}

/// The stream in the path of a request.
fn stream_in(event: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Event<'a> {
        #[serde(borrow)]
        path_parameters: Option<Parameters<'a>>,
    }
    #[derive(Deserialize)]
    struct Parameters<'a> {
        #[serde(borrow)]
        proxy: Cow<'a, str>,
    }
    let event: Event<'_> = serde_json::from_slice(event).ok()?;
    Some(event.path_parameters?.proxy.split('/').next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns every event's member `output` as output.
    struct Echo;

    impl Invoke for Echo {
        async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
            let event: serde_json::Value = serde_json::from_slice(&event).map_err(|_| InvokeError::TimedOut)?;
            Ok(event["output"].to_string().into())
        }
    }

    fn event(status: u16, body: &str) -> Bytes {
        let output = serde_json::json!({"statusCode": status, "body": body});
        serde_json::json!({"pathParameters": {"proxy": "clicks/batch"}, "output": output}).to_string().into()
    }

    #[tokio::test]
    async fn outcomes_are_counted_and_output_is_passed_on() {
        let outcomes = Outcomes::of(Echo);
        let some = event(200, r#"{"accepted":4,"withheld":2,"rejected":3}"#);
        for event in [some.clone(), some, event(401, r#"{"status":401}"#), event(200, "ok")] {
            assert!(outcomes.invoke(event).await.unwrap().starts_with(b"{\"body\""));
        }
        assert_eq!(outcomes.invoke(Bytes::new()).await, Err(InvokeError::TimedOut));
        assert_eq!(outcomes.counts(), Counts { requests: 5, rejected: 6, withheld: 4 });
        assert_eq!(outcomes.answers(), Answers { ok: 3, refused: 1, failed: 1 });
        assert_eq!(outcomes.durations().count, 5);
        let by_stream = outcomes.by_stream();
        assert_eq!(
            by_stream.iter().collect::<Vec<_>>(),
            [("clicks", &Counts { requests: 2, rejected: 6, withheld: 4 })]
        );
    }

    #[tokio::test]
    async fn the_last_refusals_are_remembered_with_place_and_reason() {
        let outcomes = Outcomes::of(Echo);
        let rejections: Vec<_> =
            (0..50).map(|index| format!(r#"{{"index":{index},"reason":"schema","detail":"/a"}}"#)).collect();
        let body = format!(r#"{{"request_id":"r","rejected":50,"rejections":[{}]}}"#, rejections.join(","));
        for event in [event(200, &body), event(415, r#"{"error":"unsupported","detail":"send JSON"}"#), Bytes::new()] {
            let _ = outcomes.invoke(event).await;
        }
        let refusals = outcomes.refusals();
        let reasons: Vec<_> =
            refusals.iter().map(|refusal| (refusal.reason.as_str(), refusal.index, refusal.status)).collect();
        let listed = |index| ("schema", Some(index), Some(200));
        let whole = [("no-answer", None, None), ("unsupported", None, Some(415))];
        assert_eq!(reasons, [whole.as_slice(), &[listed(2), listed(1), listed(0)]].concat());
        assert_eq!((refusals[1].stream.as_deref(), refusals[2].request_id.as_deref()), (Some("clicks"), Some("r")));
    }
}
