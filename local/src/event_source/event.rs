//! Encodes one message as a record of Lambda's SQS event.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::Message;
use serde::Serialize;
use serde_json::{Map, Value};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    attributes: BTreeMap<&'a str, &'a str>,
    /// Empty: a message of Spillway is its body alone.
    message_attributes: Map<String, Value>,
    md5_of_body: &'a str,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

/// One element of an event's `Records`; `queue_arn` names the queue and its region.
pub(super) fn record(message: &Message, queue_arn: &str) -> Vec<u8> {
    let body = message.body().unwrap_or_default();
    let attributes = message.attributes().into_iter().flatten();
    let record = Record {
        message_id: message.message_id().unwrap_or_default(),
        receipt_handle: message.receipt_handle().unwrap_or_default(),
        body,
        attributes: attributes.map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        message_attributes: Map::new(),
        md5_of_body: message.md5_of_body().unwrap_or_default(),
        event_source: "aws:sqs",
        event_source_arn: queue_arn,
        aws_region: queue_arn.split(':').nth(3).unwrap_or_default(),
    };
    let mut json = Vec::with_capacity(body.len() + body.len() / 4 + 1024);
    // Writing to memory with string keys cannot fail.
    let _ = serde_json::to_writer(&mut json, &record);
    json
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::MessageSystemAttributeName;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_has_the_members_that_lambda_writes() {
        let message = Message::builder()
            .message_id("id")
            .receipt_handle("handle")
            .body("a \"body\"\n")
            .md5_of_body("md5")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "1")
            .build();
        let record = record(&message, "arn:aws:sqs:eu-west-1:0:q");
        let expected = json!({
            "messageId": "id",
            "receiptHandle": "handle",
            "body": "a \"body\"\n",
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "md5OfBody": "md5",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:0:q",
            "awsRegion": "eu-west-1",
        });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&record).unwrap(), expected);
    }
}
