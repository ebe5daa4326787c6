mod kept;

use std::sync::{Arc, Mutex};

use lambda_http::http::Method;
use serde_json::{Value, json};
use spillway_shared::message::{Kind, open};
use spillway_shared::metrics::emf::Sink;
use spillway_shared::pool::Pool;
use spillway_shared::retry::Attempts;

use super::*;
use crate::config::tests::config;
use crate::group_commit::{CallFailed, Cause, Limits, Outgoing, Receipt};

mod costly;
mod origin;

/// A queue that keeps its messages in memory, or fails.
#[derive(Clone, Default)]
struct Memory {
    messages: Arc<Mutex<Vec<String>>>,
    broken: Option<Cause>,
}

impl SendMessages for Memory {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Receipt>, CallFailed> {
        if let Some(cause) = self.broken {
            return Err(CallFailed { reason: "down".to_owned(), cause });
        }
        let receipts = vec![Receipt::Durable; messages.len()];
        self.messages.lock().unwrap().extend(messages.into_iter().map(|message| message.body));
        Ok(receipts)
    }
}

impl Memory {
    fn records(&self) -> Vec<Value> {
        let messages = self.messages.lock().unwrap();
        let records = |body: &String| String::from_utf8(open(body).unwrap().records().unwrap().into_owned()).unwrap();
        messages.iter().map(records).flat_map(|lines| lines.lines().map(parsed).collect::<Vec<_>>()).collect()
    }

