use std::sync::Mutex;

use spillway_shared::metrics::emf;
use spillway_shared::retry::Outcome;

use super::*;
use crate::testing::*;

/// A queue in memory.
#[derive(Debug, Default)]
struct Sent(Mutex<Vec<String>>);

impl Queue for Sent {
    async fn send(&self, body: &str) -> Outcome<(), SendError> {
        self.0.lock().unwrap().push(body.to_owned());
        Outcome::Done(())
    }
}

fn function(memory: Memory) -> Compact<Memory, Sent> {
    let config = Config {
        bucket: String::new(),
        queue_url: String::new(),
        region: String::new(),
        files: settings(256 << 20),
        tables: Tables::from([(place().stream, small_table())]),
        metrics: emf::Settings::default(),
    };
    Compact::new(&config, memory, Sent::default())
}

fn stored() -> Memory {
    let memory = Memory::default();
    for name in ["a", "b"] {
        store_lines(&memory, name, &[record_of(name, "{}")]);
    }
    memory
}

/// The body of the hour's message.
fn body() -> String {
    body_of(&place())
}

fn body_of(place: &Place) -> String {
    Job { place: place.clone(), version: None }.body()
}

fn message(id: &str, body: &str) -> Message {
    Message { message_id: id.to_owned(), body: body.to_owned() }
}

fn until(seconds: u64) -> Until {
    let deadline = Instant::now() + Duration::from_mins(5);
    Until { stop: Instant::now() + Duration::from_secs(seconds), deadline }
}

#[tokio::test(start_paused = true)]
async fn only_failed_messages_stay_on_the_queue() {
    let function = function(stored());
    let other = body().replace("clicks", "views");
    let skipped = Job { place: place(), version: Some(3) }.body();
    let messages = [message("1", &body()), message("2", "{}"), message("3", &other), message("4", &skipped)];
    let answer = function.messages(&messages, until(60)).await;
    let failed: Vec<_> = answer.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
    assert_eq!(failed, ["2", "3", "4"]);
    assert_eq!(ids(&function.store), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_an_hour_is_enqueued_when_time_is_up() {
    let function = function(stored());
    for sent in [1, 1] {
        assert_eq!(function.messages(&[message("1", &body())], until(0)).await, Answer::default());
        assert_eq!(*function.queue.0.lock().unwrap(), vec![body(); sent]);
    }
    assert_eq!(ids(&function.store), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_writes_the_next_version_and_enqueues_its_rest() {
    let function = function(stored());
    let rebuild = Job { place: place(), version: Some(2) }.body();
    for (seconds, rest) in [(0, vec![rebuild.clone()]), (60, vec![])] {
        assert_eq!(function.messages(&[message("1", &rebuild)], until(seconds)).await, Answer::default());
        assert_eq!(std::mem::take(&mut *function.queue.0.lock().unwrap()), rest);
    }
    assert_eq!(ids(&function.store), ["a", "b"]);
    assert!(function.store.keys("lake/").iter().all(|key| key.starts_with("lake/stream=clicks/v=2/")));
    assert_eq!(function.messages(&[message("1", &body())], until(60)).await, Answer::default());
    assert_eq!(ids(&function.store), ["a", "a", "b", "b"], "one row in each version");
}

#[tokio::test(start_paused = true)]
async fn hours_with_work_left_are_enqueued() {
    let function = function(stored());
    let hour = |text: &str| Hour::parse(&format!("2026-11-{text}")).unwrap();
    let views = StreamName::parse("views").unwrap();
    let deadline = Instant::now() + Duration::from_mins(5);
    let mut sent = 0;
    for (from, to, stream, enqueued) in [
        ("21T17", "21T17", None, 0),
        ("21T17", "21T18", None, 1),
        ("21T18", "22T18", Some(&place().stream), 1),
        ("21T18", "22T18", Some(&views), 0),
        ("21T19", "22T18", None, 0),
        ("22T18", "21T18", None, 0),
    ] {
        let answer = function.enqueue(hour(from).until(hour(to)), stream, deadline).await.unwrap();
        sent += enqueued;
        assert_eq!(answer.enqueued, enqueued, "{from} {to}");
        assert_eq!(*function.queue.0.lock().unwrap(), vec![body(); sent]);
    }
    function.messages(&[message("1", &body())], until(60)).await;
    assert_eq!(function.enqueue(hour("21T18").until(hour("21T18")), None, deadline).await.unwrap().enqueued, 0);
}

/// An event of the schedule.
fn schedule(hours: u32) -> LambdaEvent<Event> {
    LambdaEvent::new(Event::Schedule { hours }, Context::default())
}

#[tokio::test(start_paused = true)]
async fn the_schedule_also_enqueues_old_hours_that_markers_of_replays_name() {
    let function = function(Memory::default());
    let old = Place { hour: Hour::parse("2020-02-29T23").unwrap(), ..place() };
    function.store.insert(&format!("{}a.ndjson", old.records("records/")), record_of("a", "{}") + "\n");
    assert_eq!(function.invocation(schedule(2)).await.unwrap().enqueued, 0);
    for other in ["stream=views/dt=2020-02-29/hour=23/a/b.json", "stream=clicks/dt=2020-03-01/hour=00/a/b.json", "x"] {
        function.store.insert(&format!("replayed/{other}"), "{}");
    }
    assert_eq!(function.invocation(schedule(2)).await.unwrap().enqueued, 0, "hours without work");
    for marker in ["a", "b"] {
        function.store.insert(&format!("replayed/stream=clicks/dt=2020-02-29/hour=23/o/{marker}.json"), "{}");
    }
    assert_eq!(function.invocation(schedule(2)).await.unwrap().enqueued, 1);
    assert_eq!(*function.queue.0.lock().unwrap(), [body_of(&old)]);
    function.messages(&[message("1", &body_of(&old))], until(60)).await;
    assert_eq!(function.invocation(schedule(2)).await.unwrap().enqueued, 0);
}

#[tokio::test(start_paused = true)]
async fn the_last_hours_are_enqueued_even_if_markers_cannot_be_listed() {
    let function = function(Memory::default());
    let last = Place { hour: Hour::of(SystemTime::now() - Duration::from_hours(1)), ..place() };
    function.store.insert(&format!("{}a.ndjson", last.records("records/")), record_of("a", "{}") + "\n");
    // Two listings for each of three hours come before: of the files, and of the objects.
    function.store.fail(6, Fault::KilledBefore);
    assert!(function.invocation(schedule(3)).await.is_err());
    assert_eq!(*function.queue.0.lock().unwrap(), [body_of(&last)]);
}

#[tokio::test(start_paused = true)]
async fn an_invocation_keeps_time_for_its_last_put() {
    let function = function(Memory::default());
    let left = |context: &Context| {
        let Until { stop, deadline } = function.until(context);
        (stop.saturating_duration_since(Instant::now()), deadline - stop)
    };
    assert_eq!(left(&Context::default()), (Duration::from_secs(298), Duration::from_secs(1)));
}
