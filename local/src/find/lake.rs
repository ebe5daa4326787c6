//! Finds rows in a table's file: statistics and bloom filters choose the row groups, of which only the column `id` is
//! read.

use std::collections::HashSet;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use bytes::buf::Reader;
use bytes::{Buf as _, Bytes};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::bloom_filter::Sbbf;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use spillway_compact::hour::Error;
use spillway_compact::list::{footer, sources_in};
use spillway_compact::store::{Calls, Listed, Part, Store};
use spillway_shared::prefixes::LAKE;
use tokio::task::yield_now;

use super::Search;
use super::scan::{Run, push};

/// What a file contains.
pub(super) struct Rows {
    /// The matching rows, counted from 1.
    pub(super) runs: Vec<Run>,
    /// The keys of the objects in which no record matches.
    pub(super) spared: Vec<String>,
}

/// Searches the file of a table.
///
/// # Errors
/// A call was given up, or the file is damaged.
pub(super) async fn rows<S: Store>(
    calls: Calls<'_, S>,
    file: &Listed,
    records: &str,
    search: &Search,
) -> Result<Rows, Error> {
    let footer = footer(calls, file).await?;
    let (mut runs, mut before) = (Vec::new(), 0);
    for (number, group) in footer.row_groups().iter().enumerate() {
        if let Some((index, column)) = column(group)
            && has_room_for(column, &search.id)
            && filter_permits(calls, file, column, search).await?
        {
            let chunk = fetch(calls, file, column.byte_range()).await?;
            let batches = reader(&footer, chunk, number, index).map_err(|error| damaged(file, &error))?;
            let mut row = before;
            for batch in batches {
                row = add_matches(&batch.map_err(|error| damaged(file, &error.into()))?, search, row, &mut runs);
                yield_now().await;
            }
        }
        before += u64::try_from(group.num_rows()).unwrap_or_default();
    }
    let spared = if runs.is_empty() { objects(&file.key, &footer, records) } else { Vec::new() };
    Ok(Rows { runs, spared })
}

/// The keys of the objects that a file was made from whole. A record of theirs is in this file, or is a copy of one in
/// an earlier file of the hour.
fn objects(file: &str, footer: &ParquetMetaData, records: &str) -> Vec<String> {
    let (Some(folder), Ok(sources)) = (folder_of_records(file, records), sources_in(footer)) else { return Vec::new() };
    let unreadable: HashSet<_> = sources.unreadable.into_iter().collect();
    let whole = sources.objects.into_iter().filter(|name| !unreadable.contains(name));
    whole.map(|name| format!("{folder}{name}")).collect()
}

/// `records/stream=S/dt=D/hour=H/` of `lake/stream=S/v=1/dt=D/hour=H/000.parquet`.
fn folder_of_records(file: &str, records: &str) -> Option<String> {
    let parts: Vec<_> = file.strip_prefix(LAKE)?.split('/').collect();
    let [stream, _version, day, hour, _name] = parts[..] else { return None };
    Some(format!("{records}{stream}/{day}/{hour}/"))
}

fn column(group: &RowGroupMetaData) -> Option<(usize, &ColumnChunkMetaData)> {
    group.columns().iter().enumerate().find(|(_, column)| column.column_path().string() == "id")
}

/// Whether the smallest and the largest id of a row group permit ids that begin with `id`.
fn has_room_for(column: &ColumnChunkMetaData, id: &str) -> bool {
    let begin = |bytes: &[u8]| bytes[..bytes.len().min(id.len())].to_vec();
    let statistics = column.statistics();
    let [min, max] = [statistics.and_then(|it| it.min_bytes_opt()), statistics.and_then(|it| it.max_bytes_opt())];
    min.is_none_or(|min| begin(min).as_slice() <= id.as_bytes())
        && max.is_none_or(|max| begin(max).as_slice() >= id.as_bytes())
}

/// Whether the bloom filter permits the id. A request id is in no filter, since filters contain whole record ids.
async fn filter_permits<S: Store>(
    calls: Calls<'_, S>,
    file: &Listed,
    column: &ColumnChunkMetaData,
    search: &Search,
) -> Result<bool, Error> {
    let place = column.bloom_filter_offset().zip(column.bloom_filter_length()).filter(|_| search.is_record);
    let Some((start, length)) = place else { return Ok(true) };
    let chunk = fetch(calls, file, (start.unsigned_abs(), length.unsigned_abs().into())).await?;
    let filter = Sbbf::from_bytes(&chunk.bytes).map_err(|error| damaged(file, &error))?;
    Ok(filter.check(search.id.as_str()))
}

async fn fetch<S: Store>(calls: Calls<'_, S>, file: &Listed, (start, length): (u64, u64)) -> Result<Chunk, Error> {
    let bytes = calls.get(&file.key, Part::Range(start..start.saturating_add(length))).await?;
    Ok(Chunk { size: file.size, start, bytes: bytes.unwrap_or_default() })
}

fn damaged(file: &Listed, error: &ParquetError) -> Error {
    Error::Damaged(file.key.clone(), error.to_string())
}

/// The ids of a row group.
fn reader(
    footer: &ParquetMetaData,
    chunk: Chunk,
    group: usize,
    column: usize,
) -> ParquetResult<ParquetRecordBatchReader> {
    let metadata = ArrowReaderMetadata::try_new(footer.clone().into(), ArrowReaderOptions::new())?;
    let only = ProjectionMask::leaves(footer.file_metadata().schema_descr(), [column]);
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunk, metadata);
    builder.with_row_groups(vec![group]).with_projection(only).build()
}

/// Adds the matching rows of a batch, the first of which is `before` + 1; returns the number of its last row.
fn add_matches(batch: &RecordBatch, search: &Search, before: u64, runs: &mut Vec<Run>) -> u64 {
    let mut row = before;
    for id in batch.column(0).as_string_opt::<i32>().into_iter().flatten() {
        row += 1;
        if id.is_some_and(|id| search.matches(id)) {
            push(runs, row);
        }
    }
    before + batch.num_rows() as u64
}

/// A part of a file, which is all that is read of it.
struct Chunk {
    /// The size of the file.
    size: u64,
    start: u64,
    bytes: Bytes,
}

impl Chunk {
    fn slice(&self, start: u64, length: Option<usize>) -> ParquetResult<Bytes> {
        let outside = || ParquetError::EOF("a page is outside of its column".to_owned());
        let start = start.checked_sub(self.start).and_then(|start| usize::try_from(start).ok()).ok_or_else(outside)?;
        let end = length.map_or(Some(self.bytes.len()), |length| start.checked_add(length)).ok_or_else(outside)?;
        if start <= end && end <= self.bytes.len() { Ok(self.bytes.slice(start..end)) } else { Err(outside()) }
    }
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Chunk {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(self.slice(start, None)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.slice(start, Some(length))
    }
}
