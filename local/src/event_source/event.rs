//! Encodes one message as a record of Lambda's SQS event.

use std::collections::HashMap;

use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
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
    #[serde(serialize_with = "message_attributes")]
    message_attributes: &'a Message,
    md5_of_body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<&'a str>,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attribute<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
    string_list_values: [(); 0],
    binary_list_values: [(); 0],
    data_type: &'a str,
}

/// One element of an event's `Records`.
pub(super) fn record(message: &Message, source: Source<'_>) -> Vec<u8> {
    let body = message.body().unwrap_or_default();
    let record = Record {
        message_id: message.message_id().unwrap_or_default(),
        receipt_handle: message.receipt_handle().unwrap_or_default(),
        body,
        attributes: message,
        message_attributes: message,
        md5_of_body: message.md5_of_body().unwrap_or_default(),
        md5_of_message_attributes: message.md5_of_message_attributes(),
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

fn message_attributes<S: Serializer>(message: &Message, serializer: S) -> Result<S::Ok, S::Error> {
    let none = HashMap::new();
    let attributes: &HashMap<String, MessageAttributeValue> = message.message_attributes().unwrap_or(&none);
    let value = |value: &MessageAttributeValue| {
        serde_json::to_value(Attribute {
            string_value: value.string_value(),
            binary_value: value.binary_value().map(|bytes| BASE64.encode(bytes.as_ref())),
            string_list_values: [],
            binary_list_values: [],
            data_type: value.data_type(),
        })
        .unwrap_or_default()
    };
    serializer.collect_map(attributes.iter().map(|(name, content)| (name, value(content))))
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::primitives::Blob;
    use aws_sdk_sqs::types::MessageSystemAttributeName;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_has_the_members_that_lambda_writes() {
        let number = MessageAttributeValue::builder().data_type("Number").string_value("7").build().unwrap();
        let binary =
            MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new([1, 2])).build().unwrap();
        let message = Message::builder()
            .message_id("id")
            .receipt_handle("handle")
            .body("a \"body\"\n")
            .md5_of_body("md5")
            .md5_of_message_attributes("md5 of attributes")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "1")
            .message_attributes("n", number)
            .message_attributes("b", binary)
            .build();
        let record = record(&message, Source { arn: "arn:aws:sqs:eu-west-1:0:q", region: "eu-west-1" });
        let expected = json!({
            "messageId": "id",
            "receiptHandle": "handle",
            "body": "a \"body\"\n",
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {
                "n": {"stringValue": "7", "stringListValues": [], "binaryListValues": [], "dataType": "Number"},
                "b": {"binaryValue": "AQI=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"},
            },
            "md5OfBody": "md5",
            "md5OfMessageAttributes": "md5 of attributes",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:0:q",
            "awsRegion": "eu-west-1",
        });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&record).unwrap(), expected);
    }
}
