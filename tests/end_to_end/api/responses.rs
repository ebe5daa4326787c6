//! A real pipeline gives every response of `docs/openapi.json`.

use std::collections::BTreeSet;

use hyper::Method;
use spillway_local::client::Response;
use spillway_local::faults::{Plan, parse};

use super::call::Call;
use super::openapi::OpenApi;
use super::{NARROW_KEY, narrow_key_for};
use crate::support::harness::{KEY, Run};

const STREAM: &str = "/v1/streams/{stream}";
const HEALTH: &str = "/health";
/// API Gateway throttles, its local stand-in does not.
const ONLY_ON_AWS: [(&str, &str); 1] = [(STREAM, "429")];
/// A process is killed at a random time; one that was just busy starting answers 503.
const ATTEMPTS: usize = 20;

/// What a call needs to get its answer.
struct Case {
    response: (&'static str, &'static str),
    faults: &'static [&'static str],
    call: Call,
}

fn post(stream: &str, body: impl Into<bytes::Bytes>) -> Call {
    let call = Call::new(Method::POST, &format!("/v1/streams/{stream}")).body(body);
    call.header("x-write-key", KEY).header("content-type", "application/json")
}

/// At least one call for every response of the document.
fn cases() -> Vec<Case> {
    let mixed = r#"[{"event":"a"},{"event":"b","consent":false},{"n":1},{"event":"c","n":"x"},7]"#;
    let note = format!(r#"{{"note":"{}","payloads":[]}}"#, "x".repeat(9_000));
    let long = "x".repeat(11_000);
    let health = |method| Call::new(method, HEALTH);
    let usual = [
        (STREAM, "200", post("judged", mixed)),
        (STREAM, "200", post("clicks", "[]")),
        (STREAM, "204", Call::new(Method::OPTIONS, "/v1/streams/clicks")),
        (STREAM, "400", post("clicks", "[")),
        (STREAM, "400", post("clicks", "[7]")),
        (STREAM, "401", post("clicks", "{}").header("x-write-key", "wrong")),
        (STREAM, "403", post("clicks", "{}").header("x-write-key", NARROW_KEY)),
        (STREAM, "404", post("clicks/v1/batch", "{}")),
        (STREAM, "405", Call::new(Method::GET, "/v1/streams/clicks")),
        (STREAM, "413", post("clicks", note)),
        (STREAM, "413", post("clicks", vec![b' '; 6_300_000])),
        (STREAM, "415", post("clicks", "{}").header("content-type", "application/xml")),
        (STREAM, "default", post("clicks", "{}").header("x-long", &long)),
        (HEALTH, "200", health(Method::GET)),
        (HEALTH, "405", health(Method::POST)),
        (HEALTH, "default", health(Method::GET).header("x-long", &long)),
    ];
    let usual = usual.map(|(path, status, call)| Case { response: (path, status), faults: &[], call });
    usual.into_iter().chain(failures()).collect()
}

/// Calls that need a fault.
fn failures() -> [Case; 2] {
    let failure = |status, faults| Case { response: (STREAM, status), faults, call: post("clicks", "{}") };
    [failure("503", &["sqs.error=1"]), failure("500", &["sqs.stall=1:1m", "ingest.kill=2"])]
}

/// The answer to a case: the first one with its status. Only faults of processes take more than one attempt.
async fn answer(run: &Run, case: &Case, document: &OpenApi) -> Response {
    run.pipeline.faults().set(Plan::new(1, case.faults.iter().map(|fault| parse(fault).unwrap())));
    let (path, status) = case.response;
    let attempts = if case.faults.len() > 1 { ATTEMPTS } else { 1 };
    for _ in 0..attempts {
        let answer = case.call.send(run.pipeline.address()).await;
        if document.response(path, answer.status.as_u16()).status == status {
            return answer;
        }
        println!("{} instead of {status} for {path}", answer.status);
    }
    panic!("{path} never answers {status} to {:?}", case.call)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_of_the_document_is_a_real_answer() {
    let document = OpenApi::read();
    let run = Run::start(|settings| {
        settings.variables.insert("WRITE_KEYS".to_owned(), narrow_key_for("devices"));
        settings.variables.insert("AWS_LAMBDA_LOG_LEVEL".to_owned(), "ERROR".to_owned());
    })
    .await;
    let mut answered: BTreeSet<_> = ONLY_ON_AWS.into();
    for case in cases() {
        let answer = answer(&run, &case, &document).await;
        document.assert_describes(document.response(case.response.0, answer.status.as_u16()), &answer);
        answered.insert(case.response);
    }
    let listed = document.responses().into_iter().map(|response| (response.path, response.status)).collect();
    println!("{} responses of docs/openapi.json compared, {} only on AWS", answered.len() - 1, ONLY_ON_AWS.len());
    assert_eq!(answered, listed);
}
