use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::event::{Part, WHOLE};
use crate::sign::Keys;
use crate::testing::{
    Bucket, Calls, KEY, Loopback, MemoryQueue, Received, Reply, Secret, created, destination, forward, in_seconds,
    message, record, records, status,
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The ids of failed messages, after one invocation of some seconds.
async fn run(
    destination: spillway_shared::destination::Destination,
    bucket: &Bucket,
    queue: &MemoryQueue,
    bodies: &[String],
) -> Vec<String> {
    let forward = forward(destination, bucket.clone(), queue.clone(), Secret::new(SECRET)).await;
    let messages: Vec<_> = bodies.iter().enumerate().map(|(id, body)| message(&id.to_string(), body, 1)).collect();
    failed(&forward, &messages, 6).await
}

async fn failed(forward: &Forward<Secret, Bucket, MemoryQueue>, messages: &[SqsMessage], seconds: u64) -> Vec<String> {
    let response = forward.messages(messages, in_seconds(seconds)).await.unwrap();
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

fn part(lines: std::ops::Range<u64>) -> String {
    Part::of(KEY, lines).body()
}

fn ids(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    let mut ids: Vec<_> = numbers.map(|number| format!("r{number}")).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn consented_records_arrive_in_signed_batches() {
    let partner = Loopback::start(|_, _| status(200)).await;
    let consent = json!({"pointer": "/ads", "granted": [true]});
    let mut lines: Vec<_> =
        (0..10).map(|number| record(&format!("r{number}"), &json!({"ads": number != 3, "n": number}))).collect();
    lines[5] = lines[5].replace("\"payload\"", "\"source\":{\"opted_out\":true},\"payload\"");
    let bucket = Bucket::with(KEY, lines.join("\n") + "\n");
    let members = json!({"consent": consent, "batch": {"records": 3}, "sign": {"secret": "s"},
                         "headers": {"authorization": {"secret": "s"}}});
    let queue = MemoryQueue::default();
    let failed = run(destination(&partner.url, &members), &bucket, &queue, &[created(KEY)]).await;
    assert_eq!((failed, queue.calls()), (Vec::new(), Calls::default()));
    assert_eq!(partner.ids(), ids((0..10).filter(|number| ![3, 5].contains(number))));
    assert_eq!(partner.received().len(), 3);
    for request in partner.received() {
        let id = request.header("webhook-id");
        assert_eq!((request.header("idempotency-key"), request.header("authorization")), (id, SECRET));
        let timestamp = request.header("webhook-timestamp").parse().unwrap();
        let expected = Keys::parse(SECRET).unwrap().sign(id, timestamp, &request.body);
        assert_eq!(request.header("webhook-signature"), expected);
    }
}

#[tokio::test]
async fn a_large_object_is_split_and_its_parts_make_the_same_batches() {
    let partner = Loopback::start(|_, _| status(204)).await;
    let (bucket, queue) = (Bucket::with(KEY, records(1_000)), MemoryQueue::default());
    let members = json!({"batch": {"records": 10}});
    let failed = run(destination(&partner.url, &members), &bucket, &queue, &[created(KEY)]).await;
    assert!(failed.is_empty());
    assert_eq!(partner.ids(), ids(0..200));
    let parts: Vec<_> = queue.calls().sent.into_iter().map(|(body, _)| body).collect();
    assert_eq!(parts, [200..400, 400..600, 600..800, 800..1_000].map(part));
    // Again from the beginning, as after a duplicate event.
    for bodies in [parts.clone(), vec![created(KEY)], parts] {
        assert!(run(destination(&partner.url, &members), &bucket, &queue, &bodies).await.is_empty());
    }
    let keys: BTreeSet<_> =
        partner.received().iter().map(|request| request.header("idempotency-key").to_owned()).collect();
    assert_eq!((partner.received().len(), keys.len()), (200, 100));
    assert_eq!(partner.ids().len(), 2_000);
}

#[tokio::test]
async fn only_what_failed_is_sent_again() {
    let fails = |request: &Received| request.ids().contains(&"r12".to_owned());
    let partner = Loopback::start(move |_, request| status(if fails(request) { 500 } else { 200 })).await;
    let (bucket, queue) = (Bucket::with(KEY, records(50)), MemoryQueue::default());
    let members = json!({"batch": {"records": 10}, "tries": 2});
    let failed = run(destination(&partner.url, &members), &bucket, &queue, &[part(0..50)]).await;
    assert!(failed.is_empty());
    let rest = Part { receives: 1, ..Part::of(KEY, 10..20) }.body();
    assert_eq!(queue.calls().sent, [(rest, 2)]);
    assert_eq!(partner.received().len(), 6);
}

#[tokio::test]
async fn a_message_of_which_nothing_was_sent_comes_back_later() {
    let partner = Loopback::start(|_, _| status(503)).await;
    let (bucket, queue) = (Bucket::with(KEY, records(5)), MemoryQueue::default());
    let failed = run(destination(&partner.url, &json!({"tries": 2})), &bucket, &queue, &[created(KEY)]).await;
    assert_eq!((failed, queue.calls().hidden), (vec!["0".to_owned()], vec![("handle of 0".to_owned(), 2)]));
    let requests = partner.received();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].header("idempotency-key"), requests[1].header("idempotency-key"));
}

#[tokio::test]
async fn a_partner_that_is_too_slow_is_tried_again() {
    let late = || Reply { after: Duration::from_secs(5), ..status(200) };
    let partner = Loopback::start(move |number, _| if number == 0 { late() } else { status(200) }).await;
    let (bucket, queue) = (Bucket::with(KEY, records(5)), MemoryQueue::default());
    let members = json!({"timeout_ms": 100, "tries": 2});
    assert!(run(destination(&partner.url, &members), &bucket, &queue, &[created(KEY)]).await.is_empty());
    let keys: Vec<_> = partner.received().iter().map(|request| request.header("idempotency-key").to_owned()).collect();
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
}

#[tokio::test]
async fn retry_after_holds_back_every_request() {
    let wait = || Reply { headers: vec![("retry-after", "60".to_owned())], ..status(429) };
    let partner = Loopback::start(move |_, _| wait()).await;
    let (bucket, queue) = (Bucket::with(KEY, records(50)), MemoryQueue::default());
    let members = json!({"batch": {"records": 10}, "workers": 1});
    let failed = run(destination(&partner.url, &members), &bucket, &queue, &[part(0..50)]).await;
    assert_eq!(failed, ["0"]);
    assert_eq!(partner.received().len(), 1);
    let (_, seconds) = queue.calls().hidden[0];
    assert!((59..=61).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_short_retry_after_is_waited_for() {
    let wait = || Reply { headers: vec![("retry-after", "1".to_owned())], ..status(429) };
    let partner = Loopback::start(move |number, _| if number == 0 { wait() } else { status(200) }).await;
    let (bucket, queue) = (Bucket::with(KEY, records(5)), MemoryQueue::default());
    let started = Instant::now();
    assert!(run(destination(&partner.url, &json!({})), &bucket, &queue, &[created(KEY)]).await.is_empty());
    assert!(started.elapsed() >= Duration::from_millis(990), "{:?}", started.elapsed());
    assert_eq!((partner.received().len(), queue.calls()), (2, Calls::default()));
}

#[tokio::test]
async fn a_refused_batch_goes_to_the_dead_letters_and_its_neighbours_continue() {
    let refuses = |request: &Received| request.ids().contains(&"r12".to_owned());
    let bad = || Reply { body: "no\nsuch event", ..status(400) };
    let partner = Loopback::start(move |_, request| if refuses(request) { bad() } else { status(200) }).await;
    let (bucket, queue) = (Bucket::with(KEY, records(50)), MemoryQueue::default());
    let members = json!({"batch": {"records": 10}});
    assert!(run(destination(&partner.url, &members), &bucket, &queue, &[created(KEY)]).await.is_empty());
    let dead: Vec<Value> = queue.calls().dead.iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    let expected = json!({"key": KEY, "from_line": 10, "to_line": 20, "status": 400, "reason": "no such event"});
    assert_eq!((dead, partner.received().len()), (vec![expected], 5));
}

#[tokio::test]
async fn statuses_of_the_whole_destination_stop_it_and_dead_letter_nothing() {
    for code in [302, 401, 403, 404, 410] {
        let elsewhere = move || Reply { headers: vec![("location", "http://127.0.0.1:1/".to_owned())], ..status(code) };
        let partner = Loopback::start(move |_, _| elsewhere()).await;
        let (bucket, queue) = (Bucket::with(KEY, records(50)), MemoryQueue::default());
        let members = json!({"batch": {"records": 10}, "workers": 1, "sign": {"secret": "s"}});
        let bodies = [part(0..20), part(20..50)];
        let failed = run(destination(&partner.url, &members), &bucket, &queue, &bodies).await;
        assert_eq!(failed.len(), 2, "{code}");
        let calls = queue.calls();
        assert_eq!((calls.dead.len(), calls.sent.len(), calls.hidden.len()), (0, 0, 2), "{code}");
        assert_eq!(partner.received().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn after_a_401_the_secret_is_read_again() {
    let partner =
        Loopback::start(|_, request| status(if request.header("authorization") == "Bearer new" { 200 } else { 401 }))
            .await;
    let (bucket, queue) = (Bucket::with(KEY, records(50)), MemoryQueue::default());
    let members = json!({"batch": {"records": 10}, "headers": {"authorization": {"secret": "s"}}});
    let secret = Secret::new("Bearer old");
    let forward = forward(destination(&partner.url, &members), bucket, queue.clone(), secret.clone()).await;
    let messages = [message("0", &created(KEY), 1)];
    assert_eq!(failed(&forward, &messages, 6).await, ["0"]);
    "Bearer new".clone_into(&mut secret.0.lock().unwrap());
    assert!(failed(&forward, &messages, 6).await.is_empty());
    let accepted = partner.received().into_iter().filter(|request| request.header("authorization") == "Bearer new");
    assert_eq!((accepted.count(), queue.calls().dead.len()), (5, 0));
}

#[tokio::test]
async fn missing_broken_and_foreign_objects_are_not_retried() {
    let partner = Loopback::start(|_, _| status(200)).await;
    let broken = KEY.to_owned() + ".gz";
    let (bucket, queue) = (Bucket::with(&broken, "not gzip"), MemoryQueue::default());
    let foreign = created("records/stream=clicks2/a.ndjson");
    let bodies = [created(KEY), created(&broken), foreign, "what?".to_owned()];
    assert!(run(destination(&partner.url, &json!({})), &bucket, &queue, &bodies).await.is_empty());
    let mut dead = queue.calls().dead;
    dead.sort();
    assert_eq!(dead.len(), 3, "{dead:?}");
    assert_eq!(dead[0], "what?");
    assert!(dead[1].contains("the object does not exist") || dead[2].contains("the object does not exist"), "{dead:?}");
    assert!(partner.received().is_empty());
}

#[tokio::test]
async fn the_rate_is_kept_and_what_is_missing_comes_back_without_a_receive() {
    let partner = Loopback::start(|_, _| status(200)).await;
    let (bucket, queue) = (Bucket::with(KEY, records(50)), MemoryQueue::default());
    // Two environments at most, so this process has one request per second.
    let members = json!({"batch": {"records": 10}, "rate": 2, "concurrency": 2});
    let forward = forward(destination(&partner.url, &members), bucket, queue.clone(), Secret::new("")).await;
    assert!(failed(&forward, &[message("0", &part(0..50), 7)], 3).await.is_empty());
    let sent = partner.received().len();
    assert!((2..=3).contains(&sent), "{sent}");
    let rest: Vec<Value> = queue.calls().sent.iter().map(|(body, _)| serde_json::from_str(body).unwrap()).collect();
    assert_eq!(rest, [json!({"key": KEY, "from_line": sent * 10, "to_line": 50})]);
}

#[tokio::test]
async fn lines_that_failed_in_a_thousand_receives_are_dead_lettered() {
    let partner = Loopback::start(|_, _| status(500)).await;
    let (bucket, queue) = (Bucket::with(KEY, records(5)), MemoryQueue::default());
    let members = json!({"tries": 1});
    let forward = forward(destination(&partner.url, &members), bucket, queue.clone(), Secret::new("")).await;
    let body = Part { receives: 990, ..Part::of(KEY, 0..5) }.body();
    assert_eq!(failed(&forward, &[message("0", &body, 9)], 5).await, ["0"]);
    assert!(failed(&forward, &[message("0", &body, 10)], 5).await.is_empty());
    assert!(queue.calls().dead[0].contains("not sent in 1000 receives"), "{:?}", queue.calls().dead);
}

#[tokio::test]
async fn messages_that_are_not_begun_in_time_come_back_without_a_receive() {
    let partner = Loopback::start(|_, _| status(200)).await;
    let (bucket, queue) = (Bucket::with(KEY, records(50)), MemoryQueue::default());
    let forward = forward(destination(&partner.url, &json!({})), bucket, queue.clone(), Secret::new("")).await;
    let messages = [message("0", &created(KEY), 7), message("1", &part(3..5), 7)];
    let response = forward.messages(&messages, Instant::now() + Duration::from_millis(300)).await.unwrap();
    assert!(response.batch_item_failures.is_empty() && partner.received().is_empty());
    let mut sent = queue.calls().sent;
    sent.sort();
    assert_eq!(sent, [(part(3..5), 0), (Part::of(KEY, WHOLE).body(), 0)]);
}
