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
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::data_folder::{DataFolder, DataFolderError};
use crate::journal::{Journal, JournalError};
use crate::lock::lock;
use crate::s3::Bucket;
use crate::sqs::{Accept, FOLDER, Queue, Tap};
pub use report::{Report, Unseen};
use runs::Runs;
use tally::{Place, Tally};

/// Gathers the ids of the messages that SQS acknowledges.
#[derive(Debug, Default)]
pub struct Ledger(Arc<Mutex<Accepted>>);

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
    runs: Runs,
    /// The ids on disk, also those of earlier runs; `None` if the ledger is of this run alone.
    journal: Option<Journal>,
    /// Records of this run; a record that was sent twice counts twice.
    count: u64,
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
        Ok(Self(Arc::new(Mutex::new(Accepted { runs, journal: Some(journal), count: 0 }))))
    }

    /// A tap for the queue.
    #[must_use]
    pub fn tap(&self) -> Tap {
        Arc::<Mutex<Accepted>>::clone(&self.0)
    }

    /// How many records SQS has acknowledged in this run; a record that was sent twice counts twice.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        lock(&self.0).count
    }

    /// Draws up the ledger of a run that has ended: reads the queues and all objects. Without earlier
    /// runs, the objects of earlier runs count only for the records that this run accepted too.
    ///
    /// # Errors
    /// The objects could not be read at all; single objects are named in the report.
    pub async fn settle(self, queue: &Queue, bucket: &Bucket) -> Result<Report, LedgerError> {
        let unseen = Unseen { sqs: queue.is_external(), s3: bucket.is_external() };
        let objects = bucket.objects()?;
        let Accepted { runs, journal, .. } = std::mem::take(&mut *lock(&self.0));
        let mut tally = Tally::new(runs, journal.is_some());
        queue.each_queued(|body| tally.message(body, Place::Queue));
        queue.each_dead_letter(|body| tally.message(body, Place::DeadLetters));
        let report = on_thread(move || {
            for object in &objects {
                tally.object(object);
            }
            tally.report()
        });
        Ok(Report { unseen, ..report.await? })
    }
}

impl Accept for Mutex<Accepted> {
    fn accept(&self, bodies: &[&str]) -> io::Result<()> {
        let (mut runs, mut count) = (Runs::default(), 0);
        for body in bodies {
            ids::of_message(body, |id| {
                runs.push(&id);
                count += 1;
            });
        }
        let mut accepted = lock(self);
        if let Some(journal) = accepted.journal.as_mut().filter(|_| count > 0) {
            journal.append([runs.entry()])?;
        }
        accepted.runs.append(runs);
        accepted.count += count;
        Ok(())
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
