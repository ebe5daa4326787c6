//! `docs/api.md` and `docs/openapi.json` list exactly the problem types and reasons of the code.

use serde_json::{Value, json};
use spillway_ingest::error::RequestError;
use spillway_ingest::rejection::Reason;

use super::PAGE;
use super::openapi::OpenApi;

/// One error of each variant.
fn errors() -> Vec<RequestError> {
    use RequestError as E;
    let text = || "text".to_owned();
    let all = vec![
        E::Unreadable(text()),
        E::AllRejected,
        E::Unauthorized { from_page: false },
        E::Forbidden,
        E::NotFromOrigin,
        E::NotFound,
        E::NotAccepted(text()),
        E::MethodNotAllowed("POST"),
        E::TooLarge(text()),
        E::Unsupported(text()),
        E::NotEnqueued,
        E::Refused,
        E::Busy,
    ];
    for error in &all {
        // A new variant does not compile here: add it to the list above as well.
        let (E::Unreadable(_)
        | E::AllRejected
        | E::Unauthorized { .. }
        | E::Forbidden
        | E::NotFromOrigin
        | E::NotFound
        | E::NotAccepted(_)
        | E::MethodNotAllowed(_)
        | E::TooLarge(_)
        | E::Unsupported(_)
        | E::NotEnqueued
        | E::Refused
        | E::Busy) = error;
    }
    all
}

/// Every reason.
fn reasons() -> Vec<Reason> {
    use Reason as R;
    let all = vec![R::NotAnObject, R::Unreadable, R::TooDeep, R::TooLarge, R::DuplicateKey, R::Schema, R::TooCostly];
    for reason in &all {
        // A new variant does not compile here: add it to the list above as well.
        let (R::NotAnObject | R::Unreadable | R::TooDeep | R::TooLarge | R::DuplicateKey | R::Schema | R::TooCostly) =
            reason;
    }
    all
}

/// The body of an error. Only that of `AllRejected` has the outcomes, which the others may have.
fn body(error: &RequestError) -> Value {
    json!({
        "type": problem_type(error), "title": "any", "status": error.status().as_u16(), "detail": error.detail(),
        "code": error.status().as_u16(), "error": error.kind(), "message": error.detail(),
        "accepted": 0, "withheld": 0, "rejected": 0, "rejections": []
    })
}

fn problem_type(error: &RequestError) -> String {
    format!("urn:spillway:problem:{}", error.kind())
}

#[test]
fn the_document_lists_exactly_the_problem_types_of_the_code() {
    let types: Vec<_> = errors().iter().map(problem_type).collect();
    let listed = OpenApi::read();
    assert_eq!(
        listed.words("/components/schemas/Problem/properties/type/enum"),
        types.iter().map(String::as_str).collect()
    );
}

#[test]
fn the_document_lists_exactly_the_rejection_reasons_of_the_code() {
    let reasons = reasons().into_iter().map(Reason::as_str).collect();
    assert_eq!(OpenApi::read().words("/components/schemas/Rejection/properties/reason/enum"), reasons);
}

#[test]
fn the_page_explains_every_problem_type_and_reason() {
    let (errors, reasons) = (errors(), reasons());
    let statuses = errors.iter().map(|error| format!("| {} | `{}` |", error.status().as_u16(), error.kind()));
    for row in statuses.chain(reasons.iter().map(|reason| format!("| `{}` |", reason.as_str()))) {
        assert!(PAGE.contains(&row), "docs/api.md has no row {row}");
    }
}

/// The other tests cannot bring a pipeline to every error.
#[test]
fn every_error_of_the_code_is_described_at_its_status() {
    let document = OpenApi::read();
    for error in errors() {
        let body = body(&error);
        let response = document.response("/v1/streams/{stream}", error.status().as_u16());
        document.assert_valid(response, "application/problem+json", &body);
    }
}
