use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

const QUEUES: [&str; 2] = ["one", "other"];

/// One call, as a client could make it.
#[derive(Debug, Clone)]
enum Call {
    Send {
        queue: usize,
        bodies: Vec<String>,
        delay: Millis,
    },
    Receive {
        queue: usize,
        most: usize,
        hidden: Millis,
    },
    /// Deletes one of the messages that were received so far, by its last handle.
    Delete {
        queue: usize,
        which: prop::sample::Index,
    },
    Wait(Millis),
}

fn call() -> impl Strategy<Value = Call> {
    let queue = 0..QUEUES.len();
    prop_oneof![
        4 => (queue.clone(), prop::collection::vec(".{0,9}", 0..4), prop_oneof![Just(0), 0..50u64])
            .prop_map(|(queue, bodies, delay)| Call::Send { queue, bodies, delay }),
        4 => (queue.clone(), 1..4usize, 0..50u64)
            .prop_map(|(queue, most, hidden)| Call::Receive { queue, most, hidden }),
        3 => (queue, any::<prop::sample::Index>()).prop_map(|(queue, which)| Call::Delete { queue, which }),
        2 => (0..100u64).prop_map(Call::Wait),
    ]
}

/// The store of a journal, with both queues and their dead-letter queues.
fn open(path: &Path, now: Millis) -> Store {
    let mut store = Store::open(path, now).unwrap();
    for name in QUEUES {
        let dead_letters = format!("{name}-dead");
        store.create(&dead_letters, 1, None);
        store.create(name, 1, Some(Redrive { dead_letters, max_receives: 2 }));
    }
    store
}

fn message(id: u128, sent: Millis, delay: Millis, body: &str) -> Message {
    let (id, md5, body) = (Uuid::from_u128(id), "md5".to_owned(), Arc::from(body));
    Message { id, sent, visible: sent + delay, receives: 0, first_received: None, md5, body }
}

/// Runs calls against a store, and knows what has to be there after each of them.
struct Run {
    store: Store,
    now: Millis,
    sent: u128,
    handles: Vec<Handle>,
    /// After each call: the size of the journal, and the messages that were sent and not deleted.
    points: Vec<(u64, BTreeSet<Uuid>)>,
}

impl Run {
    fn new(path: &Path) -> Self {
        let mut run = Self { store: open(path, 0), now: 0, sent: 0, handles: Vec::new(), points: Vec::new() };
        run.note();
        run
    }

    fn make_all(&mut self, calls: Vec<Call>) {
        for call in calls {
            self.make(call);
        }
    }

    fn make(&mut self, call: Call) {
        match call {
            Call::Send { queue, bodies, delay } => {
                let first = self.sent;
                self.sent += bodies.len() as u128;
                let messages = (first..).zip(&bodies).map(|(id, body)| message(id, self.now, delay, body));
                self.store.send(QUEUES[queue], messages.collect()).unwrap();
            }
            Call::Receive { queue, most, hidden } => {
                let messages = self.store.receive(QUEUES[queue], most, self.now, self.now + hidden).unwrap();
                self.handles.extend(messages.iter().map(Message::handle));
            }
            Call::Delete { queue, which } if !self.handles.is_empty() => {
                let handle = *which.get(&self.handles);
                self.store.delete(QUEUES[queue], &[handle]).unwrap();
            }
            Call::Delete { .. } => {}
            Call::Wait(millis) => self.now += millis,
        }
        self.note();
    }

    fn note(&mut self) {
        let size = self.store.journal.as_ref().unwrap().len();
        self.points.push((size, ids(&self.store)));
    }
}

fn ids(store: &Store) -> BTreeSet<Uuid> {
    store.queues.values().flat_map(Queue::messages).map(|message| message.id).collect()
}

