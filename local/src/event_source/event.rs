//! Encodes one message as a record of Lambda's SQS event.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::Message;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// The members that all messages of a queue share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// The queue's ARN.
    pub(super) arn: &'a str,
    /// The queue's region.
    pub(super) region: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    #[serde(serialize_with = "attributes")]
    attributes: &'a Message,
    /// Empty: a message of Spillway is its body alone.
    message_attributes: BTreeMap<(), ()>,
    md5_of_body: &'a str,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

/// One element of an event's `Records`.
pub(super) fn record(message: &Message, source: Source<'_>) -> Vec<u8> {
    let body = message.body().unwrap_or_default();
    let record = Record {
        message_id: message.message_id().unwrap_or_default(),
        receipt_handle: message.receipt_handle().unwrap_or_default(),
        body,
        attributes: message,
        message_attributes: BTreeMap::new(),
        md5_of_body: message.md5_of_body().unwrap_or_default(),
        event_source: "aws:sqs",
        event_source_arn: source.arn,
        aws_region: source.region,
    };
    let mut json = Vec::with_capacity(body.len() + body.len() / 4 + 1024);
    // Writing to memory with string keys cannot fail.
    let _ = serde_json::to_writer(&mut json, &record);
    json
}

fn attributes<S: Serializer>(message: &Message, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (name, value) in message.attributes().into_iter().flatten() {
        map.serialize_entry(name.as_str(), value)?;
    }
    map.end()
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
        let record = record(&message, Source { arn: "arn:aws:sqs:eu-west-1:0:q", region: "eu-west-1" });
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
