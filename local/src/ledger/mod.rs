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

use spillway_shared::message;
use tokio::task::spawn_blocking;

use crate::data_folder::{DataFolder, DataFolderError};
use crate::journal::{Journal, JournalError};
use crate::lock::lock;
use crate::recent::ByStream;
use crate::s3::Bucket;
use crate::sqs::{Accept, FOLDER, Queue, Tap};
pub(crate) use objects::holds_records;
pub use objects::{each_line, each_line_until};
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
    /// The same by stream, without messages that cannot be decoded.
    by_stream: ByStream<u64>,
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
        Ok(Self(Arc::new(Mutex::new(Accepted { runs, journal: Some(journal), ..Accepted::default() }))))
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

    /// The same by stream, without messages that cannot be decoded.
    pub(crate) fn accepted_by_stream(&self) -> ByStream<u64> {
        lock(&self.0).by_stream.clone()
    }

    /// Draws up the ledger of a run that has ended: reads the queues and all objects. In a ledger of this run alone, the
    /// objects of earlier runs count only for the records that this run accepted.
    ///
    /// # Errors
    /// The objects could not be read at all; single objects are named in the report.
    pub async fn settle(self, queue: &Queue, bucket: &Bucket) -> Result<Report, LedgerError> {
        let (runs, earlier_runs) = {
            let mut accepted = lock(&self.0);
            (std::mem::take(&mut accepted.runs), accepted.journal.is_some())
        };
        draw_up(runs, earlier_runs, queue, bucket).await
    }

    /// The same while the pipeline runs: for the records that are accepted by now. `foreign` then counts later ones too.
    ///
    /// # Errors
    /// As [`Ledger::settle`].
    pub async fn so_far(&self, queue: &Queue, bucket: &Bucket) -> Result<Report, LedgerError> {
        let (runs, earlier_runs) = {
            let accepted = lock(&self.0);
            (accepted.runs.clone(), accepted.journal.is_some())
        };
        draw_up(runs, earlier_runs, queue, bucket).await
    }
}

/// Finds the accepted ids. Records move on from queue to object, and between a queue and its dead letters in both directions:
/// in this order none is missed.
async fn draw_up(runs: Runs, earlier_runs: bool, queue: &Queue, bucket: &Bucket) -> Result<Report, LedgerError> {
    let unseen = Unseen { sqs: queue.is_external(), s3: bucket.is_external() };
    let mut tally = Tally::new(runs, earlier_runs);
    queue.each_dead_letter(|body| tally.message(body, Place::DeadLetters));
    queue.each_queued(|body| tally.message(body, Place::Queue));
    queue.each_dead_letter(|body| tally.message(body, Place::DeadLetters));
    let objects = bucket.objects()?;
    #[expect(clippy::disallowed_methods, reason = "one thread: reading takes seconds, and the servers continue")]
    let report = spawn_blocking(move || {
        for object in &objects {
            tally.object(object);
        }
        tally.report()
    });
    Ok(Report { unseen, ..report.await.map_err(io::Error::other)? })
}

impl Accept for Mutex<Accepted> {
    fn accept(&self, bodies: &[&str]) -> io::Result<()> {
        let (mut runs, mut count, mut by_stream) = (Runs::default(), 0, Vec::with_capacity(bodies.len()));
        for body in bodies {
            let before = count;
            ids::of_message(body, |id| {
                runs.push(&id);
                count += 1;
            });
            by_stream.extend(message::open(body).map(|sealed| (sealed.header.stream, count - before)));
        }
        let mut accepted = lock(self);
        if let Some(journal) = accepted.journal.as_mut().filter(|_| count > 0) {
            journal.append([runs.entry()])?;
        }
        accepted.runs.append(runs);
        accepted.count += count;
        for (stream, count) in by_stream {
            accepted.by_stream.change(stream.as_str(), |of_stream| *of_stream += count);
        }
        Ok(())
    }
}