/// The queues as a restart finds them.
fn restarted(queues: &Queues, now: Millis) -> Queues {
    let mut queues = queues.clone();
    for queue in queues.values_mut() {
        queue.show_all(now);
        // Which set a message is in depends on when it was looked at last.
        queue.numbers(now);
    }
    queues
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_journal_cut_at_any_byte_has_every_acknowledged_message_that_was_not_deleted(
        calls in prop::collection::vec(call(), 0..30),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut run = Run::new(&path);
        run.make_all(calls);
        let bytes = fs::read(&path).unwrap();
        for cut in cuts.iter().map(|cut| cut.index(bytes.len() + 1)) {
            fs::write(&path, &bytes[..cut]).unwrap();
            let found = ids(&open(&path, run.now));
            let whole = run.points.iter().rposition(|(size, _)| *size <= cut as u64);
            let Some(whole) = whole else { continue };
            // A call that was cut may have been made in part: a send added some, a deletion is one entry.
            let acknowledged = &run.points[whole].1;
            let missing: Vec<_> = acknowledged.difference(&found).collect();
            prop_assert!(missing.is_empty(), "cut at {cut}: {missing:?}");
            let next = run.points.get(whole + 1).map_or(acknowledged, |(_, next)| next);
            prop_assert!(found.iter().all(|id| acknowledged.contains(id) || next.contains(id)), "cut at {cut}");
        }
        fs::write(&path, &bytes).unwrap();
        let replayed = open(&path, run.now).queues;
        prop_assert_eq!(restarted(&replayed, run.now), restarted(&run.store.queues, run.now));
    }

    #[test]
    fn a_rewritten_journal_holds_the_same_queues(calls in prop::collection::vec(call(), 0..30)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut run = Run::new(&path);
        run.make_all(calls);
        let changes = Change::all(&run.store.queues);
        run.store.journal.as_mut().unwrap().rewrite(changes.iter().map(Change::entry)).unwrap();
        run.store.send(QUEUES[0], vec![message(u128::MAX, run.now, 0, "after")]).unwrap();
        let replayed = open(&path, run.now).queues;
        prop_assert_eq!(restarted(&replayed, run.now), restarted(&run.store.queues, run.now));
    }
}

#[test]
fn the_journal_is_rewritten_when_most_of_it_is_dead() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut run = Run::new(&path);
    let body = "x".repeat(1 << 20);
    run.store.send(QUEUES[0], vec![message(u128::MAX, 0, 0, "stays")]).unwrap();
    for id in 0..100 {
        run.store.send(QUEUES[1], vec![message(id, 0, 0, &body)]).unwrap();
        let handle = run.store.receive(QUEUES[1], 1, 0, 9).unwrap()[0].handle();
        run.store.delete(QUEUES[1], &[handle]).unwrap();
    }
    assert!(fs::metadata(&path).unwrap().len() < LEAST_DEAD + (4 << 20));
    assert_eq!(ids(&open(&path, 9)), BTreeSet::from([Uuid::from_u128(u128::MAX)]));
}

#[test]
fn a_restart_keeps_receive_counts_and_handles_and_shows_what_was_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut run = Run::new(&path);
    run.store.send(QUEUES[0], vec![message(1, 0, 0, "a"), message(2, 0, 0, "b"), message(3, 0, 100, "c")]).unwrap();
    let first = run.store.receive(QUEUES[0], 2, 5, 1_000).unwrap();
    drop(run);
    let mut store = open(&path, 7);
    store.delete(QUEUES[0], &[first[0].handle()]).unwrap();
    let second = store.receive(QUEUES[0], 10, 7, 1_000).unwrap();
    assert_eq!(second.iter().map(|message| &*message.body).collect::<Vec<_>>(), ["b"], "one is delayed still");
    assert_eq!((second[0].receives, second[0].first_received), (2, Some(5)));
    drop(store);
    let mut store = open(&path, 8);
    assert!(store.receive(QUEUES[0], 10, 8, 1_000).unwrap().is_empty());
    let dead = store.queue("one-dead").messages().map(|message| message.id).collect::<Vec<_>>();
    assert_eq!(dead, [second[0].id]);
}
