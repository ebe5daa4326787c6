//! Calls that fail: attempts, deadlines, refusals, a panic.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_retry_sends_a_message_under_the_same_id() {
    let sender = Scripted::new(vec![failed(Cause::Transient), Ok(vec![refused(Cause::Transient)])], ALL);
    assert_eq!(enqueue(&queue(&sender, 1, 100), "clicks", "{1}\n").await, Ok(()));
    let ids: Vec<_> = sender.calls().iter().map(|call| call[0].id).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[tokio::test(start_paused = true)]
async fn a_message_is_not_sent_again_after_its_request_has_ended() {
    let sender = Scripted::new(vec![failed(Cause::Transient)], 0);
    let queue = queue(&sender, 1, 100);
    let waiting = tokio::spawn(async move { enqueue(&queue, "clicks", "{1}\n").await });
    while sender.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    sender.gate.add_permits(ALL);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(sender.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_reaches_only_the_requests_whose_records_it_concerns() {
    let sender = Scripted::new(vec![Ok(vec![Receipt::Durable, refused(Cause::Access)])], ALL);
    let queue = queue(&sender, 1, 100);
    let both = futures::future::join(enqueue(&queue, "clicks", "{1}\n"), enqueue(&queue, "telemetry", "{2}\n"));
    assert_eq!(both.await, (Ok(()), Err(NotEnqueued::NotTaken)));
    assert_eq!(sender.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn records_refused_for_good_fail_their_request_at_once_whether_alone_or_with_the_call() {
    for script in [failed(Cause::Records), Ok(vec![refused(Cause::Records)])] {
        let sender = Scripted::new(vec![script], ALL);
        let queue = queue(&sender, 1, 100);
        assert_eq!(enqueue(&queue, "clicks", "{1}\n").await, Err(NotEnqueued::Refused));
        assert_eq!(sender.calls().len(), 1);
        assert_eq!(enqueue(&queue, "clicks", "{2}\n").await, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn only_refused_messages_are_sent_again() {
    let sender = Scripted::new(vec![Ok(vec![refused(Cause::Transient), Receipt::Durable])], ALL);
    let queue = queue(&sender, 1, 100);
    let both = futures::future::join(enqueue(&queue, "clicks", "{1}\n"), enqueue(&queue, "telemetry", "{2}\n"));
    assert_eq!(both.await, (Ok(()), Ok(())));
    assert_eq!(sender.records(), ["{1}\n{2}\n", "{1}\n"]);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_and_a_call_refused_for_good_is_not_retried() {
    let sender = Scripted::new(vec![failed(Cause::Transient), failed(Cause::Transient), failed(Cause::Transient)], ALL);
    assert_eq!(enqueue(&queue(&sender, 1, 100), "clicks", "{1}\n").await, Err(NotEnqueued::NotTaken));
    assert_eq!(sender.calls().len(), 3);
    let sender = Scripted::new(vec![failed(Cause::Access)], ALL);
    assert_eq!(enqueue(&queue(&sender, 1, 100), "clicks", "{1}\n").await, Err(NotEnqueued::NotTaken));
    assert_eq!(sender.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_by_its_deadline_and_its_call_ends_before() {
    let sender = Scripted::new(vec![], 0);
    let queue = queue(&sender, 1, 100);
    let started = Instant::now();
    let answer = queue.enqueue(vec![(partition("clicks"), "{1}\n".to_owned())], in_(2)).await;
    assert_eq!(answer, Err(NotEnqueued::NotTaken));
    assert!(started.elapsed() <= Duration::from_secs(2));
    assert!(queue.0.pool.try_worker().is_some(), "the call has ended too");
}

#[tokio::test(start_paused = true)]
async fn a_request_with_more_time_gets_further_attempts() {
    let sender = Scripted::new(vec![], 0);
    let queue = queue(&sender, 1, 100);
    let short = queue.enqueue(vec![(partition("clicks"), "{1}\n".to_owned())], in_(2));
    let long = queue.enqueue(vec![(partition("telemetry"), "{2}\n".to_owned())], in_(30));
    let open_later = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        sender.gate.add_permits(ALL);
    };
    let (short, long, ()) = futures::join!(short, long, open_later);
    assert_eq!((short, long), (Err(NotEnqueued::NotTaken), Ok(())));
    assert_eq!(sender.records().last().unwrap(), "{2}\n");
}

/// Two requests share a message, and the expired deadline of one must not end the attempts for the other. A second
/// thread watches, because a loop that never waits would block the first one forever.
#[test]
fn a_request_with_more_time_gets_further_attempts_in_a_shared_message() {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let _ = tell.send(runtime.block_on(async {
            let sender = Scripted::new(vec![], 0);
            let queue = queue(&sender, 1, 100);
            let short = queue.enqueue(vec![(partition("clicks"), "{1}\n".to_owned())], in_(2));
            let long = queue.enqueue(vec![(partition("clicks"), "{2}\n".to_owned())], in_(30));
            let open_later = async {
                tokio::time::sleep(Duration::from_secs(3)).await;
                sender.gate.add_permits(ALL);
            };
            let (short, long, ()) = futures::join!(short, long, open_later);
            assert_eq!(sender.records().last().unwrap(), "{1}\n{2}\n");
            (short, long)
        }));
    });
    let answers = told.recv_timeout(Duration::from_secs(20)).expect("the attempts end");
    assert_eq!(answers, (Err(NotEnqueued::NotTaken), Ok(())));
}

/// The first request has time for one pause at most, the second for many: a quick error at the first one's deadline
/// must not fail the second one.
#[tokio::test(start_paused = true)]
async fn a_quick_error_fails_only_the_requests_at_their_deadline() {
    for _ in 0..20 {
        let sender = Scripted::new(vec![failed(Cause::Transient)], ALL);
        let queue = queue(&sender, 1, 100);
        let short =
            queue.enqueue(vec![(partition("clicks"), "{1}\n".to_owned())], Instant::now() + Duration::from_millis(75));
        let long = queue.enqueue(vec![(partition("clicks"), "{2}\n".to_owned())], in_(9));
        let (_, long) = futures::join!(short, long);
        assert_eq!(long, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_for_any_number_of_deadlines() {
    let sender = Scripted::new(vec![], 0);
    let queue = queue(&sender, 1, 100);
    let started = Instant::now();
    let answers = join_all((0..10).map(|tenths| {
        let deadline = in_(20) + Duration::from_millis(100 * tenths);
        queue.enqueue(vec![(partition("clicks"), "{1}\n".to_owned())], deadline)
    }));
    assert_eq!(answers.await, [Err(NotEnqueued::NotTaken); 10]);
    assert_eq!(sender.calls().len(), 3);
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

/// A queue that panics in its first call.
#[derive(Default)]
struct Panicking(std::sync::atomic::AtomicBool);

impl SendMessages for Panicking {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Vec<Receipt>, CallFailed> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(self.0.swap(true, std::sync::atomic::Ordering::Relaxed), "on purpose");
        Ok(vec![Receipt::Durable; messages.len()])
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_only_its_own_requests_and_the_next_worker_starts() {
    let attempts = Attempts { timeout: Duration::from_secs(1), count: 3 };
    let limits = Limits { waiting_records: 100, message_bytes: 4_096, attempts };
    let queue = GroupCommit::new(Panicking::default(), Pool::new(1), limits);
    let first = queue.enqueue(vec![(partition("clicks"), "{1}\n".to_owned())], in_(9));
    let second = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        queue.enqueue(vec![(partition("clicks"), "{2}\n".to_owned())], in_(9)).await
    };
    assert_eq!(futures::join!(first, second), (Err(NotEnqueued::NotTaken), Ok(())));
}
