//! The ledger: distinct record ids that SQS acknowledged on one side, where they are on the other.
//!
//! The way of an id: before SQS acknowledges a message, the [`Tap`] reads the [`ids`] in it and keeps them as [`runs`], on
//! disk too if the queue is; at the end every place is read and ticked off in a [`tally`].

mod ids;
mod objects;
mod report;
mod runs;
mod tally;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::data_folder::{DataFolder, DataFolderError};
use crate::journal::{Journal, JournalError};
use crate::s3::Bucket;
use crate::sqs::{Accept, FOLDER, Queue, Tap};
pub use objects::each_line;
pub use report::{Report, Unseen};
use runs::Runs;
pub use tally::Tally;

/// Gathers the ids of the messages that SQS acknowledges.
#[derive(Debug, Default)]
pub struct Ledger {
    accepted: Arc<Accepted>,
    earlier_runs: bool,
}

/// Why a ledger could not be read or drawn up.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] DataFolderError),
    /// The ids of earlier runs cannot be read.
    #[error("the ledger of earlier runs cannot be read: {0}")]
    EarlierRuns(#[from] JournalError),
    /// The thread that reads the objects did not start or did not end well.
    #[error("the objects could not be read: {0}")]
    Objects(#[from] io::Error),
}

/// The accepted ids.
#[derive(Debug, Default)]
struct Accepted {
    kept: Mutex<Kept>,
    /// Records of this run; a record that was sent twice counts twice.
    count: AtomicU64,
}

#[derive(Debug, Default)]
struct Kept {
    runs: Runs,
    journal: Option<Journal>,
}

impl Ledger {
    /// An empty ledger, of this run alone.
    #[must_use]
    pub fn start() -> Self {
        Self::default()
    }

    /// The ledger of a bucket, with the ids of earlier runs on this data folder.
    ///
    /// # Errors
    /// The data folder is in use, or the ids of earlier runs cannot be read.
    pub fn open(data: &DataFolder, bucket: &str) -> Result<Self, LedgerError> {
        let path = data.folder(FOLDER)?.join(format!("accepted-{bucket}"));
        let mut runs = Runs::default();
        let journal = Journal::open(&path, |others, bytes| runs.read(others, &bytes))?;
        let kept = Mutex::new(Kept { runs, journal: Some(journal) });
        Ok(Self { accepted: Arc::new(Accepted { kept, count: AtomicU64::new(0) }), earlier_runs: true })
    }

    /// A tap for the queue.
    #[must_use]
    pub fn tap(&self) -> Tap {
        Arc::<Accepted>::clone(&self.accepted)
    }

    /// How many records SQS has acknowledged in this run; a record that was sent twice counts twice.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.count.load(Ordering::Relaxed)
    }

    /// Ends the accepting side: the places are compared with the ids that were acknowledged until now.
    #[must_use]
    pub fn close(self) -> Tally {
        Tally::new(std::mem::take(&mut self.accepted.kept().runs))
    }

    /// Draws up the ledger of a run that has ended: reads the queues, and the objects of all the runs that it knows of.
    ///
    /// # Errors
    /// The objects could not be read at all; single objects are named in the report.
    pub async fn settle(self, queue: &Queue, bucket: &Bucket) -> Result<Report, LedgerError> {
        let unseen = Unseen { sqs: queue.is_external(), s3: bucket.is_external() };
        let earlier_runs = self.earlier_runs;
        let objects = if earlier_runs { bucket.objects()? } else { bucket.objects_of_this_run() };
        let mut tally = self.close();
        queue.each_queued(|body| tally.left(body));
        queue.each_dead_letter(|body| tally.dead_letter(body));
        let report = on_thread(move || {
            for object in &objects {
                tally.object(object);
            }
            tally.report()
        });
        Ok(Report { unseen, earlier_runs, ..report.await? })
    }
}

impl Accept for Accepted {
    fn accept(&self, bodies: &[&str]) -> io::Result<()> {
        let (mut runs, mut count) = (Runs::default(), 0);
        for body in bodies {
            ids::of_message(body, |id| {
                runs.push(&id);
                count += 1;
            });
        }
        let mut kept = self.kept();
        if let Some(journal) = kept.journal.as_mut().filter(|_| count > 0) {
            journal.append([runs.entry(&runs.bytes())])?;
        }
        kept.runs.append(runs);
        self.count.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }
}

impl Accepted {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
