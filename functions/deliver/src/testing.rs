//! Test doubles and fixtures of several test modules.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lambda_events::event::sqs::SqsMessage;
use spillway_shared::hour::Hour;
use spillway_shared::message::{Encoding, Header, Kind, MessageId, seal};
use spillway_shared::retry::Outcome;
use spillway_shared::stream::StreamName;

use crate::s3::{Listed, Object, ObjectStore, PutError, Stored};
use crate::sqs::{CallError, Hidden, MAX_ENTRIES, MessageQueue};

/// A record with this payload.
pub(crate) fn record(stream: &str, payload: &str) -> String {
    format!("{{\"id\":\"x-0\",\"stream\":\"{stream}\",\"payload\":{payload}}}")
}

/// The payload of a [`record`].
pub(crate) fn payload(record: &str) -> &str {
    record.split_once("\"payload\":").unwrap().1.strip_suffix('}').unwrap()
}

/// The body of an SQS message of records with these payloads.
pub(crate) fn sealed(id: u128, stream: &str, payloads: &[&str]) -> String {
    let records: Vec<_> = payloads.iter().map(|payload| record(stream, payload)).collect();
    sealed_lines(id, stream, &records.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The body of an SQS message with these lines.
pub(crate) fn sealed_lines(id: u128, stream: &str, records: &[&str]) -> String {
    let text = records.join("\n") + "\n";
    let header = Header {
        kind: Kind::Accepted,
        id: MessageId::new(id),
        stream: StreamName::parse(stream).unwrap(),
        hour: Hour::parse("2026-11-21T18").unwrap(),
        records: u32::try_from(records.len()).unwrap(),
        bytes: u32::try_from(text.len()).unwrap(),
        encoding: if id.is_multiple_of(2) { Encoding::None } else { Encoding::ZstdBase64 },
    };
    seal(&header, &text).unwrap()
}

/// An SQS message.
pub(crate) fn sqs_message(id: &str, body: &str) -> SqsMessage {
    let mut message = SqsMessage::default();
    message.message_id = Some(id.to_owned());
    message.body = Some(body.to_owned());
    message
}

/// An SQS message that was received `receives` times.
pub(crate) fn received(receives: u32, id: &str, body: &str) -> SqsMessage {
    let mut message = sqs_message(id, body);
    message.receipt_handle = Some(id.to_owned());
    message.attributes = [("ApproximateReceiveCount".to_owned(), receives.to_string())].into();
    message
}

/// A queue in memory that records its calls. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct MemoryQueue {
    calls: Arc<Mutex<Calls>>,
    failures: Arc<AtomicUsize>,
}

/// The calls of a [`MemoryQueue`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls {
    /// The deleted handles, in order.
    pub(crate) deleted: Vec<String>,
    /// The hidden messages.
    pub(crate) hidden: Vec<Hidden>,
}

impl MemoryQueue {
    /// A queue whose first `calls` calls fail.
    pub(crate) fn failing(calls: usize) -> Self {
        Self { failures: Arc::new(calls.into()), ..Self::default() }
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Calls {
        self.calls.lock().unwrap().clone()
    }

    fn answer(&self, record: impl FnOnce(&mut Calls)) -> Outcome<(), CallError> {
        let one_less = |left: usize| left.checked_sub(1);
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            return Outcome::Again(CallError("500".to_owned()));
        }
        record(&mut self.calls.lock().unwrap());
        Outcome::Done(())
    }
}

impl MessageQueue for MemoryQueue {
    async fn delete(&self, handles: &[String]) -> Outcome<(), CallError> {
        assert!((1..=MAX_ENTRIES).contains(&handles.len()));
        self.answer(|calls| calls.deleted.extend_from_slice(handles))
    }

    async fn hide(&self, messages: &[Hidden]) -> Outcome<(), CallError> {
        assert!((1..=MAX_ENTRIES).contains(&messages.len()));
        self.answer(|calls| calls.hidden.extend_from_slice(messages))
    }
}

/// How a [`Memory`] answers one PUT.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// Stores the object.
    Take,
    /// Fails with a transient error.
    Fail,
    /// Stores the object and fails: the answer is lost.
    TakeAndFail,
    /// Refuses the object for good.
    Refuse,
    /// Never answers.
    Stall,
    /// Panics.
    Panic,
}

/// A bucket in memory that misbehaves on request.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Inside>);

type Acts = Box<dyn Fn(&Object, usize) -> Act + Send + Sync>;

struct Inside {
    objects: Mutex<BTreeMap<String, Object>>,
    acts: Acts,
    calls: AtomicUsize,
    running: AtomicUsize,
    max_running: AtomicUsize,
}

impl Memory {
    /// A bucket that stores everything.
    pub(crate) fn new() -> Self {
        Self::acting(|_, _| Act::Take)
    }

    /// A bucket that asks `acts` how to answer, given the object and the number of earlier calls.
    pub(crate) fn acting(acts: impl Fn(&Object, usize) -> Act + Send + Sync + 'static) -> Self {
        let (calls, running, max_running) = Default::default();
        Self(Arc::new(Inside { objects: Mutex::default(), acts: Box::new(acts), calls, running, max_running }))
    }

    /// All objects, by key.
    pub(crate) fn objects(&self) -> BTreeMap<String, Object> {
        self.0.objects.lock().unwrap().clone()
    }

    /// The number of PUTs.
    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// The most PUTs that ran at once.
    pub(crate) fn max_running(&self) -> usize {
        self.0.max_running.load(Ordering::SeqCst)
    }

    fn take(&self, object: &Object) -> Stored {
        match self.0.objects.lock().unwrap().entry(object.key.clone()) {
            Entry::Vacant(place) => {
                place.insert(object.clone());
                Stored::Now
            }
            Entry::Occupied(_) => Stored::Before,
        }
    }
}

impl ObjectStore for Memory {
    async fn put(&self, object: &Object) -> Outcome<Stored, PutError> {
        let act = (self.0.acts)(object, self.0.calls.fetch_add(1, Ordering::SeqCst));
        self.0.max_running.fetch_max(self.0.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        match act {
            Act::Take => Outcome::Done(self.take(object)),
            Act::Fail => Outcome::Again(PutError("500".to_owned())),
            Act::TakeAndFail => {
                self.take(object);
                Outcome::Again(PutError("lost".to_owned()))
            }
            Act::Refuse => Outcome::Never(PutError("403".to_owned())),
            Act::Stall => std::future::pending().await,
            Act::Panic => panic!("on purpose"),
        }
    }

    /// Two keys a page, so that listings have several.
    async fn list(&self, prefix: &str, after: &str) -> Outcome<Listed, PutError> {
        let objects = self.0.objects.lock().unwrap();
        let mut keys = objects.keys().filter(|key| key.starts_with(prefix) && key.as_str() > after);
        let page: Vec<_> = keys.by_ref().take(2).cloned().collect();
        Outcome::Done(Listed { keys: page, is_truncated: keys.next().is_some() })
    }
}