    /// The kind of each message.
    fn kinds(&self) -> Vec<Kind> {
        self.messages.lock().unwrap().iter().map(|body| open(body).unwrap().header.kind).collect()
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

const STREAMS: [(&str, &str); 10] = [
    ("clicks", "{}"),
    ("devices", r#"{"stamp":{"client_ip":"truncated","user_agent":true,"country":true}}"#),
    ("events", r#"{"schema":{"required":["event"]}}"#),
    ("consented", r#"{"consent":{"pointer":"/ok","granted":[true]}}"#),
    ("private", r#"{"consent":{"honour_gpc":true}}"#),
    ("kept", r#"{"schema":{"required":["event"]},"rejected":"keep"}"#),
    (
        "kept-if-consented",
        r#"{"schema":{"required":["event"]},"rejected":"keep","consent":{"pointer":"/ok","granted":[true]}}"#,
    ),
    ("tried", r#"{"schema":{"required":["event"]},"enforce":"warn"}"#),
    (
        "tags",
        r#"{"schema":{"properties":{"tags":{"uniqueItems":true,"items":{"not":{"type":"string","pattern":"1.{500}2"}}}}}}"#,
    ),
    ("library", r#"{"accept":["segment"]}"#),
];

fn ingest(queue: &Memory, more: &[(&str, &str)]) -> Ingest<Memory> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("streams")).unwrap();
    for (name, text) in STREAMS {
        std::fs::write(folder.path().join("streams").join(name).with_extension("json"), text).unwrap();
    }
    let config = config(folder.path(), more).unwrap();
    let limits = Limits { attempts: Attempts { timeout: Duration::from_millis(100), count: 1 }, ..config.limits };
    Ingest {
        intake: config.intake,
        budget: Budget::new(config.inflight_bytes),
        group_commit: GroupCommit::new(queue.clone(), Pool::new(2), limits),
        metrics: Metrics::new(Sink::none()),
    }
}

/// One request to a new ingest.
struct Exchange {
    request: Request,
    variables: Vec<(&'static str, &'static str)>,
    broken: Option<Cause>,
}

fn post(stream: &str, body: impl Into<Body>) -> Exchange {
    at("POST", &format!("/v1/streams/{stream}"), body).header("x-write-key", "key")
}

fn at(method: &str, path: &str, body: impl Into<Body>) -> Exchange {
    let mut request = Request::new(body.into()).with_raw_http_path(path);
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    Exchange { request, variables: Vec::new(), broken: None }
}

impl Exchange {
    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers_mut().append(name, value.parse().unwrap());
        self
    }

    fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    async fn run(self) -> (u16, Value, Response<Body>, Vec<Value>) {
        let queue = Memory { broken: self.broken, ..Memory::default() };
        let response = ingest(&queue, &self.variables).handle(self.request).await;
        let Body::Text(text) = response.body() else { panic!("answers are text") };
        (response.status().as_u16(), parsed(text), response.clone(), queue.records())
    }

    async fn status(self) -> u16 {
        let (status, problem, response, _) = self.run().await;
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(problem["status"], status);
        assert!(problem["type"].as_str().unwrap().starts_with("urn:spillway:problem:"));
        status
    }
}

#[tokio::test]
async fn accepted_payloads_are_enqueued_and_counted() {
    let body = r#"{"payloads":[{"a":1},3,{"a":1.0}],"app":"x"}"#;
    let (status, answer, _, records) = post("clicks", body).run().await;
    let id = answer["request_id"].as_str().unwrap().to_owned();
    assert_eq!(status, 200);
    assert_eq!(
        answer,
        json!({"request_id": id, "accepted": 2, "withheld": 0, "rejected": 1, "rejections": [
            {"index": 1, "reason": "not_an_object", "detail": "expected an object, found a number"}]})
    );
    assert_eq!(records.len(), 2);
    assert_eq!(records[1]["id"], format!("{id}-1"), "ids count stored payloads");
    assert_eq!((&records[1]["stream"], &records[1]["context"]), (&json!("clicks"), &json!({"app": "x"})));
    assert!(records[1].get("source").is_none());
}

#[tokio::test]
async fn a_record_has_the_metadata_that_its_stream_names() {
    let exchange = post("devices", "{}").header("user-agent", "probe/1").header("x-country", "DE");
    let (_, _, _, records) = exchange.run().await;
    assert_eq!(records[0]["source"], json!({"user_agent": "probe/1", "country": "DE"}));
}

#[tokio::test]
async fn an_empty_collection_is_accepted_without_a_call() {
    for body in ["[]", r#"{"payloads":[]}"#] {
        let (status, answer, _, records) = post("clicks", body).run().await;
        assert_eq!((status, &answer["accepted"], records.len()), (200, &json!(0), 0));
    }
}

#[tokio::test]
async fn a_document_with_only_rejected_payloads_is_400_with_the_reasons() {
    let (status, problem, _, records) = post("clicks", "[1,null]").run().await;
    assert_eq!((status, records.len()), (400, 0));
    assert_eq!(problem["type"], "urn:spillway:problem:all-rejected");
    assert_eq!((&problem["rejected"], &problem["rejections"][1]["index"]), (&json!(2), &json!(1)));
    let (status, problem, _, _) = post("clicks", format!("[{}0]", "0,".repeat(149))).run().await;
    assert_eq!((status, problem["rejections"].as_array().unwrap().len()), (400, 100));
}

#[tokio::test]
async fn ndjson_sent_as_json_is_400_and_names_its_content_type() {
    for (body, hinted) in [
        ("{\"a\":1}\n{\"a\":2}\n", true),
        ("\u{feff}{\"a\":1}\r\n{\"a\":", true),
        ("{\"a\":1}\nnonsense", false),
        ("[{}]\n[{}]", false),
        ("{\"a\":", false),
    ] {
        let (status, problem, ..) = post("clicks", body).header("content-type", "application/json").run().await;
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!((status, detail.contains("application/x-ndjson")), (400, hinted), "{body} {detail}");
    }
}

#[tokio::test]
async fn every_error_has_its_status() {
    assert_eq!(post("clicks", "nonsense").status().await, 400);
    assert_eq!(post("clicks", "").status().await, 400);
    assert_eq!(post("clicks", "{}").header("idempotency-key", &"k".repeat(256)).status().await, 400);
    assert_eq!(at("POST", "/v1/streams/clicks", "{}").status().await, 401);
    assert_eq!(at("POST", "/v1/streams/nowhere", "{}").status().await, 401);
    assert_eq!(at("POST", "/v1/streams/devices", "{}").header("x-write-key", "clicks-key").status().await, 403);
    assert_eq!(at("POST", "/v1/streams/nowhere", "{}").header("x-write-key", "clicks-key").status().await, 403);
    for stream in ["nowhere", "..", "%2e%2e", "Clicks", "clicks//", "", "a/b", "clicks/v1", &"a".repeat(64)] {
        assert_eq!(post(stream, "{}").status().await, 404, "{stream}");
    }
    assert_eq!(at("POST", "/v2/streams/clicks", "{}").header("x-write-key", "key").status().await, 404);
    assert_eq!(at("GET", "/", "").status().await, 404);
    assert_eq!(post("clicks", vec![b' '; (10 << 20) + 1]).status().await, 413);
    assert_eq!(post("clicks", format!("[{}0]", "0,".repeat(200_000))).status().await, 413);
    assert_eq!(post("clicks", "{}").header("content-type", "text/html").status().await, 415);
    assert_eq!(post("clicks", "{}").header("content-encoding", "br").status().await, 415);
}

#[tokio::test]
async fn a_stage_before_the_path_and_a_slash_after_it_do_not_matter() {
    for path in ["/prod/v1/streams/clicks", "/ingest/v1/streams/clicks/", "/v1/streams/clicks/"] {
        let (status, ..) = at("POST", path, "{}").header("x-write-key", "key").run().await;
        assert_eq!(status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_405_with_the_allowed_ones() {
    for (method, path, allowed) in [
        ("GET", "/v1/streams/clicks", "OPTIONS, POST"),
        ("HEAD", "/v1/streams/clicks", "OPTIONS, POST"),
        ("DELETE", "/v1/streams/nowhere", "OPTIONS, POST"),
        ("POST", "/health", "GET, HEAD"),
        ("OPTIONS", "/health", "GET, HEAD"),
    ] {
        let (status, _, response, _) = at(method, path, "").run().await;
        assert_eq!((status, response.headers()["allow"].to_str().unwrap()), (405, allowed));
    }
}

#[tokio::test]
async fn health_needs_no_key() {
    for method in ["GET", "HEAD"] {
        let (status, answer, _, _) = at(method, "/prod/health", "").run().await;
        assert_eq!((status, answer), (200, json!({"status": "ok"})), "{method}");
    }
}

#[tokio::test]
async fn a_preflight_request_is_204_without_a_key_whether_the_stream_exists_or_not() {
    for stream in ["clicks", "nowhere"] {
        let preflight = at("OPTIONS", &format!("/v1/streams/{stream}"), "").header("origin", "https://shop.example");
        let response = ingest(&Memory::default(), &[]).handle(preflight.request).await;
        assert_eq!((response.status().as_u16(), response.body()), (204, &Body::Empty), "{stream}");
    }
}

/// Client libraries read these members instead of those of RFC 9457.
#[tokio::test]
async fn a_problem_has_code_error_and_message() {
    let (_, problem, ..) = at("POST", "/v1/streams/clicks", "{}").run().await;
    assert_eq!((&problem["code"], &problem["error"]), (&json!(401), &json!("unauthorized")));
    assert_eq!(problem["message"], problem["detail"]);
}

#[tokio::test]
async fn a_401_challenges_pages_for_bearer_alone() {
    let challenge = async |exchange: Exchange| exchange.run().await.2.headers()["www-authenticate"].clone();
    let without_key = || at("POST", "/v1/streams/clicks", "{}");
    assert_eq!(challenge(without_key()).await, "Basic realm=\"spillway\", Bearer");
    assert_eq!(challenge(without_key().header("origin", "https://shop.example")).await, "Bearer");
}

#[tokio::test]
async fn every_element_of_every_opt_out_header_is_read() {
    for (values, withheld) in [(&["0", "1"][..], 1), (&["0, 1"], 1), (&["1;x"], 1), (&["0", "0"], 0), (&[], 0)] {
        let with = |exchange: Exchange, value: &&str| exchange.header("sec-gpc", value);
        let (_, answer, ..) = values.iter().fold(post("private", "{}"), with).run().await;
        assert_eq!(answer["withheld"], withheld, "{values:?}");
    }
}

#[tokio::test]
async fn without_sqs_the_response_is_503_with_retry_after() {
    for cause in [Cause::Transient, Cause::Access] {
        let (status, problem, response, _) = Exchange { broken: Some(cause), ..post("clicks", "{}") }.run().await;
        assert_eq!((status, &problem["type"]), (503, &json!("urn:spillway:problem:not-enqueued")));
        let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=5).contains(&wait));
    }
}

#[tokio::test]
async fn records_that_sqs_refuses_for_good_are_500_without_retry_after() {
    let refused = Exchange { broken: Some(Cause::Records), ..post("clicks", "{}") };
    let (status, problem, response, _) = refused.run().await;
    assert_eq!((status, &problem["type"]), (500, &json!("urn:spillway:problem:refused")));
    assert!(!response.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_request_over_the_budget_is_rejected_immediately() {
    let busy = Ingest { budget: Budget::new(1 << 20), ..ingest(&Memory::default(), &[]) };
    let response = busy.handle(post("clicks", vec![b' '; 2 << 20]).request).await;
    let Body::Text(problem) = response.body() else { panic!("answers are text") };
    assert_eq!((response.status().as_u16(), &parsed(problem)["type"]), (503, &json!("urn:spillway:problem:busy")));
    assert!(response.headers().contains_key("retry-after"));
}

/// Otherwise every retry of it would be answered 503.
#[tokio::test]
async fn the_smallest_allowed_budget_takes_the_largest_document() {
    let folder = tempfile::tempdir().unwrap();
    let body_bytes = 1 << 20;
    let needed = crate::body::most_held(body_bytes).to_string();
    let limit = body_bytes.to_string();
    let errors = config(folder.path(), &[("MAX_BODY_BYTES", &limit), ("MAX_INFLIGHT_BYTES", "1048576")]).unwrap_err();
    assert!(errors.to_string().contains(&format!("MAX_INFLIGHT_BYTES: 1048576 must be at least {needed}")), "{errors}");

    let payloads: Vec<_> = (0..3_000).map(|_| format!("{{\"a\":\"{}\"}}", "x".repeat(300))).collect();
    let document = format!("[{}]", payloads.join(","));
    let stream = zstd::stream::encode_all(document.as_bytes(), 19).unwrap();
    let tight: Vec<(&str, &str)> = vec![("MAX_BODY_BYTES", &limit), ("MAX_INFLIGHT_BYTES", &needed)];
    let response = ingest(&Memory::default(), &tight)
        .handle(post("clicks", stream).header("content-encoding", "zstd").request)
        .await;
    assert_eq!(response.status(), 200, "{:?}", response.body());
}

/// A client library's document takes another copy, without its key.
#[tokio::test]
async fn the_smallest_allowed_budget_takes_the_largest_document_of_a_client_library() {
    let body_bytes = 1 << 20;
    let (limit, needed) = (body_bytes.to_string(), crate::body::most_held(body_bytes).to_string());
    let events: Vec<_> = (0..3_000).map(|_| format!("{{\"a\":\"{}\"}}", "x".repeat(320))).collect();
    let document = format!("{{\"writeKey\":\"key\",\"batch\":[{}]}}", events.join(","));
    assert!((body_bytes * 9 / 10..body_bytes).contains(&document.len()), "{}", document.len());
    let stream = zstd::stream::encode_all(document.as_bytes(), 19).unwrap();
    let tight: Vec<(&str, &str)> = vec![("MAX_BODY_BYTES", &limit), ("MAX_INFLIGHT_BYTES", &needed)];
    for (body, coding) in [(document.into_bytes(), "identity"), (stream, "zstd")] {
        let request = post("library/v1/batch", body).header("content-encoding", coding).request;
        let response = ingest(&Memory::default(), &tight).handle(request).await;
        assert_eq!(response.status(), 200, "{coding} {:?}", response.body());
    }
}

#[tokio::test]
async fn a_document_grows_to_at_most_twice_the_limit() {
    let context = format!(r#"{{"a":"{}","payloads":[{}{{}}]}}"#, "x".repeat(7_000), "{},".repeat(30));
    let exchange = post("clicks", context).variable("MAX_BODY_BYTES", "8192");
    let (status, problem, _, _) = exchange.run().await;
    assert_eq!((status, &problem["type"]), (413, &json!("urn:spillway:problem:too-large")));
}

#[tokio::test]
async fn a_record_that_fits_no_message_is_rejected_alone() {
    let noise: String = (0..9_000).map(|_| fastrand::alphanumeric()).collect();
    let exchange = post("clicks", format!(r#"[{{"a":"{noise}"}},{{}}]"#)).variable("MAX_MESSAGE_BYTES", "4096");
    let (status, answer, _, records) = exchange.run().await;
    assert_eq!((status, &answer["rejections"][0]["reason"], records.len()), (200, &json!("too_large"), 1));
}

#[tokio::test]
async fn the_same_idempotency_key_and_payloads_give_the_same_record_ids() {
    let id = async |stream: &str, media_type: &str, body: &'static str| {
        let exchange = post(stream, body).header("content-type", media_type).header("idempotency-key", "order-7");
        exchange.run().await.1["request_id"].clone()
    };
    let json = "application/json";
    let first = id("clicks", json, r#"{"a":1}"#).await;
    assert_eq!(id("clicks", json, r#" [{"a":1}] "#).await, first, "the same payload in another frame");
    for (body, why) in [
        (r#"{"a":1.0}"#, "another payload"),
        (r#"[{"a":1},{"a":1}]"#, "one payload more"),
        (r#"{"payloads":[{"a":1}],"b":2}"#, "a context"),
    ] {
        assert_ne!(id("clicks", json, body).await, first, "{why}");
    }
    assert_ne!(id("clicks", "application/x-ndjson", r#"{"a":1}"#).await, first, "another form");
    // A guess about a withheld payload cannot be confirmed by an id.
    let stored = id("consented", json, r#"[{"ok":true},{"secret":1}]"#).await;
    assert_eq!(id("consented", json, r#"[{"secret":2},{"ok":true}]"#).await, stored);
}

#[tokio::test]
async fn lone_surrogates_are_repaired_before_judging() {
    let body = r#"{"payloads":[{"event":"\ud83d"},{"event":"\ud83d\ude00"}],"title":"\udc00"}"#;
    for stream in ["clicks", "events"] {
        let (_, answer, _, records) = post(stream, body).run().await;
        assert_eq!(answer["accepted"], 2, "{answer}");
        assert_eq!(records[0]["payload"]["event"], "\u{fffd}");
        assert_eq!(records[1]["payload"]["event"], "\u{1f600}");
        assert_eq!(records[0]["context"]["title"], "\u{fffd}");
    }
}

#[tokio::test]
async fn the_context_of_a_judged_stream_keeps_the_rules_of_its_payloads() {
    for (context, detail) in [(r#""a":1,"a":2"#, "a key appears twice"), (r#""a":1e400"#, "cannot be read")] {
        let body = format!(r#"{{"payloads":[{{"event":1}}],{context}}}"#);
        let (status, problem, ..) = post("events", body.clone()).run().await;
        assert_eq!(status, 400);
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
    }
    let body = r#"{"payloads":[{}],"a":1,"a":2}"#;
    assert_eq!(post("clicks", body).run().await.0, 200, "a stream without rules");
}

#[tokio::test]
async fn records_carry_the_schema_digest_and_whether_the_client_opted_out() {
    let record = async |stream: &str, gpc: &str| {
        let (_, _, _, records) = post(stream, r#"{"event":1,"ok":true}"#).header("sec-gpc", gpc).run().await;
        records[0].clone()
    };
    let digest = &spillway_shared::keys::digest(br#"{"required":["event"]}"#)[..16];
    assert_eq!(record("events", "0").await["schema"], digest);
    assert_eq!(record("clicks", "1").await.get("schema"), None);
    assert_eq!(record("clicks", "1").await["source"], json!({"opted_out": true}));
    assert_eq!(record("clicks", "0").await.get("source"), None);
}

#[tokio::test]
async fn a_payload_that_no_message_can_hold_is_not_judged() {
    let large = format!("[{{\"a\":\"{}\"}},{{}}]", "x".repeat(1 << 20));
    let (_, answer, ..) = post("events", large).run().await;
    let reasons: Vec<_> = answer["rejections"].as_array().unwrap().iter().map(|listed| &listed["reason"]).collect();
    assert_eq!(reasons, ["too_large", "schema"]);
}

/// The time that a request has whose invocation names this deadline.
fn time_of_request(deadline_ms: u64) -> Duration {
    let mut context = lambda_http::Context::default();
    context.deadline = deadline_ms;
    let (parts, _) = Request::default().with_lambda_context(context).into_parts();
    super::deadline(&parts).saturating_duration_since(Instant::now())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_leaves_no_time_and_an_unknown_one_30_s() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now_ms = u64::try_from(now.as_millis()).unwrap();
    assert_eq!(time_of_request(now_ms - 1_000), Duration::ZERO);
    assert!(time_of_request(now_ms + 10_000) <= Duration::from_millis(9_500));
    assert_eq!(time_of_request(now_ms + 60_000), Duration::from_millis(29_500), "longer than API Gateway waits");
    assert_eq!(time_of_request(600_000), Duration::from_millis(29_500), "the one that `cargo lambda watch` names");
    assert_eq!(time_of_request(0), Duration::from_millis(29_500), "none");
}

#[tokio::test]
async fn every_response_is_counted_and_its_payloads_by_stream() {
    let written = Arc::new(Mutex::new(Vec::new()));
    let ingest = Ingest {
        metrics: Metrics::new(Sink::to("f", Lines(Arc::clone(&written)))),
        ..self::ingest(&Memory::default(), &[])
    };
    for exchange in
        [post("clicks", "[{},{},3]"), post("clicks", "[3]"), post("nowhere", "{}"), at("GET", "/health", "")]
    {
        ingest.handle(exchange.request).await;
    }
    ingest.metrics.flush(ingest.group_commit.calls(), SystemTime::now());
    let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = text.lines().map(parsed).collect();
    let sum = |name: &str| lines.iter().filter_map(|line| line[name].as_f64()).sum::<f64>();
    let counted =
        ["Requests", "Status2xx", "Status4xx", "Accepted", "Rejected", "QueueCalls", "QueueCallUnits"].map(sum);
    assert_eq!(json!(counted), json!([3.0, 1.0, 2.0, 2.0, 2.0, 1.0, 1.0]), "{text}");
}

/// Keeps the written lines.
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
