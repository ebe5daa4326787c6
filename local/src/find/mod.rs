//! Finds the records of a request, or one record, in a bucket and in messages.
//!
//! ```text
//! search    an id ► how its lines begin, its time, the folders of its hours
//! source    listings and reads: a folder on this machine, or S3
//! lake      tables' files ► rows; and the objects that need no reading, because a file without the id was made from them
//! plan      the other objects, ordered: first those that were stored soon after the id's time
//! scan      an object ► the numbers of matching lines
//! messages  the body of a message ► how many of its records match
//! found     the places
//! ```
//!
//! Calls, memory and time are limited. Objects that were stored long after the id's time are read only if the record is
//! in none of the others.

mod found;
mod lake;
mod messages;
mod plan;
mod scan;
mod search;
mod source;

use std::collections::HashSet;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use spillway_compact::hour::Error as FileError;
use spillway_compact::store::{Calls, Listed, Part, StoreError};
use spillway_shared::pool::{Budget, Pool};
use spillway_shared::prefixes::{LAKE, QUARANTINE, REJECTED};
use spillway_shared::retry::{Attempts, GaveUp};
use tokio::time::Instant;

pub use found::{Found, Kind, Place, Searched};
pub use messages::search as in_messages;
pub use search::{Search, SearchError};
pub use source::Source;

use plan::Plan;
use source::folders;

/// The attempts of a call.
pub const ATTEMPTS: Attempts = Attempts { timeout: Duration::from_secs(20), count: 3 };
/// The longest search.
const LONGEST: Duration = Duration::from_mins(15);
/// Calls at a time.
const MAX_CALLS: usize = 16;
/// Bytes of objects in memory, before decompression.
const MAX_BYTES: usize = 64 << 20;

/// Why a search was given up. Damaged objects do not end it: [`Found::unreadable`] names them.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The bucket cannot be listed.
    #[error("the bucket cannot be listed: {0}")]
    List(#[from] GaveUp<StoreError>),
    /// An object cannot be read.
    #[error("{0} cannot be read: {1}")]
    Read(String, GaveUp<StoreError>),
}

/// Searches a bucket whose records have the prefix `records`. `watch` sees the progress after each object.
///
/// # Errors
/// A call was given up, or the search took 15 minutes.
pub async fn in_bucket(
    source: &Source,
    records: &str,
    search: &Search,
    mut watch: impl FnMut(&Searched),
) -> Result<Found, FindError> {
    let reader = Reader { source: source.clone(), deadline: Instant::now() + LONGEST };
    let mut finder = Finder { reader, records, search: Arc::new(search.clone()), found: Found::nothing(search) };
    let spared = finder.tables(&mut watch).await?;
    let mut objects = finder.objects().await?;
    objects.retain(|object| !spared.contains(&object.key));
    let Plan { near, far } = plan::ordered(objects, search.time);
    finder.read(near, &mut watch).await?;
    if !finder.found.has(Kind::Stored) {
        finder.read(far, &mut watch).await?;
    }
    finder.found.places.sort();
    Ok(finder.found)
}

/// One search.
struct Finder<'a> {
    reader: Reader,
    /// The prefix of records.
    records: &'a str,
    search: Arc<Search>,
    found: Found,
}

/// What an object contains.
struct Content {
    object: Listed,
    places: Vec<Place>,
    is_damaged: bool,
}

