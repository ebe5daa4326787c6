use serde_json::{Value, json};
use spillway_aws::{Calls, Credentials};

use super::*;
use crate::testing::{ATTEMPTS, Loopback, Reply, status};

/// The outcome in words, and what Secrets Manager was asked.
async fn asked(reply: Reply) -> (String, Value) {
    let manager = Loopback::start(move |_, _| reply.clone()).await;
    let credentials = Credentials::new("key", "secret", None, None, "test");
    let config = Calls::once(ATTEMPTS.timeout).fixed(&manager.url, "eu-central-1", credentials);
    let outcome = match Source::manager(&config).value("partner/acme").await {
        Outcome::Done(value) => value,
        Outcome::Again(error) => format!("again: {error}"),
        Outcome::Never(error) => format!("never: {error}"),
    };
    let request = manager.received().remove(0);
    assert_eq!(request.header("x-amz-target"), "secretsmanager.GetSecretValue");
    assert!(request.header("authorization").starts_with("AWS4-HMAC-SHA256 "));
    (outcome, serde_json::from_slice(&request.body).unwrap())
}

fn reply(code: u16, body: &'static str) -> Reply {
    Reply { body, headers: vec![("content-type", "application/x-amz-json-1.1".to_owned())], ..status(code) }
}

#[tokio::test]
async fn secrets_manager_is_asked_for_the_text_of_a_secret() {
    let (value, request) = asked(reply(200, r#"{"Name":"partner/acme","SecretString":"Bearer x"}"#)).await;
    assert_eq!((value.as_str(), request), ("Bearer x", json!({"SecretId": "partner/acme"})));
}

#[tokio::test]
async fn only_transient_errors_are_worth_another_attempt() {
    for (code, body, expected) in [
        (400, r#"{"__type":"ResourceNotFoundException","Message":"none"}"#, "never: "),
        (400, r#"{"__type":"AccessDeniedException","Message":"no"}"#, "never: "),
        (400, r#"{"__type":"ThrottlingException","Message":"slow down"}"#, "again: "),
        (500, r#"{"__type":"InternalServiceError","Message":"oh"}"#, "again: "),
        (200, r#"{"Name":"partner/acme","SecretBinary":"c2VjcmV0"}"#, "never: the secret has no text"),
    ] {
        let (outcome, _) = asked(reply(code, body)).await;
        assert!(outcome.starts_with(expected), "{code} {body}: {outcome}");
    }
}

#[tokio::test]
async fn a_local_secret_is_in_a_variable() {
    let source =
        Source::environment(&|name| (name == "SECRET_PARTNER_ACME").then(|| "x".to_owned()), &["partner/acme"]);
    assert!(matches!(source.value("partner/acme").await, Outcome::Done(value) if value == "x"));
    let missing = source.value("partner/other").await;
    assert!(matches!(missing, Outcome::Never(error) if error.0.contains("SECRET_PARTNER_OTHER is not set")));
}
