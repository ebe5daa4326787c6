//! Unreadable messages are stored whole, with the reason, for an operator to look at.

use std::time::{Duration, SystemTime};

use aws_lambda_events::event::sqs::SqsMessage;
use serde::Serialize;
use sha2::{Digest, Sha256};
use spillway_shared::hour::{Hour, timestamp};

use crate::index::BatchIndex;
use crate::object::hex;
use crate::s3::Object;

/// The prefix of the keys of quarantined messages.
pub const PREFIX: &str = "quarantine/";

/// An SQS message that can never be decoded.
#[derive(Debug)]
pub struct Broken<'a> {
    /// Its index in the batch.
    pub index: BatchIndex,
    /// The message as SQS delivered it.
    pub sqs_message: &'a SqsMessage,
    /// Why it cannot be decoded.
    pub reason: String,
}

impl Broken<'_> {
    /// The object that stores it.
    ///
    /// The key is `quarantine/dt=<day>/<SQS message id>.json`, with the day on which the message was sent, or today if
    /// that is unknown. It is the same at every delivery, so a message is stored once.
    #[must_use]
    pub fn object(&self, now: SystemTime) -> Object {
        let sent = sent(self.sqs_message);
        Object {
            key: format!("{PREFIX}dt={}/{}.json", Hour::of(sent.unwrap_or(now)).date(), name(self.sqs_message)),
            // Serialising text and numbers never fails.
            body: serde_json::to_vec(&self.quarantined(sent)).unwrap_or_default().into(),
            content_type: "application/json",
            records: None,
        }
    }

    /// Approximately the most bytes of [`Broken::object`]: escaping doubles quotes and line feeds.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        2 * self.sqs_message.body.as_deref().map_or(0, str::len) + 1_024
    }

    fn quarantined(&self, sent: Option<SystemTime>) -> Quarantined<'_> {
        Quarantined {
            reason: &self.reason,
            message_id: self.sqs_message.message_id.as_deref(),
            receive_count: attribute(self.sqs_message, "ApproximateReceiveCount"),
            sent_at: sent.map(timestamp),
            body: self.sqs_message.body.as_deref(),
        }
    }
}

/// The content of the object.
#[derive(Serialize)]
struct Quarantined<'a> {
    reason: &'a str,
    message_id: Option<&'a str>,
    receive_count: Option<u64>,
    sent_at: Option<String>,
    body: Option<&'a str>,
}

/// The SQS message id if it can be part of a key, otherwise a digest of the body.
fn name(sqs_message: &SqsMessage) -> String {
    let safe = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match sqs_message.message_id.as_deref().filter(safe) {
        Some(id) => id.to_owned(),
        None => hex(&Sha256::digest(sqs_message.body.as_deref().unwrap_or_default())[..16]),
    }
}

fn sent(sqs_message: &SqsMessage) -> Option<SystemTime> {
    // A timestamp cannot be written for years after 9999.
    let millis = attribute(sqs_message, "SentTimestamp").filter(|millis| *millis < 253_402_300_800_000)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

fn attribute(sqs_message: &SqsMessage, name: &str) -> Option<u64> {
    sqs_message.attributes.get(name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::sqs_message;

    fn object(sqs_message: &SqsMessage, reason: &str) -> Object {
        Broken { index: BatchIndex(0), sqs_message, reason: reason.to_owned() }.object(SystemTime::UNIX_EPOCH)
    }

    fn body_of(object: &Object) -> Value {
        serde_json::from_slice(&object.body).unwrap()
    }

    #[test]
    fn a_message_is_stored_whole_with_the_reason() {
        let mut message = sqs_message("0f3c-1", "broken\n\"text\" ä");
        message.attributes = [("ApproximateReceiveCount", "3"), ("SentTimestamp", "1795286340123")]
            .map(|(k, v)| (k.into(), v.into()))
            .into();
        let object = object(&message, "no header");
        assert_eq!(object.key, "quarantine/dt=2026-11-21/0f3c-1.json");
        let expected = json!({
            "reason": "no header", "message_id": "0f3c-1", "receive_count": 3,
            "sent_at": "2026-11-21T18:39:00.123Z", "body": "broken\n\"text\" ä",
        });
        assert_eq!(body_of(&object), expected);
    }

    #[test]
    fn missing_attributes_are_null_and_the_day_is_today() {
        let message = SqsMessage::default();
        let object = object(&message, "no body");
        assert_eq!(object.key, "quarantine/dt=1970-01-01/e3b0c44298fc1c149afbf4c8996fb924.json");
        let expected =
            json!({"reason": "no body", "message_id": null, "receive_count": null, "sent_at": null, "body": null});
        assert_eq!(body_of(&object), expected);
    }

    #[test]
    fn an_id_that_cannot_be_part_of_a_key_is_replaced_by_a_digest() {
        for id in ["", "../../x", "a/b", "ä", &"x".repeat(129)] {
            let object = object(&sqs_message(id, "x"), "r");
            assert_eq!(object.key, "quarantine/dt=1970-01-01/2d711642b726b04401627ca9fbac32f5.json", "{id}");
        }
    }

    #[test]
    fn invalid_times_are_null() {
        for time in ["", "-1", "18446744073709551615", "253402300800000", "now"] {
            let mut message = sqs_message("id", "x");
            message.attributes = [("SentTimestamp".to_owned(), time.to_owned())].into();
            assert_eq!(body_of(&object(&message, "r"))["sent_at"], Value::Null, "{time}");
        }
    }
}
