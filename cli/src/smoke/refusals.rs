//! Requests that must be refused, and of which nothing may be stored.

use std::io::{self, Read as _};

use hyper::Method;

use super::STREAM;
use super::answer::{Exchange, Expected};
use super::call::{Call, Coding};
use super::documents::keyed;
use super::payload::Run;

/// A stream that no configuration has.
const NO_STREAM: &str = "smoke-no-such-stream";
const JSON: &str = "application/json";
/// The largest value of `MAX_BODY_BYTES` that the template accepts.
const MOST_BODY_BYTES: u64 = 100 << 20;
/// Text that API Gateway takes, but Lambda does not.
const TEXT_BYTES: usize = 6_300_000;
/// More than the context may have.
const CONTEXT_BYTES: usize = 9_000;

/// All of them.
pub(super) fn all(run: &Run) -> Vec<Exchange> {
    let refused = |(name, call, expected): (&str, Call, Expected)| Exchange { name: name.to_owned(), call, expected };
    let mut refusals = keys_and_paths(run);
    refusals.extend(unreadable(run));
    refusals.extend(too_large(run));
    refusals.into_iter().map(refused).collect()
}

type Refused = (&'static str, Call, Expected);

fn keys_and_paths(run: &Run) -> Vec<Refused> {
    let payload = |name: &str| run.payload(name, 0);
    let unauthorized = || Expected::problem(401, "unauthorized");
    let challenge = [r#"Basic realm="spillway", Bearer"#];
    let put = Call { method: Method::PUT, ..Call::post(STREAM, JSON, payload("method")) };
    let unknown_key = Call::post(STREAM, JSON, payload("key")).header("x-write-key", "smoke-no-such-key");
    vec![
        ("no key", Call::post(STREAM, JSON, payload("no key")), unauthorized().header("www-authenticate", &challenge)),
        ("unknown key", unknown_key, unauthorized()),
        // 403 if the key may write only some streams.
        ("unknown stream", keyed(run, Call::post(NO_STREAM, JSON, payload("stream"))), Expected::statuses(&[404, 403])),
        ("unknown path", keyed(run, Call::new(Method::POST, "/v1/nothing")), Expected::statuses(&[404])),
        ("PUT", keyed(run, put), Expected::problem(405, "method-not-allowed").header("allow", &["OPTIONS, POST"])),
    ]
}

fn unreadable(run: &Run) -> Vec<Refused> {
    let post = |content_type: &str, body: String| keyed(run, Call::post(STREAM, content_type, body));
    let payload = |name: &str| run.payload(name, 0);
    let unreadable = || Expected::problem(400, "unreadable");
    let unsupported = || Expected::problem(415, "unsupported");
    vec![
        ("form", post("application/x-www-form-urlencoded", payload("form")), unsupported()),
        ("Content-Encoding: br", post(JSON, payload("br")).header("content-encoding", "br"), unsupported()),
        ("JSON without its end", post(JSON, format!("[{}", payload("end"))), unreadable()),
        ("NDJSON sent as JSON", post(JSON, [payload("line"), payload("line")].join("\n")), unreadable()),
        ("empty body", post(JSON, String::new()), unreadable()),
        ("gzip that is not gzip", post(JSON, payload("gzip")).header("content-encoding", "gzip"), unreadable()),
        ("no object in the array", post(JSON, "[42]".to_owned()), Expected::problem(400, "all-rejected")),
    ]
}

fn too_large(run: &Run) -> Vec<Refused> {
    let too_large = || Expected::problem(413, "too-large");
    let post = |body: Vec<u8>| keyed(run, Call::post(STREAM, JSON, body));
    let blanks = Coding::Gzip.encode(&mut io::repeat(b' ').take(MOST_BODY_BYTES + 1));
    let lines = Call::post(STREAM, "application/x-ndjson", blanks).header("content-encoding", "gzip");
    let context = format!(r#"{{"note":"{}","payloads":[{}]}}"#, "x".repeat(CONTEXT_BYTES), run.payload("context", 0));
    vec![
        ("context too large", post(context.into()), too_large()),
        ("body too large once decoded", keyed(run, lines), too_large()),
        ("body too large for Lambda", post(vec![b' '; TEXT_BYTES]), Expected::statuses(&[413])),
    ]
}
