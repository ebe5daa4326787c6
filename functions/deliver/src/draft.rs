//! From a plan to the bytes of an object, within the memory that was reserved for it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io;
use std::iter;
use std::ops::Range;
use std::sync::Arc;

use spillway_shared::message::{Header, Sealed};
use spillway_shared::pool::Reservation;
use tokio::task;

use crate::encode::{Compression, Encoder};
use crate::index::MessageIndex;
use crate::metrics::{Oldest, Upload};
use crate::object::{self, Plan, Split};
use crate::s3::Object;
use crate::unpack::{self, Message, UnpackError};

/// After this many bytes of records an encoder yields to the process's other tasks, such as uploads under way: about
/// 2 ms of gzip.
const YIELD_BYTES: usize = 128 << 10;

/// How objects are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// The prefix of every key.
    pub prefix: String,
    /// How records are compressed.
    pub compression: Compression,
}

/// An object to make, with its memory reserved.
#[derive(Debug)]
pub enum Draft<'a> {
    /// Whole messages.
    Whole(Vec<MessageIndex>, Reservation),
    /// Some records of one message.
    Part(Arc<SplitMessage<'a>>, Range<usize>),
    /// A part of a message that an earlier receive stored.
    Stored(MessageIndex),
    /// No object: the message to split cannot be unpacked.
    Failed(MessageIndex, UnpackError),
}

/// The drafts of one plan, made on demand.
pub type Drafts<'a> = Box<dyn Iterator<Item = Draft<'a>> + Send + 'a>;

/// A message that is stored in parts: unpacked once, and held until its last part is stored.
#[derive(Debug)]
pub struct SplitMessage<'a> {
    index: MessageIndex,
    name: String,
    records: Cow<'a, [u8]>,
    /// Where each record begins, and where the last one ends.
    bounds: Vec<usize>,
    _held: Reservation,
}

/// The result of a draft.
#[derive(Debug, Default)]
pub struct Made {
    /// The object; none if no message could be unpacked.
    pub object: Option<Object>,
    /// The messages in it, whole or in part.
    pub messages: Vec<MessageIndex>,
    /// The messages that could not be unpacked.
    pub errors: Vec<(MessageIndex, UnpackError)>,
    /// When its oldest record was received.
    pub oldest: Oldest,
}

/// The most bytes held while the objects of a plan are made and stored.
#[must_use]
pub fn max_bytes(plan: &Plan, messages: &[Message<'_>], format: &Format) -> usize {
    let bytes = |index: &MessageIndex| messages[*index].sealed.header.bytes as usize;
    match plan {
        Plan::Whole(inside) => {
            let one_unpacked = inside.iter().map(bytes).max().unwrap_or_default();
            one_unpacked + format.compression.max_bytes(inside.iter().map(bytes).sum())
        }
        Plan::Split(Split { message, .. }) => {
            let bounds = messages[*message].sealed.header.records as usize * size_of::<usize>();
            bytes(message) + bounds + format.compression.max_bytes(bytes(message))
        }
    }
}

/// The drafts of a plan, which hold its reserved memory. `stored` has the keys of parts that exist already.
#[must_use]
pub fn drafts<'a>(
    plan: Plan,
    messages: &'a [Message<'a>],
    held: Reservation,
    format: &'a Format,
    stored: BTreeSet<String>,
) -> Drafts<'a> {
    match plan {
        Plan::Whole(inside) => Box::new(iter::once(Draft::Whole(inside, held))),
        Plan::Split(split) => match SplitMessage::new(split.message, messages, held) {
            Ok(message) => {
                let message = Arc::new(message);
                let header = &messages[split.message].sealed.header;
                Box::new(split.parts().map(move |part| {
                    let is_stored = stored.contains(&message.key(&part, header, format));
                    if is_stored { Draft::Stored(split.message) } else { Draft::Part(Arc::clone(&message), part) }
                }))
            }
            Err(error) => Box::new(iter::once(Draft::Failed(split.message, error))),
        },
    }
}

