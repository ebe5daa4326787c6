//! What SQS refuses.
//!
//! Limits: API reference of SQS, `SendMessageBatch`, `SendMessage`, `ReceiveMessage`, `SetQueueAttributes`.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use memchr::memmem;
use serde_json::{Value, json};

use super::protocol::{Receive, Refusal, Send};
use super::queue::{Attributes, Redrive};

/// Bytes of a message, and of all messages of one batch together.
pub(super) const MAX_BYTES: u32 = 1 << 20;
/// Messages in flight in one queue.
pub(super) const MAX_IN_FLIGHT: usize = 120_000;
/// Seconds that a received message can stay hidden.
pub(super) const VISIBILITY_TIMEOUT: RangeInclusive<u32> = 0..=43_200;
/// Seconds that a message can be delayed.
pub(super) const DELAY: RangeInclusive<u32> = 0..=900;
/// Receives before a message is dead-lettered.
const RECEIVES: RangeInclusive<u64> = 1..=1_000;
/// Entries of a batch.
const MAX_ENTRIES: usize = 10;
/// Characters of a name: a queue's, a batch entry's.
const MAX_NAME: usize = 80;

/// Checks the entries of a batch by their ids.
pub(super) fn entries(ids: &[String]) -> Result<(), Refusal> {
    let (count, distinct) = (ids.len(), ids.iter().collect::<HashSet<_>>().len());
    let (code, message) = match count {
        0 => ("EmptyBatchRequest", "There should be at least one entry in the request."),
        _ if count > MAX_ENTRIES => ("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10."),
        _ if !ids.iter().all(|id| is_name(id)) => (
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
             It can be at most 80 letters long.",
        ),
        _ if distinct < count => ("BatchEntryIdsNotDistinct", "Two or more entries have the same id."),
        _ => return Ok(()),
    };
    Err(Refusal::of_sqs(code, message))
}

/// Checks the bytes of a batch of messages together.
pub(super) fn batch_bytes(entries: &[Send]) -> Result<(), Refusal> {
    let bytes: usize = entries.iter().map(|entry| entry.message_body.len()).sum();
    if bytes <= MAX_BYTES as usize {
        return Ok(());
    }
    let message = format!("Batch requests cannot be longer than {MAX_BYTES} bytes. You have sent {bytes} bytes.");
    Err(Refusal::of_sqs("BatchRequestTooLong", message))
}

/// Checks one message. In a batch this fails the entry, not the call.
pub(super) fn message(entry: &Send, max_bytes: u32) -> Result<(), Refusal> {
    if !entry.message_attributes.is_empty() {
        let message = "MessageAttributes are not supported here: a message of Spillway is its body alone.";
        return Err(Refusal::of_sqs("UnsupportedOperation", message));
    }
    if entry.message_body.is_empty() {
        return Err(Refusal::of_caller("MissingParameter", "The request must contain the parameter MessageBody."));
    }
    if entry.message_body.len() > max_bytes as usize {
        let message =
            format!("One or more parameters are invalid. Reason: Message must be shorter than {max_bytes} bytes.");
        return Err(Refusal::of_parameter(message));
    }
    in_range("DelaySeconds", entry.delay_seconds, DELAY)?;
    contents(&entry.message_body)
}

/// Checks how many messages are asked for and how long that may wait.
pub(super) fn receive(call: &Receive) -> Result<(), Refusal> {
    in_range("MaxNumberOfMessages", call.max_number_of_messages, 1..=10)?;
    in_range("WaitTimeSeconds", call.wait_time_seconds, 0..=20)?;
    in_range("VisibilityTimeout", call.visibility_timeout, VISIBILITY_TIMEOUT).map(drop)
}

/// A number of a call, if it is given and in its range.
pub(super) fn in_range(name: &str, value: Option<i64>, range: RangeInclusive<u32>) -> Result<Option<u32>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    let number = u32::try_from(value).ok().filter(|number| range.contains(number));
    let (min, max) = range.into_inner();
    number.map(Some).ok_or_else(|| {
        Refusal::of_parameter(format!(
            "Value {value} for parameter {name} is invalid. Reason: Must be between {min} and {max}, if provided."
        ))
    })
}

/// Checks a queue's name.
pub(super) fn queue_name(name: &str) -> Result<(), Refusal> {
    let message = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.";
    if is_name(name) { Ok(()) } else { Err(Refusal::of_parameter(message)) }
}

/// A queue's attributes with those changed that are given.
pub(super) fn changed(current: &Attributes, given: &BTreeMap<String, String>) -> Result<Attributes, Refusal> {
    let mut attributes = current.clone();
    for (name, value) in given {
        match name.as_str() {
            "VisibilityTimeout" => attributes.visibility_timeout = number(name, value, &VISIBILITY_TIMEOUT)?,
            "DelaySeconds" => attributes.delay = number(name, value, &DELAY)?,
            "MaximumMessageSize" => attributes.max_message_bytes = number(name, value, &(1_024..=MAX_BYTES))?,
            "RedrivePolicy" => attributes.redrive = redrive(value)?,
            _ => {
                let message = format!("The attribute {name} is not supported here.");
                return Err(Refusal::of_caller("InvalidAttributeName", message));
            }
        }
    }
    Ok(attributes)
}