impl Finder<'_> {
    /// Searches the tables' files; returns the keys of the objects in which the id cannot be.
    async fn tables(&mut self, watch: &mut impl FnMut(&Searched)) -> Result<HashSet<String>, FindError> {
        let mut spared = HashSet::new();
        for file in self.files().await? {
            match lake::rows(self.reader.calls(), &file, self.records, &self.search).await {
                Ok(rows) => {
                    self.found.places.extend(Kind::Lake.places(&file.key, rows.runs));
                    spared.extend(rows.spared);
                }
                Err(FileError::Store(error)) => return Err(FindError::Read(file.key, error)),
                Err(_) => self.found.unreadable.push(file.key),
            }
            self.found.searched.objects += 1;
            watch(&self.found.searched);
        }
        Ok(spared)
    }

    /// The tables' files in the hours of the search.
    async fn files(&self) -> Result<Vec<Listed>, FindError> {
        let mut parents = Vec::new();
        for stream in folders(self.reader.calls(), LAKE).await? {
            for version in folders(self.reader.calls(), &stream).await? {
                parents.extend(self.search.folders(&version));
            }
        }
        let mut files = self.list(parents).await?;
        files.retain(|file| file.key.ends_with(".parquet"));
        Ok(files)
    }

    /// The objects in the hours of the search, and the messages quarantined since its first day.
    async fn objects(&self) -> Result<Vec<Listed>, FindError> {
        let mut parents = folders(self.reader.calls(), QUARANTINE).await?;
        parents.retain(|day| self.search.is_not_before(day));
        for prefix in [self.records, REJECTED] {
            for stream in folders(self.reader.calls(), prefix).await? {
                parents.extend(self.search.folders(&stream));
            }
        }
        self.list(parents).await
    }

    async fn list(&self, parents: Vec<String>) -> Result<Vec<Listed>, FindError> {
        let (reader, pool) = (self.reader.clone(), Pool::new(MAX_CALLS));
        let list = |parent| on_any_thread(reader.clone().list(parent));
        let mut listings = pin!(pool.run(parents.into_iter().map(list)));
        let mut objects = Vec::new();
        while let Some(listing) = listings.next().await {
            objects.extend(listing?);
        }
        Ok(objects)
    }

    /// Reads objects, and adds the places in them.
    async fn read(&mut self, objects: Vec<Listed>, watch: &mut impl FnMut(&Searched)) -> Result<(), FindError> {
        let (reader, search) = (self.reader.clone(), Arc::clone(&self.search));
        let (budget, pool) = (Budget::new(MAX_BYTES), Pool::new(MAX_CALLS));
        let read = |object| on_any_thread(reader.clone().search(object, Arc::clone(&search), budget.clone()));
        self.found.searched.left = objects.len() as u64;
        let mut contents = pin!(pool.run(objects.into_iter().map(read)));
        while let Some(content) = contents.next().await {
            let Content { object, places, is_damaged } = content?;
            self.found.places.extend(places);
            self.found.unreadable.extend(is_damaged.then_some(object.key));
            self.found.searched.add(object.size);
            watch(&self.found.searched);
        }
        Ok(())
    }
}

/// Reads a bucket until a deadline.
#[derive(Debug, Clone)]
struct Reader {
    source: Source,
    deadline: Instant,
}

impl Reader {
    fn calls(&self) -> Calls<'_, Source> {
        Calls { store: &self.source, attempts: ATTEMPTS, deadline: self.deadline }
    }

    async fn list(self, parent: String) -> Result<Vec<Listed>, GaveUp<StoreError>> {
        self.calls().list(&parent).await
    }

    /// Reads and searches an object. One that was deleted meanwhile has no places.
    async fn search(self, object: Listed, search: Arc<Search>, budget: Budget) -> Result<Content, FindError> {
        let _reserved = budget.reserve(usize::try_from(object.size).unwrap_or(usize::MAX)).await;
        let bytes = self.calls().get(&object.key, Part::Whole).await;
        let (places, is_damaged) = match bytes {
            Ok(Some(bytes)) => places(&object.key, bytes, &search).await,
            Ok(None) => (Vec::new(), false),
            Err(error) => return Err(FindError::Read(object.key, error)),
        };
        Ok(Content { object, places, is_damaged })
    }
}

/// Runs work on any thread of the runtime. If it is dropped, the work still ends.
fn on_any_thread<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> impl Future<Output = T> {
    let handle = tokio::spawn(work);
    async move { handle.await.unwrap_or_else(|error| resume_unwind(error.into_panic())) }
}

/// The places in an object, and whether it is damaged.
async fn places(key: &str, bytes: Bytes, search: &Search) -> (Vec<Place>, bool) {
    let kind = plan::kind(key);
    if kind == Kind::Quarantined {
        return match messages::quarantined(key, &bytes, search) {
            Ok(place) => (place.into_iter().collect(), false),
            Err(_) => (Vec::new(), true),
        };
    }
    let (runs, end) = scan::lines(&search.needle(), key, bytes).await;
    (kind.places(key, runs), end.is_err())
}
