//! What a function's answer says of its batch.
//!
//! By "Implementing partial batch responses" of the Lambda developer guide: an empty list, null, an empty answer is
//! success; an answer that is no such JSON, and an id that is empty or not of the batch, is failure of the whole batch.

use std::collections::HashSet;

use serde::Deserialize;

use super::batch::Receipt;

#[derive(Deserialize, Default)]
struct Answer {
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
/// Why none did.
pub(super) fn succeeded(answer: &[u8], batch: Vec<Receipt>) -> Result<Vec<Receipt>, String> {
    let failed = failed(answer)?;
    let known: HashSet<&str> = batch.iter().map(|receipt| receipt.id.as_str()).collect();
    if let Some(unknown) = failed.iter().find(|id| !known.contains(id.as_str())) {
        return Err(format!("the answer names `{unknown}`, which is not in the batch"));
    }
    Ok(batch.into_iter().filter(|receipt| !failed.contains(&receipt.id)).collect())
}

fn failed(answer: &[u8]) -> Result<HashSet<String>, String> {
    if answer.trim_ascii().is_empty() {
        return Ok(HashSet::new());
    }
    let answer: Option<Answer> = serde_json::from_slice(answer).map_err(|error| format!("no batch answer: {error}"))?;
    let failures = answer.unwrap_or_default().failures.unwrap_or_default();
    Ok(failures.into_iter().map(|failure| failure.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(answer: &str) -> Result<Vec<String>, String> {
        let batch = ["a", "b", "c"].map(|id| Receipt { id: id.into(), handle: format!("handle of {id}") });
        succeeded(answer.as_bytes(), batch.into()).map(|left| left.into_iter().map(|receipt| receipt.id).collect())
    }

    #[test]
    fn an_empty_answer_is_success() {
        for answer in
            ["", " \n", "null", "{}", r#"{"batchItemFailures":[]}"#, r#"{"batchItemFailures":null}"#, r#"{"x":1}"#]
        {
            assert_eq!(ids(answer).unwrap(), ["a", "b", "c"], "{answer}");
        }
    }

    #[test]
    fn named_messages_fail_alone() {
        let answer = r#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"b"}]}"#;
        assert_eq!(ids(answer).unwrap(), ["a", "c"]);
    }

    #[test]
    fn an_answer_that_cannot_be_trusted_fails_the_batch() {
        for answer in [
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
            assert!(ids(answer).is_err(), "{answer}");
        }
    }
}
