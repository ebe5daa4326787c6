use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

use aws_lambda_events::event::sqs::SqsMessage;
use tokio::time::{Duration, Instant};
use tracing::subscriber::set_global_default;

use crate::batch::Deliver;
use crate::config::Config;
use crate::testing::{Act, Memory, MemoryQueue, received, sealed};

thread_local! {
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Appends to what this thread logged.
///
/// The subscriber is global: tracing caches whether a log statement has a subscriber, and while tests run in parallel that
/// cache may miss a subscriber that only one thread has.
struct ThreadLog;

impl Write for ThreadLog {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(text));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn log_by_thread() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        set_global_default(tracing_subscriber::fmt().with_ansi(false).with_writer(|| ThreadLog).finish()).unwrap();
    });
}

/// The lines that a batch writes to the log.
async fn lines_of(act: Act, batch: &[SqsMessage]) -> Vec<String> {
    log_by_thread();
    LOGGED.take();
    let lookup = |name: &str| {
        let needed = [("BUCKET", "b"), ("AWS_REGION", "eu-central-1"), ("QUEUE_URL", "http://q")];
        needed.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let store = Memory::acting(move |_, _| act);
    let deliver = Deliver::new(&Config::read(&lookup).unwrap(), store, MemoryQueue::default());
    let _ = deliver.batch(batch, Instant::now() + Duration::from_secs(10)).await;
    let text = String::from_utf8(LOGGED.take()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Messages of different streams, received `receives` times.
fn messages(count: u8, receives: u32) -> Vec<SqsMessage> {
    let message = |number: u8| {
        let stream = format!("s{number}");
        received(receives, &format!("m{number}"), &sealed(number.into(), &stream, &["{\"zqx\":1}"]))
    };
    (0..count).map(message).collect()
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_which_nothing_is_stored_logs_one_line() {
    for (act, why) in [(Act::Fail, "500, after 3 attempts"), (Act::Refuse, "403"), (Act::Panic, "storing it panicked")]
    {
        let lines = lines_of(act, &messages(30, 1)).await;
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].contains("objects=30") && lines[0].contains("messages=30"), "{lines:?}");
        assert!(lines[0].contains(why) && lines[0].contains("records/stream=s"), "{lines:?}");
        assert!(!lines[0].contains("zqx"), "{lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn suspects_handled_one_by_one_log_one_line() {
    let lines = lines_of(Act::Refuse, &messages(7, 9)).await;
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("objects=7"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn messages_that_cannot_be_quarantined_log_one_line() {
    let batch: Vec<_> = (0..9).map(|number| received(1, &format!("m{number}"), "zqx")).collect();
    let lines = lines_of(Act::Refuse, &batch).await;
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("messages=9") && lines[0].contains("403") && !lines[0].contains("zqx"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_runs_out_of_time_logs_so_once() {
    let lines = lines_of(Act::Stall, &messages(3, 1)).await;
    assert!(lines.iter().filter(|line| line.contains("out of time")).count() <= 1, "{lines:#?}");
    assert!(lines.len() <= 2 && !lines.is_empty(), "{lines:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_stored_batch_logs_nothing() {
    assert_eq!(lines_of(Act::Take, &messages(30, 1)).await, Vec::<String>::new());
}
