//! The bucket that is searched: the folder of a server on this machine, or S3.

use std::fs::DirEntry;
use std::io::{self, ErrorKind, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use spillway_compact::s3::S3;
use spillway_compact::store::{Calls, Listed, Page, Part, Put, Store, StoreError};
use spillway_shared::retry::{GaveUp, Outcome};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

/// A bucket to read.
#[derive(Debug, Clone)]
pub enum Source {
    /// The folder whose files are the objects of a built-in bucket.
    Folder(PathBuf),
    /// A bucket of S3.
    S3(S3),
}

/// The folders directly in `parent`, which ends with `/`; so do the folders: `records/stream=clicks/`.
///
/// # Errors
/// A call was given up.
pub(super) async fn folders(calls: Calls<'_, Source>, parent: &str) -> Result<Vec<String>, GaveUp<StoreError>> {
    match calls.store {
        Source::Folder(root) => Ok(folders_in(root, parent)),
        Source::S3(s3) => {
            folders_of_keys(Calls { store: s3, attempts: calls.attempts, deadline: calls.deadline }, parent).await
        }
    }
}

/// Lists one page for each folder, or less.
async fn folders_of_keys<S: Store>(calls: Calls<'_, S>, parent: &str) -> Result<Vec<String>, GaveUp<StoreError>> {
    let (mut folders, mut after) = (Vec::<String>::new(), String::new());
    loop {
        let page = calls.attempts.run(calls.deadline, || calls.store.list(parent, &after)).await?;
        for folder in page.objects.iter().filter_map(|object| folder_of(&object.key, parent)) {
            if folders.last().is_none_or(|last| last != folder) {
                folders.push(folder.to_owned());
            }
        }
        let Some(last) = page.objects.last().filter(|_| page.is_truncated) else { return Ok(folders) };
        // `0` is the character after `/`, so the next key is in another folder.
        after = match folder_of(&last.key, parent) {
            Some(folder) => format!("{}0", folder.trim_end_matches('/')),
            None => last.key.clone(),
        };
    }
}

fn folder_of<'a>(key: &'a str, parent: &str) -> Option<&'a str> {
    let name = key.strip_prefix(parent)?.find('/')?;
    Some(&key[..=parent.len() + name])
}

fn folders_in(root: &Path, parent: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root.join(parent)).into_iter().flatten().flatten();
    let folder = |entry: DirEntry| entry.path().is_dir().then(|| format!("{parent}{}/", entry.file_name().display()));
    let mut folders: Vec<_> = entries.filter_map(folder).collect();
    folders.sort_unstable();
    folders
}

/// A built-in bucket has no pages, and prefixes are folders, which end with `/`.
impl Store for Source {
    async fn list(&self, prefix: &str, after: &str) -> Outcome<Page, StoreError> {
        match self {
            Self::S3(s3) => s3.list(prefix, after).await,
            Self::Folder(root) => done(objects_in(root, prefix).map(|objects| Page { objects, is_truncated: false })),
        }
    }

    async fn get(&self, key: &str, part: Part) -> Outcome<Option<Bytes>, StoreError> {
        match self {
            Self::S3(s3) => s3.get(key, part).await,
            Self::Folder(root) => done(missing_as_none(read(&root.join(key), part).await)),
        }
    }

    async fn put(&self, _: &str, _: Bytes) -> Outcome<Put, StoreError> {
        Outcome::Never(StoreError("a search writes nothing".to_owned()))
    }
}

/// All objects in a folder and the folders below it, ordered by key. Reading them takes milliseconds, so it is done in
/// place.
fn objects_in(root: &Path, prefix: &str) -> io::Result<Vec<Listed>> {
    let (mut objects, mut folders) = (Vec::new(), vec![prefix.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in missing_as_none(std::fs::read_dir(root.join(&folder)))?.into_iter().flatten() {
            let entry = entry?;
            let key = format!("{folder}{}", entry.file_name().display());
            // A file that is gone was replaced or deleted meanwhile.
            let Some(metadata) = missing_as_none(entry.metadata())? else { continue };
            if metadata.is_dir() {
                folders.push(key + "/");
            } else {
                objects.push(Listed { key, size: metadata.len(), modified: metadata.modified()? });
            }
        }
    }
    objects.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    Ok(objects)
}

async fn read(path: &Path, part: Part) -> io::Result<Bytes> {
    if part == Part::Whole {
        return tokio::fs::read(path).await.map(Bytes::from);
    }
    let mut file = File::open(path).await?;
    let size = file.metadata().await?.len();
    let Range { start, end } = match part {
        Part::Range(range) => range,
        Part::Last(bytes) => size.saturating_sub(bytes)..size,
        Part::Whole => 0..size,
    };
    file.seek(SeekFrom::Start(start)).await?;
    let mut bytes = Vec::new();
    file.take(end.saturating_sub(start)).read_to_end(&mut bytes).await?;
    Ok(bytes.into())
}

fn missing_as_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        result => result.map(Some),
    }
}

fn done<T>(result: io::Result<T>) -> Outcome<T, StoreError> {
    match result {
        Ok(value) => Outcome::Done(value),
        Err(error) => Outcome::Never(StoreError(error.to_string())),
    }
}
