//! From SQS messages to messages: reads headers at once, records only when their object is made.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Index;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aws_lambda_events::event::sqs::SqsMessage;
use spillway_shared::message::{self, MessageId, Sealed, Unreadable};

use crate::index::{BatchIndex, MessageIndex};
use crate::lines;

/// Why a readable message is quarantined whose id another message has.
pub const SAME_ID: &str = "another message in the batch has the same id";

/// SQS messages whose headers were read.
#[derive(Debug, Default)]
pub struct Unpacked<'a> {
    /// All messages, each with a different id; a [`MessageIndex`] is an index into them.
    pub messages: Vec<Message<'a>>,
    /// SQS messages without a message that this version of deliver can read.
    pub errors: Vec<(BatchIndex, UnpackError)>,
    /// Test events of S3, which carry nothing to store.
    pub test_events: Vec<BatchIndex>,
}

/// A message whose header was read.
#[derive(Debug)]
pub struct Message<'a> {
    /// Its header, and its records still packed.
    pub sealed: Sealed<'a>,
    /// The SQS messages that carry it: usually one, several after a resend or a second delivery. They share its
    /// outcome.
    pub carriers: Vec<BatchIndex>,
}

impl<'a> Index<MessageIndex> for [Message<'a>] {
    type Output = Message<'a>;

    fn index(&self, index: MessageIndex) -> &Message<'a> {
        &self[index.0]
    }
}

/// Why a message cannot be stored as records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// No version can ever read it: it is quarantined.
    #[error("{0}")]
    Unreadable(String),
    /// Another attempt or another version may read it: it is returned to SQS.
    #[error("{0}")]
    Returned(String),
}

/// Reads the headers of the SQS messages at these indices.
///
/// Equal messages become one. A different message with an id that is taken cannot be stored under that id, so it is
/// unreadable.
#[must_use]
pub fn unpack<'a>(batch: &'a [SqsMessage], indices: &[BatchIndex]) -> Unpacked<'a> {
    let mut unpacked = Unpacked::default();
    let mut known = HashMap::with_capacity(indices.len());
    for carrier in indices.iter().copied() {
        match open(&batch[carrier]) {
            Ok(sealed) => unpacked.add(carrier, sealed, &mut known),
            Err(_) if batch[carrier].body.as_deref().is_some_and(message::is_s3_test_event) => {
                unpacked.test_events.push(carrier);
            }
            Err(error) => unpacked.errors.push((carrier, error)),
        }
    }
    unpacked
}

/// The records of a message.
///
/// # Errors
/// Why it has none, or which line is not a record of its stream. A panic while reading fails this message alone.
pub fn records<'a>(sealed: &'a Sealed<'_>) -> Result<Cow<'a, [u8]>, UnpackError> {
    guarded(|| {
        let records = sealed.records()?;
        lines::check(&records, &sealed.header.stream).map_err(Unreadable::Broken)?;
        Ok(records)
    })
}

/// Appends the records of a message to `onto`, and returns their zstd frames if the message has any.
///
/// # Errors
/// As in [`records`]. `onto` may then end with a part of the records.
pub fn records_onto(sealed: &Sealed<'_>, onto: &mut Vec<u8>) -> Result<Option<Vec<u8>>, UnpackError> {
    guarded(|| {
        let start = onto.len();
        let frames = sealed.records_onto(onto)?;
        lines::check(&onto[start..], &sealed.header.stream).map_err(Unreadable::Broken)?;
        Ok(frames)
    })
}

impl<'a> Unpacked<'a> {
    fn add(&mut self, carrier: BatchIndex, sealed: Sealed<'a>, known: &mut HashMap<MessageId, MessageIndex>) {
        match known.entry(sealed.header.id) {
            Entry::Vacant(entry) => {
                entry.insert(MessageIndex(self.messages.len()));
                self.messages.push(Message { sealed, carriers: vec![carrier] });
            }
            Entry::Occupied(entry) if self.messages[..][*entry.get()].sealed == sealed => {
                self.messages[entry.get().0].carriers.push(carrier);
            }
            Entry::Occupied(_) => {
                self.errors.push((carrier, UnpackError::Unreadable(SAME_ID.to_owned())));
            }
        }
    }
}

