//! Requests that must be accepted: every form, encoding and place of the key, and those of browsers.

use hyper::Method;

use super::STREAM;
use super::answer::{Exchange, Expected, Record};
use super::call::{Call, Coding};
use super::payload::Run;

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
/// The name of the document that is sent twice with the same `Idempotency-Key`.
pub(super) const FIRST: &str = "Idempotency-Key";
/// The name of its repetition.
pub(super) const AGAIN: &str = "Idempotency-Key repeated";
/// The origin of requests as from a page, if the operator names none.
const ANY_ORIGIN: &str = "https://smoke.example";
/// Large documents make messages whose zstd frames deliver copies, so that one object has several frames.
const LARGE_DOCUMENTS: usize = 3;
const LARGE_PAYLOADS: usize = 2_500;

/// All of them. The first is the one that AWS's documentation leaves open: whether API Gateway passes compressed JSON
/// in base64 or destroys it.
pub(super) fn all(run: &Run) -> Vec<Exchange> {
    let mut exchanges = encodings(run);
    exchanges.extend(forms(run));
    exchanges.extend(keys(run));
    exchanges.extend(repeated(run));
    exchanges.extend(browsers(run));
    exchanges.extend(health());
    exchanges.extend(large(run));
    exchanges
}

/// Both content types in each encoding.
fn encodings(run: &Run) -> Vec<Exchange> {
    let json = Coding::ALL.map(|coding| (coding, JSON, "JSON"));
    let lines = Coding::ALL.map(|coding| (coding, LINES, "NDJSON"));
    let exchange = |(coding, content_type, short): (Coding, &str, &str)| {
        let name = format!("{short}, Content-Encoding: {}", coding.name());
        let payload = run.payload(&name, 0);
        let call = keyed(run, Call::post(STREAM, content_type, payload.clone()).encoded(coding));
        accepted(&name, call, vec![payload])
    };
    json.into_iter().chain(lines).map(exchange).collect()
}

/// The four forms of a body, and payloads of which one is rejected.
fn forms(run: &Run) -> Vec<Exchange> {
    let two = |name: &str| vec![run.payload(name, 0), run.payload(name, 1)];
    let form = |name: &str, content_type: &str, payloads: Vec<String>, body: String| {
        accepted(name, keyed(run, Call::post(STREAM, content_type, body)), payloads)
    };
    let [array, single, lines, partly] = ["array", "single object", "NDJSON", "array with a payload to reject"];
    let [of_array, of_lines, of_partly] = [array, lines, partly].map(two);
    let of_single = run.payload(single, 0);
    let mut partly = form(partly, JSON, of_partly.clone(), format!("[{},42]", of_partly.join(",")));
    partly.expected = partly.expected.rejected(1);
    vec![
        form(array, JSON, of_array.clone(), format!("[{}]", of_array.join(","))),
        with_context(run),
        form(single, JSON, vec![of_single.clone()], of_single),
        form(lines, LINES, of_lines.clone(), of_lines.join("\n")),
        partly,
    ]
}

fn with_context(run: &Run) -> Exchange {
    let name = "payloads with context";
    let (payload, context) = (run.payload(name, 0), r#"{"session":"s-7","build":1.0}"#);
    let body = format!(r#"{{"session":"s-7","payloads":[{payload}],"build":1.0}}"#);
    let records = vec![Record { payload, context: Some(context.to_owned()) }];
    Exchange {
        name: name.to_owned(),
        call: keyed(run, Call::post(STREAM, JSON, body)),
        expected: Expected::stored(records),
    }
}

/// The places of the key other than `X-Write-Key`, and a slash at the end of the path.
fn keys(run: &Run) -> Vec<Exchange> {
    let exchange = |name: &str, change: &dyn Fn(Call) -> Call| {
        let payload = run.payload(name, 0);
        accepted(name, change(Call::post(STREAM, JSON, payload.clone())), vec![payload])
    };
    let basic = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("{}:", run.key));
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("write_key", &run.key).finish();
    vec![
        exchange("key as Bearer", &|call| call.header("authorization", &format!("Bearer {}", run.key))),
        exchange("key as Basic", &|call| call.header("authorization", &format!("Basic {basic}"))),
        exchange("key in the query", &|call| Call { path: format!("{}?{query}", call.path), ..call }),
        exchange("slash at the end of the path", &|call| keyed(run, Call { path: format!("{}/", call.path), ..call })),
    ]
}

/// The same document twice.
fn repeated(run: &Run) -> Vec<Exchange> {
    let payload = run.payload(FIRST, 0);
    let call = keyed(run, Call::post(STREAM, JSON, payload.clone())).header("idempotency-key", &run.marker());
    [FIRST, AGAIN].map(|name| accepted(name, call.clone(), vec![payload.clone()])).into()
}

/// A preflight request and a POST as from a page. Without a known origin any CORS headers are right.
fn browsers(run: &Run) -> Vec<Exchange> {
    let name = "POST from a page";
    let payload = run.payload(name, 0);
    let origin = run.origin.as_deref().unwrap_or(ANY_ORIGIN);
    let preflight = Call::new(Method::OPTIONS, &format!("/v1/streams/{STREAM}"))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-write-key");
    let preflight =
        Exchange { name: "preflight of a page".to_owned(), call: preflight, expected: Expected::statuses(&[204]) };
    let post = keyed(run, Call::post(STREAM, JSON, payload.clone())).header("origin", origin);
    [preflight, accepted(name, post, vec![payload])].map(|exchange| readable_by_page(exchange, run)).into()
}

fn readable_by_page(exchange: Exchange, run: &Run) -> Exchange {
    let Some(origin) = &run.origin else { return exchange };
    let expected = exchange.expected.header("access-control-allow-origin", &[origin, "*"]);
    Exchange { expected, ..exchange }
}

fn health() -> Vec<Exchange> {
    let exchange = |method: Method| Exchange {
        name: format!("{method} /health"),
        call: Call::new(method, "/health"),
        expected: Expected::statuses(&[200]),
    };
    [Method::GET, Method::HEAD].map(exchange).into()
}

fn large(run: &Run) -> Vec<Exchange> {
    let exchange = |number: usize| {
        let payloads: Vec<_> = (0..LARGE_PAYLOADS).map(|n| run.reading(number * LARGE_PAYLOADS + n)).collect();
        let call = keyed(run, Call::post(STREAM, LINES, payloads.join("\n")).encoded(Coding::Gzip));
        accepted(&format!("large document {}", number + 1), call, payloads)
    };
    (0..LARGE_DOCUMENTS).map(exchange).collect()
}

pub(super) fn keyed(run: &Run, call: Call) -> Call {
    call.header("x-write-key", &run.key)
}

fn accepted(name: &str, call: Call, payloads: Vec<String>) -> Exchange {
    let records = payloads.into_iter().map(|payload| Record { payload, context: None }).collect();
    Exchange { name: name.to_owned(), call, expected: Expected::stored(records) }
}
