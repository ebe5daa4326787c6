//! From SQS messages to messages: headers are read first, records only when their object is made.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aws_lambda_events::event::sqs::SqsMessage;
use spillway_shared::message::{self, MessageId, Sealed, Unreadable};

/// Why a message is quarantined that can be read, but not be told from another one by its id.
pub const SAME_ID: &str = "another message in the batch has the same id";

/// A batch whose headers were read. SQS messages are named by their place in the batch.
#[derive(Debug, Default)]
pub struct Unpacked<'a> {
    /// All messages, no two with the same id.
    pub messages: Vec<Message<'a>>,
    /// SQS messages that hold no message that this deliver can read.
    pub faults: Vec<(usize, Fault)>,
}

/// A message whose header was read.
#[derive(Debug)]
pub struct Message<'a> {
    /// Its header, and its records still packed.
    pub sealed: Sealed<'a>,
    /// The SQS messages that carry it: usually one, more after a resend or a second delivery. They share its fate.
    pub carriers: Vec<usize>,
}

/// Why a message is not stored as records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It will never be readable: to be quarantined.
    #[error("{0}")]
    Unreadable(String),
    /// It may be readable later, or elsewhere: to be handed back to SQS.
    #[error("{0}")]
    HandedBack(String),
}

/// Reads the headers of the messages of a batch at these places.
///
/// Equal messages are kept once. Another message under an id that is taken cannot be stored under it, so it counts
/// as unreadable.
#[must_use]
pub fn unpack<'a>(batch: &'a [SqsMessage], places: &[usize]) -> Unpacked<'a> {
    let mut unpacked = Unpacked::default();
    let mut known = HashMap::with_capacity(places.len());
    for carrier in places.iter().copied() {
        match open(&batch[carrier]) {
            Ok(sealed) => unpacked.add(carrier, sealed, &mut known),
            Err(fault) => unpacked.faults.push((carrier, fault)),
        }
    }
    unpacked
}

/// The records of a message.
///
/// # Errors
/// Why there are none; a panic on the way is this message's fault alone.
pub fn records<'a>(sealed: &'a Sealed<'_>) -> Result<Cow<'a, [u8]>, Fault> {
    guarded(|| sealed.records())
}

/// Adds the records of a message to the end of `onto`; returns the zstd frames in which they came, if they did.
///
/// # Errors
/// As in [`records`]; what `onto` then ends with is not to be used.
pub fn records_onto(sealed: &Sealed<'_>, onto: &mut Vec<u8>) -> Result<Option<Vec<u8>>, Fault> {
    guarded(|| sealed.records_onto(onto))
}

impl<'a> Unpacked<'a> {
    fn add(&mut self, carrier: usize, sealed: Sealed<'a>, known: &mut HashMap<MessageId, usize>) {
        match known.entry(sealed.header.id) {
            Entry::Vacant(place) => {
                place.insert(self.messages.len());
                self.messages.push(Message { sealed, carriers: vec![carrier] });
            }
            Entry::Occupied(place) if self.messages[*place.get()].sealed == sealed => {
                self.messages[*place.get()].carriers.push(carrier);
            }
            Entry::Occupied(_) => {
                self.faults.push((carrier, Fault::Unreadable(SAME_ID.to_owned())));
            }
        }
    }
}

fn open(sqs_message: &SqsMessage) -> Result<Sealed<'_>, Fault> {
    match sqs_message.body.as_deref() {
        None | Some("") => Err(Fault::Unreadable("no body".to_owned())),
        Some(body) => guarded(|| message::open(body)),
    }
}

/// Nothing here should panic; should it all the same, then other messages do not pay for it.
fn guarded<T>(read: impl FnOnce() -> Result<T, Unreadable>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(Fault::from),
        Err(_) => Err(Fault::HandedBack("reading it panicked".to_owned())),
    }
}

impl From<Unreadable> for Fault {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Broken(reason) => Self::Unreadable(reason),
            Unreadable::Version(_) => Self::HandedBack(unreadable.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{sealed, sqs_message};

    #[test]
    fn equal_messages_are_kept_once_and_share_their_carriers() {
        let batch = [
            sqs_message("a", &sealed(1, "clicks", &["{}"])),
            sqs_message("b", &sealed(2, "clicks", &["{}"])),
            sqs_message("c", &sealed(1, "clicks", &["{}"])),
        ];
        let carriers: Vec<_> =
            unpack(&batch, &[0, 1, 2]).messages.into_iter().map(|message| message.carriers).collect();
        assert_eq!(carriers, [vec![0, 2], vec![1]]);
    }

    #[test]
    fn another_message_under_the_same_id_is_not_lost() {
        let batch = [sqs_message("a", &sealed(1, "clicks", &["{}"])), sqs_message("b", &sealed(1, "clicks", &["[]"]))];
        let unpacked = unpack(&batch, &[0, 1]);
        assert_eq!(unpacked.messages[0].carriers, [0]);
        assert!(matches!(&unpacked.faults[..], [(1, Fault::Unreadable(_))]), "{:?}", unpacked.faults);
    }

    #[test]
    fn a_newer_version_is_handed_back_and_the_rest_that_cannot_be_read_is_unreadable() {
        let mut without_body = sqs_message("d", "");
        without_body.body = None;
        let batch = [sqs_message("a", "{\"v\":2}\n"), sqs_message("b", "{}"), sqs_message("c", ""), without_body];
        let faults = unpack(&batch, &[0, 1, 2, 3]).faults;
        assert_eq!(faults[0], (0, Fault::HandedBack("version 2 of a message is not known".to_owned())));
        assert_eq!(faults[2], (2, Fault::Unreadable("no body".to_owned())));
        assert!(faults[1..].iter().all(|(_, fault)| matches!(fault, Fault::Unreadable(_))), "{faults:?}");
    }

    #[test]
    fn a_panic_hands_the_message_back() {
        let result = guarded::<()>(|| panic!("on purpose"));
        assert_eq!(result, Err(Fault::HandedBack("reading it panicked".to_owned())));
    }
}
