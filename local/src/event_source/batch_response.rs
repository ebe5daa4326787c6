//! The function's response to a batch: which messages failed.
//!
//! From "Implementing partial batch responses" in the Lambda developer guide: an empty list, null or an empty response
//! means success. Any other JSON, or an id that is empty or not in the batch, fails the whole batch.

use std::collections::HashSet;

use serde::Deserialize;

use super::batch::Receipt;

#[derive(Deserialize, Default)]
struct BatchResponse {
    #[serde(rename = "batchItemFailures", default)]
    failures: Option<Vec<Failure>>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(rename = "itemIdentifier")]
    id: String,
}

/// The messages that succeeded.
///
/// # Errors
/// The whole batch failed.
pub(super) fn succeeded(response: &[u8], batch: Vec<Receipt>) -> Result<Vec<Receipt>, String> {
    let failed = failed(response)?;
    let known: HashSet<&str> = batch.iter().map(|receipt| receipt.id.as_str()).collect();
    if let Some(unknown) = failed.iter().find(|id| !known.contains(id.as_str())) {
        return Err(format!("the response contains the id `{unknown}`, which is not in the batch"));
    }
    Ok(batch.into_iter().filter(|receipt| !failed.contains(&receipt.id)).collect())
}

fn failed(response: &[u8]) -> Result<HashSet<String>, String> {
    if response.trim_ascii().is_empty() {
        return Ok(HashSet::new());
    }
    let response: Option<BatchResponse> =
        serde_json::from_slice(response).map_err(|error| format!("invalid batch response: {error}"))?;
    let failures = response.unwrap_or_default().failures.unwrap_or_default();
    Ok(failures.into_iter().map(|failure| failure.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(response: &str) -> Result<Vec<String>, String> {
        let batch = ["a", "b", "c"].map(|id| Receipt { id: id.into(), handle: format!("handle of {id}") });
        succeeded(response.as_bytes(), batch.into()).map(|left| left.into_iter().map(|receipt| receipt.id).collect())
    }

    #[test]
    fn an_empty_response_is_success() {
        for response in
            ["", " \n", "null", "{}", r#"{"batchItemFailures":[]}"#, r#"{"batchItemFailures":null}"#, r#"{"x":1}"#]
        {
            assert_eq!(ids(response).unwrap(), ["a", "b", "c"], "{response}");
        }
    }

    #[test]
    fn only_the_listed_messages_fail() {
        let response = r#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"b"}]}"#;
        assert_eq!(ids(response).unwrap(), ["a", "c"]);
    }

    #[test]
    fn an_invalid_response_fails_the_batch() {
        for response in [
            "oops",
            "7",
            "\"text\"",
            "{",
            r#"{"batchItemFailures":{}}"#,
            r#"{"batchItemFailures":["a"]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"item":"a"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"z"}]}"#,
        ] {
            assert!(ids(response).is_err(), "{response}");
        }
    }
}
