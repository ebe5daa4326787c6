use bytes::Bytes;
use hyper::StatusCode;

use super::*;

fn response(status: u16, headers: &[(&'static str, &str)], body: &str) -> Response {
    let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    Response { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::copy_from_slice(body.as_bytes()) }
}

fn two_records() -> Expected {
    let record = Record { payload: "{}".to_owned(), context: None };
    Expected::stored(vec![record.clone(), record])
}

#[test]
fn an_accepted_document_has_its_counts_and_an_id() {
    let body = r#"{"request_id":"r","accepted":2,"withheld":0,"rejected":0,"rejections":[]}"#;
    let answer = two_records().check(&response(200, &[], body)).unwrap();
    assert_eq!(answer, Answer { text: "200, 2 accepted".to_owned(), request_id: Some("r".to_owned()) });
    for (status, body, got) in [
        (503, "{}", "503 {}"),
        (503, r#"{"type":"urn:spillway:problem:busy"}"#, "503 busy"),
        (200, r#"{"request_id":"r","accepted":1,"rejected":1}"#, "200, 1 accepted, 1 rejected"),
        (200, r#"{"request_id":"r","accepted":2,"rejected":1}"#, "200, 2 accepted, 1 rejected"),
        (200, "<html>\n", "200, no counts: <html> "),
    ] {
        assert_eq!(two_records().check(&response(status, &[], body)).unwrap_err(), got);
    }
}

#[test]
fn a_refusal_has_its_problem_and_header() {
    let expected = Expected::problem(405, "method-not-allowed").header("allow", &["POST"]);
    assert_eq!(expected.to_string(), "405 method-not-allowed, allow");
    let body = r#"{"type":"urn:spillway:problem:method-not-allowed"}"#;
    assert!(expected.check(&response(405, &[("allow", "POST")], body)).is_ok());
    for (headers, body, got) in [
        (&[][..], body, "405, no header allow"),
        (&[("allow", "PUT")], body, "405, allow: PUT"),
        (&[("allow", "POST")], r#"{"type":"urn:spillway:problem:x"}"#, "405, x"),
        (
            &[("allow", "POST")],
            r#"{"message":"Not Found"}"#,
            r#"405, not a problem of ingest: {"message":"Not Found"}"#,
        ),
    ] {
        assert_eq!(expected.check(&response(405, headers, body)).unwrap_err(), got);
    }
}

#[test]
fn one_of_several_statuses_is_shown_as_it_came() {
    let expected = Expected::statuses(&[404, 403]);
    assert_eq!(expected.to_string(), "404 or 403");
    assert_eq!(expected.check(&response(403, &[], "")).unwrap().text, "403");
    assert!(expected.check(&response(401, &[], "")).is_err());
}