/// A redrive policy as its queue shows it.
pub(super) fn redrive_policy(redrive: &Redrive, arn: impl Fn(&str) -> String) -> String {
    json!({"deadLetterTargetArn": arn(&redrive.dead_letters), "maxReceiveCount": redrive.max_receives}).to_string()
}

/// Reads a redrive policy; its `maxReceiveCount` may be text. An empty text is none.
fn redrive(text: &str) -> Result<Option<Redrive>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let read = || {
        let policy: Value = serde_json::from_str(text).ok()?;
        let count = policy.get("maxReceiveCount")?;
        let count = count.as_str().map_or_else(|| count.as_u64(), |text| text.parse().ok())?;
        let dead_letters = policy.get("deadLetterTargetArn")?.as_str()?.rsplit(':').next()?.to_owned();
        let max_receives = u32::try_from(count).ok().filter(|_| RECEIVES.contains(&count))?;
        Some(Redrive { dead_letters, max_receives })
    };
    read().map(Some).ok_or_else(|| invalid("RedrivePolicy", text))
}

fn number(name: &str, text: &str, range: &RangeInclusive<u32>) -> Result<u32, Refusal> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| Refusal { code: "InvalidAttributeValue".to_owned(), ..invalid(name, text) })
}

fn invalid(name: &str, text: &str) -> Refusal {
    Refusal::of_parameter(format!("Value {text} for parameter {name} is invalid."))
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Checks the characters of a message: those of XML 1.0.
fn contents(body: &str) -> Result<(), Refusal> {
    let bytes = body.as_bytes();
    let control = bytes.iter().any(|byte| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'));
    if control || has_noncharacter(bytes) {
        let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | \
                       #xE000 to #xFFFD | #x10000 to #x10FFFF";
        return Err(Refusal::of_caller("InvalidMessageContents", message));
    }
    Ok(())
}

/// U+FFFE and U+FFFF are EF BF BE and EF BF BF in UTF-8.
fn has_noncharacter(bytes: &[u8]) -> bool {
    memmem::find_iter(bytes, b"\xEF\xBF").any(|at| matches!(bytes.get(at + 2), Some(0xBE | 0xBF)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(body: impl Into<String>) -> Send {
        let (queue_url, id, message_attributes) = (String::new(), "a".to_owned(), BTreeMap::new());
        Send { queue_url, id, message_body: body.into(), delay_seconds: None, message_attributes }
    }

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
        let of = |count: &str| redrive(&format!("{{\"deadLetterTargetArn\":\"a:b\",\"maxReceiveCount\":{count}}}"));
        assert_eq!(of("\"5\""), of("5"));
        assert_eq!(of("5").unwrap(), Some(Redrive { dead_letters: "b".to_owned(), max_receives: 5 }));
        for bad in ["0", "\"0\"", "1001", "\"five\"", "null", "-1"] {
            assert!(of(bad).is_err(), "{bad}");
        }
        assert_eq!(redrive(""), Ok(None));
    }

    #[test]
    fn the_bytes_of_a_batch_count_together() {
        let half = MAX_BYTES as usize / 2;
        let of = |bytes: [usize; 2]| batch_bytes(&bytes.map(|bytes| entry("x".repeat(bytes))));
        assert_eq!(of([half, half]), Ok(()));
        assert_eq!(of([half, half + 1]).unwrap_err().code, "AWS.SimpleQueueService.BatchRequestTooLong");
    }

    #[test]
    fn a_message_has_a_body_within_its_limits() {
        assert_eq!(message(&entry("x".repeat(1_024)), 1_024), Ok(()));
        assert!(message(&entry("x".repeat(1_025)), 1_024).is_err());
        assert!(message(&entry(""), 1_024).is_err());
        for (delay, is_good) in [(0, true), (900, true), (901, false), (-1, false)] {
            let entry = Send { delay_seconds: Some(delay), ..entry("x") };
            assert_eq!(message(&entry, 1_024).is_ok(), is_good, "{delay}");
        }
    }

    #[test]
    fn an_attribute_that_would_have_no_effect_is_refused() {
        let current = Attributes { visibility_timeout: 1, delay: 0, max_message_bytes: 2_000, redrive: None };
        let with = |name: &str, value: &str| changed(&current, &BTreeMap::from([(name.to_owned(), value.to_owned())]));
        assert_eq!(with("DelaySeconds", "900").unwrap(), Attributes { delay: 900, ..current.clone() });
        for (name, value, code) in [
            ("DelaySeconds", "901", "InvalidAttributeValue"),
            ("VisibilityTimeout", "long", "InvalidAttributeValue"),
            ("MaximumMessageSize", "1048577", "InvalidAttributeValue"),
            ("RedrivePolicy", "{}", "InvalidParameterValue"),
            ("MessageRetentionPeriod", "60", "InvalidAttributeName"),
        ] {
            assert_eq!(with(name, value).unwrap_err().code, code, "{name}");
        }
    }
}
