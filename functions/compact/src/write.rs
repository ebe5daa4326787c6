//! Rows into a Parquet file, whose footer names the objects it was made from.

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};

/// The key of the footer's entry.
pub const SOURCES: &str = "spillway.sources";
/// Bytes of records after which a row group ends.
const ROW_GROUP_BYTES: u64 = 128 << 20;
/// Bytes of a column's dictionary, beyond which a row group goes on without one: distinct values gain nothing by it.
const DICTIONARY_BYTES: usize = 256 << 10;
/// Text longer than this is cut in statistics.
const STATISTICS_BYTES: usize = 64;

/// What a file was made from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sources {
    /// The objects' names inside the folder of their hour.
    pub objects: Vec<String>,
    /// Those of them that could not be decompressed to their end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// A file that is being written, in memory.
pub struct File {
    writer: ArrowWriter<Vec<u8>>,
    /// Bytes of records in the row group.
    group: u64,
    rows: u64,
}

impl File {
    /// A file without rows.
    ///
    /// # Errors
    /// The schema has no Parquet equivalent, which would be a defect.
    pub fn new(schema: SchemaRef) -> Result<Self, ParquetError> {
        let properties = properties(&schema)?;
        let writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties))?;
        Ok(Self { writer, group: 0, rows: 0 })
    }

    /// Adds rows made from this many bytes of records.
    ///
    /// # Errors
    /// The rows do not match the schema, which would be a defect.
    pub fn add(&mut self, rows: &RecordBatch, bytes: u64) -> Result<(), ParquetError> {
        self.writer.write(rows)?;
        self.rows += rows.num_rows() as u64;
        self.group += bytes;
        if self.group >= ROW_GROUP_BYTES {
            self.group = 0;
            self.writer.flush()?;
        }
        Ok(())
    }

    /// The rows so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The bytes of the finished file.
    ///
    /// # Errors
    /// As for [`File::add`].
    pub fn finish(mut self, sources: &Sources) -> Result<Vec<u8>, ParquetError> {
        let text = serde_json::to_string(sources).map_err(|error| ParquetError::External(error.into()))?;
        self.writer.append_key_value_metadata(KeyValue::new(SOURCES.to_owned(), text));
        self.writer.into_inner()
    }
}

fn properties(schema: &Schema) -> Result<WriterProperties, ParquetError> {
    let id = || ColumnPath::from("id");
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_created_by("spillway".to_owned())
        .set_max_row_group_row_count(None)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES);
    for column in ArrowSchemaConverter::new().convert(schema)?.columns() {
        if let Some(encoding) = without_dictionary(column.physical_type()) {
            properties = properties.set_column_encoding(column.path().clone(), encoding);
        }
    }
    properties = properties
        // Ids are unique, and share long beginnings.
        .set_column_dictionary_enabled(id(), false)
        .set_column_encoding(id(), Encoding::DELTA_BYTE_ARRAY)
        .set_column_bloom_filter_enabled(id(), true);
    for json in ["violation", "source", "context", "rest"] {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(json), EnabledStatistics::None);
    }
    Ok(properties.build())
}

/// How a column is encoded whose values are mostly distinct. Every reader in `.ci/tables` knows these encodings. Floats
/// stay plain, because `BYTE_STREAM_SPLIT` more than doubles decimals with few digits (`docs/lake.md`, "Figures").
fn without_dictionary(kind: Type) -> Option<Encoding> {
    match kind {
        // Counters and times.
        Type::INT64 => Some(Encoding::DELTA_BINARY_PACKED),
        Type::BYTE_ARRAY => Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        _ => None,
    }
}
