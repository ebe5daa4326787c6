//! The ledger counts the distinct record ids that SQS acknowledged, by outcome.
//!
//! Before SQS acknowledges a message, the [`Tap`] reads its record [`ids`] and adds them to the [`runs`], and to a journal
//! if the queue is on disk. At the end, the ledger reads queues and objects and marks each id in a [`tally`].

mod ids;
mod objects;
mod report;
mod runs;
mod tally;

use std::io;
use std::sync::{Arc, Mutex};

use tokio::task::spawn_blocking;

use crate::data_folder::{DataFolder, DataFolderError};
use crate::journal::{Journal, JournalError};
use crate::lock::lock;
use crate::s3::Bucket;
use crate::sqs::{Accept, FOLDER, Queue, Tap};
pub use objects::each_line;
pub use report::{Report, Unseen};
use runs::Runs;
use tally::{Place, Tally};

/// Gathers the ids of the messages that SQS acknowledges. The default is a ledger of this run alone.
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
    /// The folder of the objects could not be read, or the thread that reads them panicked.
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

    /// Draws up the ledger of a run that has ended: reads the queues and all objects. In a ledger of this run alone, the
    /// objects of earlier runs count only for the records that this run accepted.
    ///
    /// # Errors
    /// The objects could not be read at all; single objects are named in the report.
    pub async fn settle(self, queue: &Queue, bucket: &Bucket) -> Result<Report, LedgerError> {
        let unseen = Unseen { sqs: queue.is_external(), s3: bucket.is_external() };
        let objects = bucket.objects()?;
        let mut tally = {
            let mut accepted = lock(&self.0);
            Tally::new(std::mem::take(&mut accepted.runs), accepted.journal.is_some())
        };
        queue.each_queued(|body| tally.message(body, Place::Queue));
        queue.each_dead_letter(|body| tally.message(body, Place::DeadLetters));
        #[expect(clippy::disallowed_methods, reason = "one thread: reading takes seconds, and the servers continue")]
        let report = spawn_blocking(move || {
            for object in &objects {
                tally.object(object);
            }
            tally.report()
        });
        Ok(Report { unseen, ..report.await.map_err(io::Error::other)? })
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
