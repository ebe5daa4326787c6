mod send;

use std::collections::VecDeque;

use futures::future::join_all;
use spillway_shared::hour::Hour;
use spillway_shared::message::{Kind, open};
use spillway_shared::stream::StreamName;
use tokio::sync::Semaphore;

use super::*;

/// A queue that answers calls by a script, each when the gate opens for it.
struct Scripted {
    script: Mutex<VecDeque<Result<Vec<Receipt>, CallFailed>>>,
    calls: Mutex<Vec<Vec<Outgoing>>>,
    gate: Semaphore,
}

impl Scripted {
    fn new(script: Vec<Result<Vec<Receipt>, CallFailed>>, open_calls: usize) -> Arc<Self> {
        let (script, calls) = (Mutex::new(script.into()), Mutex::default());
        Arc::new(Self { script, calls, gate: Semaphore::new(open_calls) })
    }

    fn calls(&self) -> Vec<Vec<Outgoing>> {
        self.calls.lock().unwrap().clone()
    }

    /// The records of each call, in the calls' order.
    fn records(&self) -> Vec<String> {
        let records =
            |message: &Outgoing| String::from_utf8(open(&message.body).unwrap().records().unwrap().into_owned());
        self.calls().iter().map(|call| call.iter().map(|message| records(message).unwrap()).collect()).collect()
    }
}

impl SendMessages for Arc<Scripted> {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Receipt>, CallFailed> {
        let count = messages.len();
        self.calls.lock().unwrap().push(messages);
        self.gate.acquire().await.unwrap().forget();
        let scripted = self.script.lock().unwrap().pop_front();
        scripted.unwrap_or_else(|| Ok(vec![Receipt::Durable; count]))
    }
}

const ALL: usize = 1_000;

fn queue(sender: &Arc<Scripted>, workers: usize, waiting_records: usize) -> GroupCommit<Arc<Scripted>> {
    let attempts = Attempts { timeout: Duration::from_secs(1), count: 3 };
    GroupCommit::new(Arc::clone(sender), Pool::new(workers), Limits { waiting_records, message_bytes: 4_096, attempts })
}

fn partition(stream: &str) -> Partition {
    Partition {
        kind: Kind::Accepted,
        stream: StreamName::parse(stream).unwrap(),
        hour: Hour::parse("2026-11-21T18").unwrap(),
    }
}

