use serde_json::json;

use super::*;
use crate::secrets::Source;
use crate::testing::{ATTEMPTS, destination, in_seconds};

#[tokio::test]
async fn missing_and_bad_secrets_are_reported_together_without_their_values() {
    let headers = json!({"authorization": {"secret": "token"}, "x-other": {"secret": "other"}});
    let members = json!({"sign": {"secret": "key"}, "headers": headers});
    let destination = destination("https://partner.example/", &members);
    let lookup = |name: &str| match name {
        "SECRET_TOKEN" => Some("a\nb: hunter2".to_owned()),
        "SECRET_KEY" => Some("hunter2".to_owned()),
        _ => None,
    };
    let source = Source::environment(&lookup, &destination.secrets());
    let errors = Current::read(source, &destination, ATTEMPTS, in_seconds(5)).await.unwrap_err().to_string();
    for expected in [
        "secret other: the variable SECRET_OTHER is not set",
        "header authorization: has a value that no header can have",
        "secret key: must be `whsec_`",
    ] {
        assert!(errors.contains(expected), "{expected} is not in {errors}");
    }
    assert!(!errors.contains("hunter2"), "{errors}");
}
