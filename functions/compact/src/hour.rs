//! Compacts one hour of one stream: calls the stages until no work is left or time is up.

use std::pin::Pin;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use parquet::errors::ParquetError;
use spillway_shared::metrics::Compacted;
use spillway_shared::retry::{Attempts, GaveUp};
use tokio::time::Instant;

use crate::build::Build;
use crate::commit::commit;
use crate::dedupe::{self, Records};
use crate::list::{Made, Place, Work, work};
use crate::store::{Calls, Part, Store, StoreError};
use crate::table::Table;

/// Why an hour was not compacted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call to S3 was given up.
    #[error("{0}")]
    Store(#[from] GaveUp<StoreError>),
    /// A file could not be written, which is a defect.
    #[error("a file could not be written: {0}")]
    Write(#[from] ParquetError),
    /// A file's footer cannot be read, so it is unknown which objects are in it.
    #[error("{0} is damaged: {1}")]
    Damaged(String, String),
}

/// How the files of an hour are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The prefix of objects of records.
    pub records_prefix: String,
    /// The attempts of each call.
    pub attempts: Attempts,
    /// Objects that are read ahead.
    pub prefetch: usize,
    /// Bytes of records at which a file closes, at the end of an object.
    pub file_bytes: u64,
}

/// Until when an hour may be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until {
    /// No further object is begun; the file with the objects so far is committed.
    pub stop: Instant,
    /// Every call has ended.
    pub deadline: Instant,
}

/// Whether work is left for an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// None.
    Complete,
    /// Time was up. At least one object was compacted, unless another compactor works on the hour.
    OutOfTime,
}

/// How one pass over the objects of a listing ended.
enum Pass {
    Complete,
    OutOfTime,
    /// The number of the next file is taken: the listing is out of date.
    Taken,
    /// A record's id is in an earlier file: the payloads behind that file must be known.
    Unknown,
}

/// Compacts hours in one bucket.
#[derive(Debug)]
pub struct Compactor<'a, S> {
    /// The bucket.
    pub store: &'a S,
    /// How files are made.
    pub settings: &'a Settings,
}

impl<S: Store> Compactor<'_, S> {
    /// Compacts an hour and counts what it does, also before an error.
    ///
    /// # Errors
    /// Why work is left for the hour. Nothing is lost or stored twice by trying again.
    pub async fn compact(
        &self,
        place: &Place,
        table: &Table,
        until: Until,
        counts: &mut Compacted,
    ) -> Result<End, Error> {
        let run = Run { calls: self.calls(until.deadline), place, table, settings: self.settings, stop: until.stop };
        let mut with_payloads = false;
        loop {
            let work = run.work().await?;
            if work.left.is_empty() {
                return Ok(End::Complete);
            }
            match run.pass(work, with_payloads, counts).await? {
                Pass::Complete => return Ok(End::Complete),
                Pass::OutOfTime => return Ok(End::OutOfTime),
                Pass::Taken if Instant::now() >= until.stop => return Ok(End::OutOfTime),
                Pass::Taken => {}
                Pass::Unknown => with_payloads = true,
            }
        }
    }

    /// Calls to the bucket that end before a deadline.
    pub(crate) fn calls(&self, deadline: Instant) -> Calls<'_, S> {
        Calls { store: self.store, attempts: self.settings.attempts, deadline }
    }

    /// Whether work is left for an hour.
    ///
    /// # Errors
    /// A call was given up, or a file is damaged.
    pub async fn has_work(&self, place: &Place, version: u32, deadline: Instant) -> Result<bool, Error> {
        Ok(!work(self.calls(deadline), place, &self.settings.records_prefix, version).await?.left.is_empty())
    }
}

/// The compaction of one hour.
struct Run<'a, S> {
    calls: Calls<'a, S>,
    place: &'a Place,
    table: &'a Table,
    settings: &'a Settings,
    stop: Instant,
}

impl<S: Store> Run<'_, S> {
    async fn work(&self) -> Result<Work, Error> {
        work(self.calls, self.place, &self.settings.records_prefix, self.table.version).await
    }

    /// Makes files from the objects of one listing. Their numbers follow one another, and every file of a lower number
    /// is in the listing or made here, so a free number proves that nobody else has worked on these objects.
    async fn pass(&self, work: Work, with_payloads: bool, counts: &mut Compacted) -> Result<Pass, Error> {
        let mut records = self.seen(&work.files, with_payloads).await?;
        let mut objects =
            std::pin::pin!(self.objects(work.left.into_iter().map(|object| object.key).collect()).peekable());
        let mut number = work.next;
        while objects.as_mut().peek().await.is_some() {
            if number > work.next && self.is_late() {
                return Ok(Pass::OutOfTime);
            }
            let Some(build) = self.build(objects.as_mut(), &mut records).await? else { return Ok(Pass::Unknown) };
            if build.is_empty() {
                continue;
            }
            let (file, made) = build.finish()?;
            if !commit(self.calls, self.place, self.table.version, number, file).await? {
                return Ok(Pass::Taken);
            }
            counts.add(made);
            number += 1;
        }
        Ok(Pass::Complete)
    }

    /// Makes one file. `None` if a record's id is in an earlier file whose payloads are not known.
    async fn build(&self, mut objects: Pin<&mut impl Objects>, records: &mut Records) -> Result<Option<Build>, Error> {
        let mut build = Build::new(self.place, self.table)?;
        while let Some((key, object)) = objects.next().await {
            // An object that is gone has expired since it was listed.
            let Some(object) = object? else { continue };
            if !build.add(&key, &object, records)? {
                return Ok(None);
            }
            if build.bytes() >= self.settings.file_bytes || self.is_late() {
                break;
            }
            tokio::task::yield_now().await;
        }
        Ok(Some(build))
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.stop
    }

    /// Reads objects ahead, in their order.
    fn objects(&self, keys: Vec<String>) -> impl Objects {
        let get = async |key: String| {
            let object = self.calls.get(&key, Part::Whole).await;
            (key, object)
        };
        stream::iter(keys).map(get).buffered(self.settings.prefetch)
    }

    /// The records of earlier files: their ids, or also their payloads, from the objects that these files name.
    async fn seen(&self, files: &[Made], with_payloads: bool) -> Result<Records, Error> {
        let mut records = Records::default();
        for file in files {
            if with_payloads {
                self.see_sources(file, &mut records).await?;
            } else if let Some(bytes) = self.calls.get(&file.key, Part::Whole).await? {
                let damaged = |error: ParquetError| Error::Damaged(file.key.clone(), error.to_string());
                dedupe::see_file(bytes, &mut records).map_err(damaged)?;
            }
        }
        Ok(records)
    }

    async fn see_sources(&self, file: &Made, records: &mut Records) -> Result<(), Error> {
        let folder = self.place.records(&self.settings.records_prefix);
        let mut objects =
            std::pin::pin!(self.objects(file.sources.objects.iter().map(|name| format!("{folder}{name}")).collect()));
        while let Some((key, object)) = objects.next().await {
            if let Some(object) = object? {
                dedupe::see_object(&key, &object, &self.place.stream, records).map_err(ParquetError::from)?;
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// Keys with their objects; `None` if an object does not exist.
trait Objects: Stream<Item = (String, Result<Option<Bytes>, GaveUp<StoreError>>)> {}

impl<T: Stream<Item = (String, Result<Option<Bytes>, GaveUp<StoreError>>)>> Objects for T {}

#[cfg(test)]
mod tests;