fn open(sqs_message: &SqsMessage) -> Result<Sealed<'_>, UnpackError> {
    match sqs_message.body.as_deref() {
        None | Some("") => Err(UnpackError::Unreadable("no body".to_owned())),
        Some(body) => guarded(|| message::open(body)),
    }
}

/// Reading should never panic. If it does, only this message fails.
fn guarded<T>(read: impl FnOnce() -> Result<T, Unreadable>) -> Result<T, UnpackError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(UnpackError::from),
        Err(_) => Err(UnpackError::Returned("reading it panicked".to_owned())),
    }
}

impl From<Unreadable> for UnpackError {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Broken(reason) => Self::Unreadable(reason),
            Unreadable::Version(_) => Self::Returned(unreadable.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{record, sealed, sealed_lines, sqs_message};

    fn unpack_all(batch: &[SqsMessage]) -> Unpacked<'_> {
        unpack(batch, &BatchIndex::all(batch).collect::<Vec<_>>())
    }

    #[test]
    fn equal_messages_become_one_with_several_carriers() {
        let batch = [
            sqs_message("a", &sealed(1, "clicks", &["{}"])),
            sqs_message("b", &sealed(2, "clicks", &["{}"])),
            sqs_message("c", &sealed(1, "clicks", &["{}"])),
        ];
        let carriers: Vec<_> = unpack_all(&batch).messages.into_iter().map(|message| message.carriers).collect();
        assert_eq!(carriers, [vec![BatchIndex(0), BatchIndex(2)], vec![BatchIndex(1)]]);
    }

    #[test]
    fn a_different_message_with_the_same_id_is_unreadable() {
        let batch = [sqs_message("a", &sealed(1, "clicks", &["{}"])), sqs_message("b", &sealed(1, "clicks", &["[]"]))];
        let unpacked = unpack_all(&batch);
        assert_eq!(unpacked.messages[0].carriers, [BatchIndex(0)]);
        assert_eq!(unpacked.errors, [(BatchIndex(1), UnpackError::Unreadable(SAME_ID.to_owned()))]);
    }

    #[test]
    fn a_newer_version_is_returned_and_every_other_broken_message_is_unreadable() {
        let mut without_body = sqs_message("d", "");
        without_body.body = None;
        let batch = [sqs_message("a", "{\"v\":3}\n"), sqs_message("b", "{}"), sqs_message("c", ""), without_body];
        let errors = unpack_all(&batch).errors;
        let version = UnpackError::Returned("version 3 of a message is not known".to_owned());
        assert_eq!(errors[0], (BatchIndex(0), version));
        assert_eq!(errors[2], (BatchIndex(2), UnpackError::Unreadable("no body".to_owned())));
        assert!(errors[1..].iter().all(|(_, error)| matches!(error, UnpackError::Unreadable(_))), "{errors:?}");
    }

    #[test]
    fn a_line_that_is_not_a_record_makes_its_message_unreadable() {
        // One of these is compressed, the other one is not.
        for id in [1, 2] {
            let text = sealed_lines(id, "clicks", &[&record("clicks", "1"), &record("views", "2")]);
            let sealed = message::open(&text).unwrap();
            let reason = "record 2 does not name the stream of the header after its id".to_owned();
            assert_eq!(records(&sealed), Err(UnpackError::Unreadable(reason.clone())));
            let mut onto = b"before\n".to_vec();
            assert_eq!(records_onto(&sealed, &mut onto), Err(UnpackError::Unreadable(reason)));
        }
    }

    #[test]
    fn a_test_event_of_s3_is_neither_a_message_nor_an_error() {
        let event = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-21T18:39:00.123Z","Bucket":"b"}"#;
        let unpacked_event = [sqs_message("a", event), sqs_message("b", &event.replace("TestEvent", "ObjectCreated"))];
        let unpacked = unpack_all(&unpacked_event);
        assert_eq!((unpacked.test_events.as_slice(), unpacked.messages.len()), (&[BatchIndex(0)][..], 0));
        assert_eq!(unpacked.errors.len(), 1);
    }

    #[test]
    fn a_panic_returns_the_message() {
        let result = guarded::<()>(|| panic!("on purpose"));
        assert_eq!(result, Err(UnpackError::Returned("reading it panicked".to_owned())));
    }
}
