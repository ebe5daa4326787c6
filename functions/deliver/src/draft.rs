//! From a plan to an object's bytes, holding no more than the memory that was reserved for it.

use std::borrow::Cow;
use std::io;
use std::iter;
use std::ops::Range;
use std::sync::Arc;
use std::thread;

use spillway_shared::message::{Header, Sealed};
use spillway_shared::pool::Reservation;
use tokio::task;

use crate::encode::{Compression, Encoder};
use crate::metrics::{Oldest, Upload};
use crate::object::{self, Parts, Plan};
use crate::s3::Object;
use crate::unpack::{self, Fault, Message};

/// After so many bytes of records an encoder lets others have the thread: some 2 ms of gzip.
const YIELD_BYTES: usize = 128 << 10;

/// How objects are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// What every key begins with.
    pub prefix: String,
    /// How records are compressed.
    pub compression: Compression,
}

/// An object that has its memory and is still to be made. Messages are named by their place in the batch.
#[derive(Debug)]
pub enum Draft<'a> {
    /// Whole messages.
    Whole(Vec<usize>, Reservation),
    /// Some records of one message.
    Part(Arc<Split<'a>>, Range<usize>),
    /// Nothing: a message that should be split and cannot be read.
    Unreadable(usize, Fault),
}

/// The drafts of one plan, made as they are asked for.
pub type Drafts<'a> = Box<dyn Iterator<Item = Draft<'a>> + Send + 'a>;

/// A message that is stored in parts: unpacked once, held until the last part is stored.
#[derive(Debug)]
pub struct Split<'a> {
    at: usize,
    records: Cow<'a, [u8]>,
    /// Where each record begins, and where the last one ends.
    bounds: Vec<usize>,
    _held: Reservation,
}

/// What was made of a draft.
#[derive(Debug, Default)]
pub struct Made {
    /// The object, unless there was nothing to put into it.
    pub object: Option<Object>,
    /// The messages that it holds, or of which it holds a part.
    pub messages: Vec<usize>,
    /// Messages that were to be in it and turned out to have no records that can be read.
    pub faults: Vec<(usize, Fault)>,
    /// When the first of its records was received.
    pub oldest: Oldest,
}

