//! The ledger of a run: distinct record ids that SQS acknowledged on one side, where they lie on the other.
//!
//! The way of an id: [`Tap`] takes the body of a message when the queue has acknowledged it; a task of its own reads
//! the [`ids`] and keeps them as [`runs`]; at the end every place is read and ticked off in a [`tally`].

mod ids;
mod objects;
mod report;
mod runs;
mod tally;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};

use crate::bucket::Bucket;
use crate::queue::{Queue, QueueError};
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
}

/// Where the queue hands on the messages that it acknowledged.
#[derive(Debug, Clone)]
pub struct Tap(mpsc::Sender<Entry>);

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

#[derive(Debug)]
enum Entry {
    Message(String),
    Close(oneshot::Sender<Runs>),
}

impl Ledger {
    /// An empty ledger; its task runs until the ledger and all taps are dropped.
    #[must_use]
    pub fn start() -> Self {
        let (sender, entries) = mpsc::channel(WAITING);
        let accepted = Arc::new(AtomicU64::new(0));
        tokio::spawn(gather(entries, Arc::clone(&accepted)));
        Self { tap: Tap(sender), accepted }
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
        let (sender, runs) = oneshot::channel();
        let _ = self.tap.0.send(Entry::Close(sender)).await;
        Tally::new(runs.await.unwrap_or_default())
    }

    /// Draws up the ledger of a run that has ended: reads the queues and every object of this run.
    ///
    /// The queue is of no use after this (see [`Queue::each_left`]).
    ///
    /// # Errors
    /// The queue or the objects could not be read at all; single objects are named in the report.
    pub async fn settle(self, queue: &Queue, bucket: &Bucket) -> Result<Report, LedgerError> {
        let unseen = Unseen { sqs: queue.is_elsewhere(), s3: bucket.is_elsewhere() };
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

impl Tap {
    /// Takes the bodies of acknowledged messages; waits while too many are unread.
    pub async fn accept(&self, bodies: Vec<String>) {
        for body in bodies {
            // Without a ledger nobody asks.
            let _ = self.0.send(Entry::Message(body)).await;
        }
    }
}

async fn gather(mut entries: mpsc::Receiver<Entry>, accepted: Arc<AtomicU64>) {
    let mut runs = Runs::default();
    while let Some(entry) = entries.recv().await {
        match entry {
            Entry::Message(body) => {
                let mut count = 0;
                ids::of_message(&body, |id| {
                    runs.push(&id);
                    count += 1;
                });
                accepted.fetch_add(count, Ordering::Relaxed);
            }
            Entry::Close(reply) => {
                let _ = reply.send(std::mem::take(&mut runs));
            }
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
