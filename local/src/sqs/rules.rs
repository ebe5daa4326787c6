//! The limits of SQS: see its API reference, `SendMessageBatch`, `SendMessage`, `ReceiveMessage`.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use memchr::memmem;

use super::protocol::{Refusal, Send};

/// Bytes of all messages of one batch together, and of a message in a queue that allows the most.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// Messages in flight in one queue.
pub(super) const MAX_IN_FLIGHT: usize = 120_000;
/// Seconds that a received message can stay hidden.
pub(super) const VISIBILITY_TIMEOUT: RangeInclusive<u32> = 0..=43_200;
/// Seconds that a message can be delayed.
pub(super) const DELAY: RangeInclusive<u32> = 0..=900;
/// Entries of a batch.
const MAX_ENTRIES: usize = 10;
/// Characters of the id of an entry.
const MAX_ID: usize = 80;

/// Checks the entries of a batch by their ids.
pub(super) fn entries(ids: &[String]) -> Result<(), Refusal> {
    let (count, distinct) = (ids.len(), ids.iter().collect::<HashSet<_>>().len());
    let (code, message) = match count {
        0 => ("EmptyBatchRequest", "There should be at least one entry in the request."),
        _ if count > MAX_ENTRIES => ("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10."),
        _ if !ids.iter().all(|id| is_id(id)) => (
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
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    let message = format!("Batch requests cannot be longer than {MAX_BYTES} bytes. You have sent {bytes} bytes.");
    Err(Refusal::of_sqs("BatchRequestTooLong", message))
}

/// Checks one message for a queue with a maximum size. In a batch this fails the entry, not the call.
pub(super) fn message(entry: &Send, max_bytes: usize) -> Result<(), Refusal> {
    if !entry.message_attributes.is_empty() {
        let message = "MessageAttributes are not supported here: a message of Spillway is its body alone.";
        return Err(Refusal::of_sqs("UnsupportedOperation", message));
    }
    if entry.message_body.is_empty() {
        return Err(Refusal::of_caller("MissingParameter", "The request must contain the parameter MessageBody."));
    }
    if entry.message_body.len() > max_bytes {
        let message =
            format!("One or more parameters are invalid. Reason: Message must be shorter than {max_bytes} bytes.");
        return Err(Refusal::of_parameter(message));
    }
    contents(&entry.message_body)
}

/// A number of a call, if the call has it; an error outside its range.
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

fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len())
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
    use std::collections::BTreeMap;

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
    fn the_bytes_of_a_batch_count_together() {
        let half = MAX_BYTES / 2;
        let of = |bytes: [usize; 2]| batch_bytes(&bytes.map(|bytes| entry("x".repeat(bytes))));
        assert_eq!(of([half, half]), Ok(()));
        assert_eq!(of([half, half + 1]).unwrap_err().code, "AWS.SimpleQueueService.BatchRequestTooLong");
    }

    #[test]
    fn a_message_has_a_body_within_its_limit() {
        for max in [1_024, MAX_BYTES] {
            assert_eq!(message(&entry("x".repeat(max)), max), Ok(()));
            assert!(message(&entry("x".repeat(max + 1)), max).is_err());
        }
        assert!(message(&entry(""), MAX_BYTES).is_err());
    }

    #[test]
    fn a_number_is_within_its_range() {
        for (delay, is_good) in
            [(None, true), (Some(0), true), (Some(900), true), (Some(901), false), (Some(-1), false)]
        {
            assert_eq!(in_range("DelaySeconds", delay, DELAY).is_ok(), is_good, "{delay:?}");
        }
    }
}
