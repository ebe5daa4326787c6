//! Failed messages come back later, suspects are handled separately, and only a poison message is dead-lettered.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::*;
use crate::suspects::SUSPECT_RECEIVES;
use crate::testing::received;

/// A message of one record, which is also its name.
fn message(number: u128, record: &str, receives: u32) -> SqsMessage {
    received(receives, record, &sealed(number, "clicks", &[&format!("\"{record}\"")]))
}

fn numbered(count: u128, receives: u32) -> Vec<SqsMessage> {
    (0..count).map(|number| message(number, &format!("m{number}"), receives)).collect()
}

fn sorted(mut handles: Vec<String>) -> Vec<String> {
    handles.sort_unstable();
    handles
}

#[tokio::test(start_paused = true)]
async fn the_delay_of_a_failed_message_grows_with_its_receives() {
    let (queue, store) = (MemoryQueue::default(), Memory::acting(|_, _| Act::Refuse));
    let batch = [message(1, "a", 1), message(2, "b", 4), message(3, "c", 90)];
    assert_eq!(run(&deliver_from(&queue, &store, &[]), &batch).await, Err(BatchFailure::All(3)));
    let calls = queue.calls();
    assert!(calls.deleted.is_empty());
    for (hidden, (handle, seconds)) in calls.hidden.iter().zip([("a", 2..=2), ("b", 12..=16), ("c", 45..=60)]) {
        assert!(hidden.handle == handle && seconds.contains(&hidden.seconds), "{hidden:?}");
    }
    assert_eq!(calls.hidden.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn without_suspects_stored_messages_are_neither_hidden_nor_deleted() {
    let (queue, store) = (MemoryQueue::default(), Memory::new());
    assert_eq!(run(&deliver_from(&queue, &store, &[]), &numbered(20, SUSPECT_RECEIVES - 1)).await, Ok(vec![]));
    assert!(queue.calls().deleted.is_empty() && queue.calls().hidden.is_empty());
}

#[tokio::test(start_paused = true)]
async fn everything_stored_before_a_suspect_is_deleted_before_it_is_touched() {
    let queue = MemoryQueue::default();
    let deleted_before = Arc::new(Mutex::new(Vec::new()));
    let (calls, recorded) = (queue.clone(), Arc::clone(&deleted_before));
    let store = Memory::acting(move |_, _| {
        recorded.lock().unwrap().push(calls.calls().deleted.len());
        Act::Take
    });
    let fresh = (100..125).map(|number| message(number, &format!("f{number}"), 1));
    let batch: Vec<_> = numbered(4, SUSPECT_RECEIVES).into_iter().chain(fresh).collect();
    assert_eq!(run(&deliver_from(&queue, &store, &[]), &batch).await, Ok(vec![]));
    assert_eq!(*deleted_before.lock().unwrap(), [0, 25, 26, 27, 28]);
    assert_eq!(queue.calls().deleted.len(), 29);
}

#[tokio::test(start_paused = true)]
async fn unreadable_suspects_are_quarantined_and_deleted() {
    let (queue, store) = (MemoryQueue::default(), Memory::new());
    let batch = [received(7, "broken", "nonsense"), message(1, "good", 7)];
    assert_eq!(run(&deliver_from(&queue, &store, &[]), &batch).await, Ok(vec![]));
    assert_eq!(sorted(queue.calls().deleted), ["broken", "good"]);
    assert_eq!(store.objects().keys().filter(|key| key.starts_with("quarantine/")).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_fails_changes_no_outcome() {
    let store = Memory::acting(|object, _| if object.key.contains("views") { Act::Refuse } else { Act::Take });
    let batch = [message(1, "a", 9), received(1, "b", &sealed(2, "views", &["1"]))];
    for (failures, count) in [(2, 1), (usize::MAX, 0)] {
        let queue = MemoryQueue::failing(failures);
        assert_eq!(run(&deliver_from(&queue, &store, &[]), &batch).await, Ok(vec!["b".to_owned()]));
        assert_eq!((queue.calls().deleted.len(), queue.calls().hidden.len()), (count, count));
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_s3_is_probed_and_its_end_is_noticed() {
    let down = Arc::new(Mutex::new(true));
    let is_down = Arc::clone(&down);
    let store = Memory::acting(move |_, _| if *is_down.lock().unwrap() { Act::Fail } else { Act::Take });
    let queue = MemoryQueue::default();
    let deliver = deliver_from(&queue, &store, &[("MAX_OBJECT_MESSAGES", "1"), ("MAX_WORKERS", "4")]);
    for batch in [numbered(500, 1), numbered(500, 9)] {
        let before = store.calls();
        assert_eq!(run(&deliver, &batch).await, Err(BatchFailure::All(500)));
        // Ten in a row, those under way at the same time, and a probe: three attempts each.
        assert!(store.calls() - before <= 3 * (10 + 4 + 1), "{}", store.calls() - before);
    }
    assert_eq!(queue.calls().hidden.len(), 1_000);
    *down.lock().unwrap() = false;
    assert_eq!(run(&deliver, &numbered(500, 10)).await, Ok(vec![]));
    assert_eq!(records(&store).len(), 500);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_alone_does_not_hold_back_the_others_forever() {
    for act in [Act::Refuse, Act::Fail] {
        let store = Memory::acting(move |object, _| if object.key.contains("clicks") { act } else { Act::Take });
        let deliver = deliver_from(&MemoryQueue::default(), &store, &[("MAX_OBJECT_MESSAGES", "1")]);
        assert_eq!(run(&deliver, &numbered(40, 1)).await, Err(BatchFailure::All(40)));
        let other = received(1, "other", &sealed(1_000, "views", &["1"]));
        let batch: Vec<_> = numbered(5, 1).into_iter().chain([other]).collect();
        let mut batches = 0;
        while records(&store).is_empty() {
            assert!(batches < 200, "{act:?}");
            batches += 1;
            let _ = run(&deliver, &batch).await;
        }
    }
}

/// SQS and Lambda around deliver. Storing the record `poison` kills the process.
struct World {
    limit: u32,
    batch_size: usize,
    waiting: Vec<SqsMessage>,
    dead: Vec<String>,
    store: Memory,
    killed: Arc<Notify>,
}

impl World {
    fn new(limit: u32, batch_size: usize, waiting: Vec<SqsMessage>) -> Self {
        let killed = Arc::new(Notify::new());
        let kills = Arc::clone(&killed);
        let store = Memory::acting(move |object, _| {
            if !object.body.windows(6).any(|text| text == b"poison") {
                return Act::Take;
            }
            kills.notify_one();
            Act::Stall
        });
        Self { limit, batch_size, waiting, dead: Vec::new(), store, killed }
    }

    /// Invokes deliver until the queue is empty, at most `times` times.
    async fn invoke(&mut self, times: usize) {
        for _ in 0..times {
            let batch = self.receive();
            if batch.is_empty() {
                return;
            }
            let queue = MemoryQueue::default();
            let variables = [("COMPRESSION", "none")];
            let process = deliver_from(&queue, &self.store, &variables);
            let failed = tokio::select! {
                answer = run(&process, &batch) => answer.unwrap(),
                // The process ends here.
                () = self.killed.notified() => batch.iter().map(|message| message.message_id.clone().unwrap()).collect(),
            };
            let deleted = queue.calls().deleted;
            let stays = |message: &SqsMessage| {
                let id = message.message_id.as_ref().unwrap();
                failed.contains(id) && !deleted.contains(id)
            };
            self.waiting.extend(batch.into_iter().filter(stays));
        }
    }

    /// Receives a batch. A message without receives left moves to the dead-letter queue.
    fn receive(&mut self) -> Vec<SqsMessage> {
        let taken = self.waiting.drain(..self.batch_size.min(self.waiting.len())).collect::<Vec<_>>();
        let mut batch = Vec::new();
        for message in taken {
            let receives = spillway_shared::delay::receives(&message.attributes) + 1;
            let (id, body) = (message.message_id.unwrap(), message.body.unwrap());
            if receives > self.limit {
                self.dead.push(id);
            } else {
                batch.push(received(receives, &id, &body));
            }
        }
        batch
    }

    fn send(&mut self, number: u128, record: &str) {
        self.waiting.push(message(number, record, 0));
    }

    /// The queue is empty, and only the poison message is dead-lettered.
    fn check(&self, seed: u64) {
        assert!(self.waiting.is_empty());
        assert_eq!(self.dead, ["poison"], "seed {seed}");
    }

    fn stored(&self) -> usize {
        records(&self.store).into_iter().collect::<BTreeSet<_>>().len()
    }
}

/// `count` messages and a poison message among them, all received `receives` times before.
fn poisoned(count: u128, receives: u32) -> Vec<SqsMessage> {
    let mut messages = numbered(count, receives);
    messages.insert(messages.len() / 2, message(1_000_000, "poison", receives));
    messages
}

#[tokio::test(start_paused = true)]
async fn a_message_that_kills_the_process_is_dead_lettered_and_its_neighbours_are_stored() {
    for seed in 0..5 {
        fastrand::seed(seed);
        let mut world = World::new(100, 10_000, poisoned(300, 0));
        world.invoke(101).await;
        world.check(seed);
        assert_eq!(world.stored(), 300);
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_only_the_poison_message_is_dead_lettered() {
    for (seed, count) in [(1, 1_000), (2, 60), (3, 5)] {
        fastrand::seed(seed);
        let mut world = World::new(100, 10_000, poisoned(count, 75));
        world.invoke(26).await;
        world.check(seed);
        assert_eq!(world.stored() as u128, count);
    }
}

#[tokio::test(start_paused = true)]
async fn repeated_receives_at_low_traffic_dead_letter_only_the_poison_message() {
    for seed in 0..20 {
        fastrand::seed(seed);
        let mut world = World::new(25, 10, poisoned(3, 0));
        for newcomer in 0..26 {
            world.invoke(1).await;
            world.send(100 + newcomer, &format!("new{newcomer}"));
        }
        world.invoke(30).await;
        world.check(seed);
        assert_eq!(world.stored(), 29);
    }
}
