//! What AWS refuses and the emulator would take.
//!
//! Limits: API reference of SQS, `SendMessageBatch`, `SendMessage`, `ReceiveMessage`, `SetQueueAttributes`.

use std::collections::HashMap;

use memchr::memmem;
use rustack_sqs_model::input::ReceiveMessageInput;
use rustack_sqs_model::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use serde_json::Value;

use super::refusal::Refusal;

/// Bytes of all messages of one batch together.
const MAX_BATCH_BYTES: usize = 1 << 20;
/// Characters of a batch entry's id.
const MAX_ENTRY_ID: usize = 80;

/// Checks a batch of messages as a whole.
pub(super) fn batch(entries: &[SendMessageBatchRequestEntry]) -> Result<(), Refusal> {
    entry_ids(entries.iter().map(|entry| entry.id.as_str()))?;
    let bytes: usize = entries.iter().map(|entry| entry.message_body.len() + size(&entry.message_attributes)).sum();
    if bytes > MAX_BATCH_BYTES {
        let message =
            format!("Batch requests cannot be longer than {MAX_BATCH_BYTES} bytes. You have sent {bytes} bytes.");
        return Err(Refusal::of_caller("AWS.SimpleQueueService.BatchRequestTooLong", message));
    }
    Ok(())
}

/// Checks the ids of a batch's entries.
pub(super) fn entry_ids<'a>(mut ids: impl Iterator<Item = &'a str>) -> Result<(), Refusal> {
    let good = |id: &str| {
        (1..=MAX_ENTRY_ID).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if ids.all(good) {
        return Ok(());
    }
    Err(Refusal::of_caller(
        "AWS.SimpleQueueService.InvalidBatchEntryId",
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
         It can be at most 80 letters long.",
    ))
}

/// Checks the characters of a message: those of XML 1.0. In a batch this fails the entry, not the call.
pub(super) fn contents(body: &str) -> Result<(), Refusal> {
    let bytes = body.as_bytes();
    let control = bytes.iter().any(|byte| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'));
    if control || has_noncharacter(bytes) {
        let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | \
                       #xE000 to #xFFFD | #x10000 to #x10FFFF";
        return Err(Refusal::of_caller("InvalidMessageContents", message));
    }
    Ok(())
}

/// Checks how many messages are asked for and how long that may wait.
pub(super) fn receive(input: &ReceiveMessageInput) -> Result<(), Refusal> {
    in_range("MaxNumberOfMessages", input.max_number_of_messages, 10, 1)?;
    in_range("WaitTimeSeconds", input.wait_time_seconds, 20, 0)?;
    in_range("VisibilityTimeout", input.visibility_timeout, 43_200, 0)
}

/// Rewrites a queue's attributes: AWS takes `maxReceiveCount` as text too, the emulator only as a number.
pub(super) fn redrive_policy(attributes: &mut HashMap<String, String>) -> Result<(), Refusal> {
    let Some(text) = attributes.get_mut("RedrivePolicy").filter(|text| !text.is_empty()) else { return Ok(()) };
    let bad = || Refusal::of_parameter(format!("Value {text} for parameter RedrivePolicy is invalid."));
    let mut policy: Value = serde_json::from_str(text).map_err(|_| bad())?;
    let count = policy.get_mut("maxReceiveCount").ok_or_else(bad)?;
    let number = count.as_str().map_or_else(|| count.as_u64(), |text| text.parse().ok());
    let number = number.filter(|number| (1..=1000).contains(number)).ok_or_else(bad)?;
    *count = number.into();
    *text = policy.to_string();
    Ok(())
}

fn in_range(name: &str, value: Option<i32>, max: i32, min: i32) -> Result<(), Refusal> {
    match value {
        Some(value) if !(min..=max).contains(&value) => Err(Refusal::of_parameter(format!(
            "Value {value} for parameter {name} is invalid. Reason: Must be between {min} and {max}, if provided."
        ))),
        _ => Ok(()),
    }
}

/// U+FFFE and U+FFFF are EF BF BE and EF BF BF in UTF-8.
fn has_noncharacter(bytes: &[u8]) -> bool {
    memmem::find_iter(bytes, b"\xEF\xBF").any(|at| matches!(bytes.get(at + 2), Some(0xBE | 0xBF)))
}

fn size(attributes: &HashMap<String, MessageAttributeValue>) -> usize {
    let value = |value: &MessageAttributeValue| {
        let text = value.string_value.as_ref().map_or(0, String::len);
        value.data_type.len() + text + value.binary_value.as_ref().map_or(0, Vec::len)
    };
    attributes.iter().map(|(name, content)| name.len() + value(content)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_characters_of_xml_are_taken() {
        for good in ["a\tb\nc\rd", "\u{7f}", "\u{fffd}", "\u{d7ff}\u{e000}", "\u{1fffe}"] {
            assert_eq!(contents(good), Ok(()), "{good:?}");
        }
        for bad in ["\0", "a\u{1}", "\u{b}", "x\u{1f}", "\u{fffe}", "ab\u{fffd}\u{ffff}"] {
            assert_eq!(contents(bad).unwrap_err().code, "InvalidMessageContents", "{bad:?}");
        }
    }

    #[test]
    fn a_receive_count_may_be_text() {
        let of = |count: &str| {
            let policy = format!("{{\"deadLetterTargetArn\":\"arn\",\"maxReceiveCount\":{count}}}");
            let mut attributes = HashMap::from([("RedrivePolicy".to_owned(), policy)]);
            redrive_policy(&mut attributes).map(|()| attributes["RedrivePolicy"].clone())
        };
        assert_eq!(of("\"5\""), of("5"));
        assert!(of("5").unwrap().contains(":5"));
        for bad in ["0", "\"0\"", "1001", "\"five\"", "null", "-1"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_bytes_of_a_batch_count_together() {
        let entry = |bytes: usize| SendMessageBatchRequestEntry {
            id: "a".to_owned(),
            message_body: "x".repeat(bytes),
            ..SendMessageBatchRequestEntry::default()
        };
        assert_eq!(batch(&[entry(MAX_BATCH_BYTES / 2), entry(MAX_BATCH_BYTES / 2)]), Ok(()));
        let refusal = batch(&[entry(MAX_BATCH_BYTES / 2), entry(MAX_BATCH_BYTES / 2 + 1)]).unwrap_err();
        assert_eq!(refusal.code, "AWS.SimpleQueueService.BatchRequestTooLong");
    }
}