fn in_(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

async fn enqueue(queue: &GroupCommit<Arc<Scripted>>, stream: &str, lines: &str) -> Result<(), NotEnqueued> {
    queue.enqueue(vec![(partition(stream), lines.to_owned())], in_(9)).await
}

/// Enqueues these one by one and waits until the call of the first has begun; the gate is closed.
async fn in_turn<const N: usize>(
    queue: &GroupCommit<Arc<Scripted>>,
    sender: &Arc<Scripted>,
    all: [&str; N],
) -> Vec<impl Future<Output = Result<(), NotEnqueued>> + use<N>> {
    let mut answers = Vec::new();
    for lines in all {
        let (queue, lines) = (queue.clone(), lines.to_owned());
        let answer = tokio::spawn(async move { enqueue(&queue, "clicks", &lines).await });
        answers.push(async { answer.await.unwrap() });
        tokio::task::yield_now().await;
        while sender.calls().is_empty() {
            tokio::task::yield_now().await;
        }
    }
    answers
}

fn failed(cause: Cause) -> Result<Vec<Receipt>, CallFailed> {
    Err(CallFailed { reason: "broken".to_owned(), cause })
}

fn refused(cause: Cause) -> Receipt {
    Receipt::Refused { reason: "no".to_owned(), cause }
}

#[tokio::test(start_paused = true)]
async fn a_single_request_is_a_call_of_one_message() {
    let sender = Scripted::new(vec![], ALL);
    assert_eq!(enqueue(&queue(&sender, 4, 100), "clicks", "{1}\n{2}\n").await, Ok(()));
    assert_eq!(sender.records(), ["{1}\n{2}\n"]);
}

#[tokio::test(start_paused = true)]
async fn arrivals_gather_while_the_only_worker_is_busy() {
    let sender = Scripted::new(vec![], 0);
    let queue = queue(&sender, 1, 100);
    let first = tokio::spawn({
        let queue = queue.clone();
        async move { enqueue(&queue, "clicks", "{1}\n").await }
    });
    while sender.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    let others = join_all([
        enqueue(&queue, "clicks", "{2}\n"),
        enqueue(&queue, "telemetry", "{3}\n"),
        enqueue(&queue, "clicks", "{4}\n"),
    ]);
    sender.gate.add_permits(2);
    assert_eq!(others.await, [Ok(()); 3]);
    assert_eq!(first.await.unwrap(), Ok(()));
    assert_eq!(sender.records(), ["{1}\n", "{2}\n{4}\n{3}\n"]);
}

#[tokio::test(start_paused = true)]
async fn arrivals_gather_behind_a_call_even_if_workers_are_free() {
    let sender = Scripted::new(vec![], 0);
    let queue = queue(&sender, 8, 100);
    let answers = in_turn(&queue, &sender, ["{1}\n", "{2}\n", "{3}\n"]).await;
    assert_eq!(sender.calls().len(), 1);
    sender.gate.add_permits(ALL);
    assert_eq!(join_all(answers).await, [Ok(()); 3]);
    assert_eq!(sender.records(), ["{1}\n", "{2}\n{3}\n"]);
}

#[tokio::test(start_paused = true)]
async fn arrivals_do_not_wait_for_a_slow_call() {
    let sender = Scripted::new(vec![], 0);
    let queue = queue(&sender, 8, 100);
    let answers = in_turn(&queue, &sender, ["{1}\n", "{2}\n"]).await;
    let started = Instant::now();
    while sender.calls().len() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(started.elapsed() <= SLOW_CALL + Duration::from_millis(2), "{:?}", started.elapsed());
    sender.gate.add_permits(ALL);
    assert_eq!(join_all(answers).await, [Ok(()); 2]);
}

#[tokio::test(start_paused = true)]
async fn records_that_fill_a_billed_request_do_not_wait() {
    let sender = Scripted::new(vec![], 0);
    let queue = queue(&sender, 8, 100_000);
    let many = "{\"a\":1}\n".repeat(pending::CALL_WITHOUT_WAITING_BYTES / 8);
    let started = Instant::now();
    let answers = in_turn(&queue, &sender, ["{1}\n", &many]).await;
    while sender.calls().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    sender.gate.add_permits(ALL);
    assert_eq!(join_all(answers).await, [Ok(()); 2]);
}

#[tokio::test(start_paused = true)]
async fn with_no_call_under_way_a_request_is_a_call_immediately() {
    let sender = Scripted::new(vec![], ALL);
    let (queue, started) = (queue(&sender, 1, 100), Instant::now());
    for lines in ["{1}\n", "{2}\n", "{3}\n"] {
        assert_eq!(enqueue(&queue, "clicks", lines).await, Ok(()));
    }
    assert_eq!((started.elapsed(), sender.calls().len()), (Duration::ZERO, 3));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_rejects_immediately_and_an_empty_one_takes_any_request() {
    let sender = Scripted::new(vec![], 0);
    let queue = queue(&sender, 1, 2);
    let busy = tokio::spawn({
        let queue = queue.clone();
        async move { enqueue(&queue, "clicks", &"{}\n".repeat(50)).await }
    });
    while sender.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    let waiting = enqueue(&queue, "clicks", "{1}\n{2}\n");
    let refused = async {
        tokio::task::yield_now().await;
        let answer = enqueue(&queue, "clicks", "{3}\n").await;
        sender.gate.add_permits(ALL);
        answer
    };
    assert_eq!(futures::join!(waiting, refused), (Ok(()), Err(NotEnqueued::Full)));
    assert_eq!(busy.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn records_of_a_request_that_has_ended_are_not_sent() {
    let sender = Scripted::new(vec![], 0);
    let queue = queue(&sender, 1, 100);
    let first = tokio::spawn({
        let queue = queue.clone();
        async move { enqueue(&queue, "clicks", "{1}\n").await }
    });
    while sender.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    let gone = tokio::time::timeout(Duration::from_millis(1), enqueue(&queue, "clicks", "{2}\n")).await;
    assert!(gone.is_err());
    sender.gate.add_permits(ALL);
    assert_eq!(first.await.unwrap(), Ok(()));
    assert_eq!(enqueue(&queue, "clicks", "{3}\n").await, Ok(()));
    assert_eq!(sender.records(), ["{1}\n", "{3}\n"]);
}

#[tokio::test(start_paused = true)]
async fn a_large_request_takes_several_calls_and_is_answered_once() {
    let sender = Scripted::new(vec![], ALL);
    let lines = (0..4_000).map(|_| fastrand::u128(..).to_string() + "\n").collect::<Vec<_>>().concat();
    assert_eq!(enqueue(&queue(&sender, 3, 10_000), "clicks", &lines).await, Ok(()));
    let mut sent: Vec<_> = sender.records().concat().lines().map(str::to_owned).collect();
    let mut expected: Vec<_> = lines.lines().map(str::to_owned).collect();
    sent.sort();
    expected.sort();
    assert!(sender.calls().len() > 1);
    assert_eq!(sent, expected);
}
