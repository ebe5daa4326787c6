//! The work left for an hour: its objects that no footer of its files names.

use std::collections::HashSet;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use spillway_shared::hour::Hour;
use spillway_shared::prefixes::LAKE;
use spillway_shared::stream::StreamName;

use crate::hour::Error;
use crate::read::is_object;
use crate::store::{Calls, Listed, Part, Store};
use crate::write::{SOURCES, Sources};

/// The end of a file that is read first; most footers are shorter.
const FOOTER_BYTES: u64 = 64 << 10;

/// One hour of one stream's table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The stream.
    pub stream: StreamName,
    /// The hour of receipt.
    pub hour: Hour,
}

/// What is stored for an hour.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Work {
    /// The objects left, by key.
    pub left: Vec<Listed>,
    /// The files.
    pub files: Vec<Made>,
    /// The number of the next file.
    pub next: u32,
}

/// A file of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its key.
    pub key: String,
    /// What it was made from.
    pub sources: Sources,
}

impl Place {
    /// The start of the keys of the hour's objects of records.
    #[must_use]
    pub fn records(&self, prefix: &str) -> String {
        format!("{prefix}stream={}/dt={}/hour={}/", self.stream, self.hour.date(), self.hour.of_day())
    }

    /// The start of the keys of the hour's files.
    #[must_use]
    pub fn files(&self, version: u32) -> String {
        format!("{LAKE}stream={}/v={version}/dt={}/hour={}/", self.stream, self.hour.date(), self.hour.of_day())
    }

    /// The key of a file.
    #[must_use]
    pub fn file(&self, version: u32, number: u32) -> String {
        format!("{}{number:03}.parquet", self.files(version))
    }
}

/// Lists an hour and reads the footers of its files.
///
/// Files are listed before objects: an object that is listed, but named in a file that was not, is only work done in
/// vain, since that file's number is taken.
///
/// # Errors
/// A call was given up, or a file is damaged.
pub async fn work<S: Store>(calls: Calls<'_, S>, place: &Place, prefix: &str, version: u32) -> Result<Work, Error> {
    let mut work = Work::default();
    for listed in calls.list(&place.files(version)).await? {
        let Some(number) = number_of(&listed.key) else { continue };
        work.next = work.next.max(number + 1);
        let sources = sources(calls, &listed).await?;
        work.files.push(Made { key: listed.key, sources });
    }
    let folder = place.records(prefix);
    let named: HashSet<&str> = work.files.iter().flat_map(|file| &file.sources.objects).map(String::as_str).collect();
    // Deliver writes no folders into an hour; what another program puts there is not named by its name alone.
    let is_left = |key: &str| {
        let name = &key[folder.len()..];
        is_object(name) && !name.contains('/') && !named.contains(name)
    };
    work.left = calls.list(&folder).await?.into_iter().filter(|listed| is_left(&listed.key)).collect();
    Ok(work)
}

/// `…/007.parquet` is number 7.
fn number_of(key: &str) -> Option<u32> {
    let (_, name) = key.rsplit_once('/')?;
    name.strip_suffix(".parquet").filter(|number| number.len() >= 3)?.parse().ok()
}

async fn sources<S: Store>(calls: Calls<'_, S>, file: &Listed) -> Result<Sources, Error> {
    sources_in(&footer(calls, file).await?).map_err(|what| Error::Damaged(file.key.clone(), what))
}

/// Reads the footer of a file.
///
/// # Errors
/// A call was given up, or the file is damaged.
pub async fn footer<S: Store>(calls: Calls<'_, S>, file: &Listed) -> Result<ParquetMetaData, Error> {
    let mut bytes = FOOTER_BYTES.min(file.size).max(1);
    loop {
        let end = calls.get(&file.key, Part::Last(bytes)).await?.unwrap_or_default();
        match metadata(&end, file.size) {
            Ok(metadata) => return Ok(metadata),
            Err(ParquetError::NeedMoreData(more)) if more as u64 > bytes && more as u64 <= file.size => {
                bytes = more as u64;
            }
            Err(error) => return Err(Error::Damaged(file.key.clone(), error.to_string())),
        }
    }
}

fn metadata(end: &Bytes, size: u64) -> Result<ParquetMetaData, ParquetError> {
    let mut reader = ParquetMetaDataReader::new();
    reader.try_parse_sized(end, size)?;
    reader.finish()
}

/// What a file was made from, by its footer.
///
/// # Errors
/// Another program has written it.
pub fn sources_in(metadata: &ParquetMetaData) -> Result<Sources, String> {
    let entries = metadata.file_metadata().key_value_metadata().into_iter().flatten();
    let text = entries.filter(|entry| entry.key == SOURCES).find_map(|entry| entry.value.as_ref());
    let text = text.ok_or("its footer names no sources; another program may have written it")?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}
