//! The ledger of a run: distinct record ids that SQS acknowledged on one side, where they lie on the other.
//!
//! The way of an id: the queue's [`Tap`] takes the body of a message that it acknowledged; a task of its own reads the
//! [`ids`] and keeps them as [`runs`]; at the end every place is read and ticked off in a [`tally`].

mod ids;
mod objects;
mod report;
mod runs;
mod tally;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::s3::Bucket;
use crate::sqs::{Queue, QueueError, Tap};
pub use report::{Report, Unseen};
use runs::Runs;
pub use tally::Tally;

/// How many messages may wait to be read; beyond it the queue's senders wait.
const WAITING: usize = 256;

/// Gathers the ids of what SQS acknowledges.
#[derive(Debug)]
pub struct Ledger {
    tap: Tap,
    accepted: Arc<AtomicU64>,
    close: oneshot::Sender<()>,
    runs: JoinHandle<Runs>,
}

/// Why a ledger could not be drawn up.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// What lies in the queue could not be read.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The thread that reads the objects did not start or did not end well.
    #[error("the objects could not be read: {0}")]
    Objects(#[from] io::Error),
}

impl Ledger {
    /// An empty ledger; its task runs until the ledger is closed or dropped.
    #[must_use]
    pub fn start() -> Self {
        let (tap, bodies) = Tap::new(WAITING);
        let (close, closed) = oneshot::channel();
        let accepted = Arc::new(AtomicU64::new(0));
        let runs = tokio::spawn(gather(bodies, closed, Arc::clone(&accepted)));
        Self { tap, accepted, close, runs }
    }

    /// A tap for the queue.
    #[must_use]
    pub fn tap(&self) -> Tap {
        self.tap.clone()
    }

    /// How many records SQS has acknowledged so far; a record that was sent twice counts twice.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Ends the accepting side: what was acknowledged until now is what the places are held against.
    pub async fn close(self) -> Tally {
        let _ = self.close.send(());
        Tally::new(self.runs.await.unwrap_or_default())
    }

    /// Draws up the ledger of a run that has ended: reads the queues and every object of this run.
    ///
    /// The queue is of no use after this (see [`Queue::each_left`]).
    ///
    /// # Errors
    /// The queue or the objects could not be read at all; single objects are named in the report.
    pub async fn settle(self, queue: &Queue, bucket: &Bucket) -> Result<Report, LedgerError> {
        let unseen = Unseen { sqs: queue.is_external(), s3: bucket.is_external() };
        let mut tally = self.close().await;
        queue.each_left(|body| tally.left(&body)).await?;
        queue.each_dead_letter(|body| tally.dead_letter(&body)).await?;
        let objects = bucket.objects_of_this_run();
        let report = on_thread(move || {
            for object in &objects {
                tally.object(object);
            }
            tally.report()
        });
        Ok(Report { unseen, ..report.await? })
    }
}

/// Keeps the ids of what comes out of the tap, until it is closed and empty.
async fn gather(
    mut bodies: mpsc::Receiver<String>,
    mut closed: oneshot::Receiver<()>,
    accepted: Arc<AtomicU64>,
) -> Runs {
    let mut runs = Runs::default();
    while let Some(body) = next(&mut bodies, &mut closed).await {
        let mut count = 0;
        ids::of_message(&body, |id| {
            runs.push(&id);
            count += 1;
        });
        accepted.fetch_add(count, Ordering::Relaxed);
    }
    runs
}

/// The next body; the tap closes with the ledger, and what was in it by then still comes.
async fn next(bodies: &mut mpsc::Receiver<String>, closed: &mut oneshot::Receiver<()>) -> Option<String> {
    tokio::select! {
        body = bodies.recv() => body,
        _ = closed, if !bodies.is_closed() => {
            bodies.close();
            bodies.recv().await
        }
    }
}

/// Reading and decompressing takes seconds: on a thread of its own, so that the servers go on.
async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (sender, result) = oneshot::channel();
    std::thread::Builder::new().name("ledger".to_owned()).spawn(move || {
        let _ = sender.send(work());
    })?;
    result.await.map_err(|_| io::Error::other("the ledger's thread ended early"))
}