impl Draft<'_> {
    /// The messages planned for the object, whole or in part.
    #[must_use]
    pub fn messages(&self) -> Vec<MessageIndex> {
        match self {
            Self::Whole(inside, _) => inside.clone(),
            Self::Part(message, _) => vec![message.index],
            Self::Stored(index) | Self::Failed(index, _) => vec![*index],
        }
    }

    /// Makes the object.
    ///
    /// # Errors
    /// The compressor failed.
    pub async fn make(&self, messages: &[Message<'_>], format: &Format) -> io::Result<Made> {
        match self {
            Self::Whole(inside, _) => whole(inside, messages, format).await,
            Self::Part(message, part) => message.part(part, &messages[message.index].sealed.header, format),
            Self::Stored(index) => Ok(Made { messages: vec![*index], ..Made::default() }),
            Self::Failed(index, error) => Ok(Made { errors: vec![(*index, error.clone())], ..Made::default() }),
        }
    }

    /// Releases the memory that a finished object of this many bytes does not need.
    pub fn shrink(&mut self, bytes: usize) {
        if let Self::Whole(_, held) = self {
            held.shrink(bytes);
        }
    }
}

async fn whole(inside: &[MessageIndex], messages: &[Message<'_>], format: &Format) -> io::Result<Made> {
    let bytes = inside.iter().map(|index| messages[*index].sealed.header.bytes as usize).sum();
    let mut encoder = Encoder::new(format.compression, bytes);
    let (mut made, mut since_yield) = (Made::default(), 0);
    for index in inside {
        let sealed = &messages[*index].sealed;
        match encoder.append(|onto| unpack_onto(onto, sealed, &mut made.oldest)) {
            Ok(()) => made.messages.push(*index),
            Err(error) => made.errors.push((*index, error)),
        }
        encoder.compress_pending()?;
        since_yield += sealed.header.bytes as usize;
        if since_yield >= YIELD_BYTES {
            since_yield = 0;
            task::yield_now().await;
        }
    }
    made.object = made.whole_object(messages, format, encoder)?;
    Ok(made)
}

fn unpack_onto(onto: &mut Vec<u8>, sealed: &Sealed<'_>, oldest: &mut Oldest) -> Result<Option<Vec<u8>>, UnpackError> {
    let start = onto.len();
    let frames = unpack::records_onto(sealed, onto)?;
    oldest.update(&onto[start..]);
    Ok(frames)
}

impl Made {
    /// The metrics of the object before it is stored.
    #[must_use]
    pub fn upload(&self) -> Upload {
        let object = self.object.as_ref();
        Upload {
            records: object.and_then(|object| object.records).unwrap_or_default(),
            bytes: object.map_or(0, |object| object.body.len() as u64),
            oldest: self.oldest,
            ..Upload::default()
        }
    }

    /// The object of the messages that could be unpacked.
    fn whole_object(&self, messages: &[Message<'_>], format: &Format, encoder: Encoder) -> io::Result<Option<Object>> {
        let inside: Vec<_> = self.messages.iter().map(|index| &messages[*index].sealed).collect();
        let Some(first) = inside.first() else { return Ok(None) };
        let records = inside.iter().map(|sealed| u64::from(sealed.header.records)).sum();
        let name = object::name(inside.iter().map(|sealed| sealed.identity()).collect());
        let key = object::key(&format.prefix, &first.header, &name, format.compression);
        Ok(Some(object_of(key, encoder.finish()?, records)))
    }
}

impl<'a> SplitMessage<'a> {
    fn new(index: MessageIndex, messages: &'a [Message<'a>], held: Reservation) -> Result<Self, UnpackError> {
        let records = unpack::records(&messages[index].sealed)?;
        let ends = memchr::memchr_iter(b'\n', &records).map(|end| end + 1);
        let bounds = iter::once(0).chain(ends).collect();
        let name = object::name(vec![messages[index].sealed.identity()]);
        Ok(Self { index, name, records, bounds, _held: held })
    }

    fn key(&self, part: &Range<usize>, header: &Header, format: &Format) -> String {
        object::key(&format.prefix, header, &object::part_name(&self.name, part), format.compression)
    }

    fn part(&self, part: &Range<usize>, header: &Header, format: &Format) -> io::Result<Made> {
        // In bounds: unpacking checked that the message has as many records as its header says.
        let records = &self.records[self.bounds[part.start]..self.bounds[part.end]];
        let mut encoder = Encoder::new(format.compression, records.len());
        encoder.push(records)?;
        let object = object_of(self.key(part, header, format), encoder.finish()?, part.len() as u64);
        let mut made = Made { object: Some(object), messages: vec![self.index], ..Made::default() };
        made.oldest.update(records);
        Ok(made)
    }
}

fn object_of(key: String, body: Vec<u8>, records: u64) -> Object {
    Object { key, body: body.into(), content_type: "application/x-ndjson", records: Some(records) }
}