/// The most that is held while the objects of a plan are made and stored, in bytes.
#[must_use]
pub fn most_bytes(plan: &Plan, messages: &[Message<'_>], form: &Form) -> usize {
    let bytes = |at: &usize| messages[*at].sealed.header.bytes as usize;
    match plan {
        Plan::Whole(inside) => {
            let one_unpacked = inside.iter().map(bytes).max().unwrap_or_default();
            one_unpacked + form.compression.most_bytes(inside.iter().map(bytes).sum())
        }
        Plan::Parts(Parts { message, .. }) => {
            let bounds = messages[*message].sealed.header.records as usize * size_of::<usize>();
            bytes(message) + bounds + form.compression.most_bytes(bytes(message))
        }
    }
}

/// The drafts of a plan that has its memory.
#[must_use]
pub fn drafts<'a>(plan: Plan, messages: &'a [Message<'a>], held: Reservation) -> Drafts<'a> {
    match plan {
        Plan::Whole(inside) => Box::new(iter::once(Draft::Whole(inside, held))),
        Plan::Parts(parts) => match Split::new(parts.message, messages, held) {
            Ok(split) => {
                let split = Arc::new(split);
                Box::new(parts.ranges().map(move |part| Draft::Part(Arc::clone(&split), part)))
            }
            Err(fault) => Box::new(iter::once(Draft::Unreadable(parts.message, fault))),
        },
    }
}

impl Draft<'_> {
    /// The messages that are to be in the object, or in part.
    #[must_use]
    pub fn messages(&self) -> Vec<usize> {
        match self {
            Self::Whole(inside, _) => inside.clone(),
            Self::Part(split, _) => vec![split.at],
            Self::Unreadable(at, _) => vec![*at],
        }
    }

    /// Makes the object.
    ///
    /// # Errors
    /// What the compressor says.
    pub async fn make(&self, messages: &[Message<'_>], form: &Form) -> io::Result<Made> {
        match self {
            Self::Whole(inside, _) => whole(inside, messages, form).await,
            Self::Part(split, part) => split.part(part, &messages[split.at].sealed.header, form),
            Self::Unreadable(at, fault) => Ok(Made { faults: vec![(*at, fault.clone())], ..Made::default() }),
        }
    }

    /// Gives back the memory that a finished object of so many bytes does not take.
    pub fn shrink(&mut self, bytes: usize) {
        if let Self::Whole(_, held) = self {
            held.shrink(bytes);
        }
    }
}

async fn whole(inside: &[usize], messages: &[Message<'_>], form: &Form) -> io::Result<Made> {
    let bytes = inside.iter().map(|at| messages[*at].sealed.header.bytes as usize).sum();
    let mut encoder = Encoder::new(form.compression, bytes);
    let (mut made, mut since_yield) = (Made::default(), 0);
    for at in inside {
        let sealed = &messages[*at].sealed;
        match encoder.push(|onto| unpack_onto(onto, sealed, &mut made.oldest)) {
            Ok(compressed) => {
                compressed?;
                made.messages.push(*at);
            }
            Err(fault) => made.faults.push((*at, fault)),
        }
        since_yield += sealed.header.bytes as usize;
        if since_yield >= YIELD_BYTES {
            since_yield = 0;
            let_others().await;
        }
    }
    made.object = made.of_whole(messages, form, encoder)?;
    Ok(made)
}

/// Lets other tasks have the thread, and other processes the processor: where they share one, as on one's own machine,
/// somebody waits for an answer while nobody waits for an object.
async fn let_others() {
    thread::yield_now();
    task::yield_now().await;
}

fn unpack_onto(onto: &mut Vec<u8>, sealed: &Sealed<'_>, oldest: &mut Oldest) -> Result<Option<Vec<u8>>, Fault> {
    let start = onto.len();
    let frames = unpack::records_onto(sealed, onto)?;
    oldest.see(&onto[start..]);
    Ok(frames)
}

impl Made {
    /// What is counted of it, before it is stored.
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

    /// The object of what was really put into it.
    fn of_whole(&self, messages: &[Message<'_>], form: &Form, encoder: Encoder) -> io::Result<Option<Object>> {
        let headers: Vec<_> = self.messages.iter().map(|at| &messages[*at].sealed.header).collect();
        let Some(first) = headers.first() else { return Ok(None) };
        let name = object::name(headers.iter().map(|header| header.id).collect());
        let records = headers.iter().map(|header| u64::from(header.records)).sum();
        Ok(Some(form.object(first, &name, encoder.finish()?, records)))
    }
}

impl<'a> Split<'a> {
    fn new(at: usize, messages: &'a [Message<'a>], held: Reservation) -> Result<Self, Fault> {
        let records = unpack::records(&messages[at].sealed)?;
        let ends = memchr::memchr_iter(b'\n', &records).map(|at| at + 1);
        let bounds = iter::once(0).chain(ends).collect();
        Ok(Self { at, records, bounds, _held: held })
    }

    fn part(&self, part: &Range<usize>, header: &Header, form: &Form) -> io::Result<Made> {
        // As many records as the header says were found, and parts are made from the header.
        let records = &self.records[self.bounds[part.start]..self.bounds[part.end]];
        let mut encoder = Encoder::new(form.compression, records.len());
        encoder.push_plain(records)?;
        let name = object::part_name(header.id, part);
        let object = form.object(header, &name, encoder.finish()?, part.len() as u64);
        let mut made = Made { object: Some(object), messages: vec![self.at], ..Made::default() };
        made.oldest.see(records);
        Ok(made)
    }
}

impl Form {
    fn object(&self, header: &Header, name: &str, body: Vec<u8>, records: u64) -> Object {
        Object {
            key: object::key(&self.prefix, header, name, self.compression),
            body: body.into(),
            content_type: "application/x-ndjson",
            records: Some(records),
        }
    }
}
