//! The bucket, as far as compact uses it.

use std::future::Future;
use std::ops::Range;
use std::time::SystemTime;

use bytes::Bytes;
use spillway_shared::retry::{Attempts, GaveUp, Outcome};
use tokio::time::Instant;

/// Why a call failed: S3's status, code and message, or the causes of a failed connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was stored; S3 tells it in whole seconds.
    pub modified: SystemTime,
}

/// One page of a listing, in the order of the keys' bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The objects.
    pub objects: Vec<Listed>,
    /// Whether further ones follow.
    pub is_truncated: bool,
}

/// Which bytes of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All.
    Whole,
    /// These ones: at least one, and the object has the first of them.
    Range(Range<u64>),
    /// The last ones: at least one, and at most as many as the object has.
    Last(u64),
}

/// The result of a create-only PUT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The object is new.
    Created,
    /// Its key existed: it may be from an earlier attempt whose answer was lost, or from another compactor.
    Exists,
}

/// A bucket. Each call makes one attempt.
pub trait Store: Send + Sync + 'static {
    /// Lists objects whose keys begin with `prefix`, from the first key after `after`.
    fn list(&self, prefix: &str, after: &str) -> impl Future<Output = Outcome<Page, StoreError>> + Send;

    /// Reads an object; `None` if it does not exist.
    fn get(&self, key: &str, part: Part) -> impl Future<Output = Outcome<Option<Bytes>, StoreError>> + Send;

    /// Stores an object unless its key exists.
    fn put(&self, key: &str, body: Bytes) -> impl Future<Output = Outcome<Put, StoreError>> + Send;
}

/// A bucket with repeated attempts, until a deadline.
#[derive(Debug)]
pub struct Calls<'a, S> {
    /// The bucket.
    pub store: &'a S,
    /// The attempts of each call.
    pub attempts: Attempts,
    /// When all calls must have ended.
    pub deadline: Instant,
}

/// Copies the reference.
impl<S> Clone for Calls<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Calls<'_, S> {}

impl<S: Store> Calls<'_, S> {
    /// All objects whose keys begin with `prefix`, in the order of the keys' bytes.
    ///
    /// # Errors
    /// A call was given up.
    pub async fn list(self, prefix: &str) -> Result<Vec<Listed>, GaveUp<StoreError>> {
        let mut found = Vec::<Listed>::new();
        loop {
            let after = found.last().map(|last| last.key.clone()).unwrap_or_default();
            let page = self.attempts.run(self.deadline, || self.store.list(prefix, &after)).await?;
            let is_last = !page.is_truncated || page.objects.is_empty();
            found.extend(page.objects);
            if is_last {
                return Ok(found);
            }
        }
    }

    /// See [`Store::get`].
    ///
    /// # Errors
    /// The call was given up.
    pub async fn get(self, key: &str, part: Part) -> Result<Option<Bytes>, GaveUp<StoreError>> {
        self.attempts.run(self.deadline, || self.store.get(key, part.clone())).await
    }

    /// See [`Store::put`].
    ///
    /// # Errors
    /// The call was given up: it is unknown whether the object is stored.
    pub async fn put(self, key: &str, body: Bytes) -> Result<Put, GaveUp<StoreError>> {
        self.attempts.run(self.deadline, || self.store.put(key, body.clone())).await
    }
}
