//! Rows back into records: the definition of what a table's columns and `rest` mean together.
//!
//! Tests compare its result with the records; `spillway demo` shows rows with it.

use std::io;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, FieldRef};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;
use serde_json::{Map, Number, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::json::{self, Kind, Tape};
use crate::table::{Field, PAYLOAD, Table, Type};

/// The rows of a batch as JSON objects: timestamps as RFC 3339, JSON text as strings. Nulls are left out.
#[must_use]
pub fn rows_as_json(batch: &RecordBatch) -> Vec<Value> {
    (0..batch.num_rows()).map(|row| Value::Object(members(batch.schema().fields(), batch.columns(), row))).collect()
}

fn members(fields: &arrow_schema::Fields, columns: &[ArrayRef], row: usize) -> Map<String, Value> {
    let valid = fields.iter().zip(columns).filter(|(_, column)| column.is_valid(row));
    valid.map(|(field, column)| (field.name().clone(), value(column, row))).collect()
}

fn value(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).into(),
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Timestamp(..) => time(column.as_primitive::<TimestampMicrosecondType>().value(row)).into(),
        DataType::Struct(fields) => Value::Object(members(fields, column.as_struct().columns(), row)),
        DataType::List(_) => {
            let elements = column.as_list::<i32>().value(row);
            (0..elements.len()).map(|at| value(&elements, at)).collect()
        }
        DataType::Map(..) => {
            let entries = column.as_map().value(row);
            let keys = entries.column(0).as_string::<i32>();
            let entry = |at: usize| (keys.value(at).to_owned(), value(entries.column(1), at));
            Value::Object((0..entries.len()).map(entry).collect())
        }
        other => Value::from(format!("({other})")),
    }
}

fn time(micros: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

/// The payload of a row of [`rows_as_json`]; `None` for a line that was no record.
#[must_use]
pub fn payload(row: &Value, table: &Table) -> Option<Value> {
    row.get("id")?;
    let rest = row.get("rest").and_then(Value::as_str).and_then(exact);
    let columns = row.as_object()?;
    let Some(field) = table.columns.iter().find(|field| !field.retired) else { return rest };
    match columns.get(&field.name) {
        Some(column) => Some(merge(column, &field.kind, rest.as_ref())),
        None => rest.or_else(|| columns.get(PAYLOAD).cloned()),
    }
}

/// Parses JSON with exact floats, which `serde_json` has only with a feature that would slow ingest down. A number beyond
/// floats becomes its text.
#[must_use]
pub fn exact(text: &str) -> Option<Value> {
    Tape::default().parse(text).ok().map(exact_value)
}

fn exact_value(value: json::Value<'_>) -> Value {
    match value.kind() {
        Kind::Number => exact_number(value.raw()).map_or_else(|| value.raw().into(), Value::Number),
        Kind::Array => value.children().map(exact_value).collect(),
        Kind::Object => {
            let name = |key: json::Value<'_>| key.string(&mut String::new()).unwrap_or(key.raw()).to_owned();
            Value::Object(value.members().map(|(key, value)| (name(key), exact_value(value))).collect())
        }
        _ => serde_json::from_str(value.raw()).unwrap_or_else(|_| value.raw().into()),
    }
}

fn exact_number(text: &str) -> Option<Number> {
    let whole = text.parse::<i64>().ok().map(Number::from).or_else(|| text.parse::<u64>().ok().map(Number::from));
    whole.or_else(|| Number::from_f64(text.parse().ok()?))
}

/// The value of a column that is not null, with what `rest` says about it.
fn merge(column: &Value, kind: &Type, rest: Option<&Value>) -> Value {
    let inside = |name: &str| rest.and_then(|rest| rest.get(name));
    match (kind, column) {
        (Type::Json, Value::String(text)) => exact(text).unwrap_or_default(),
        (Type::Struct(fields), Value::Object(columns)) => merge_members(fields, columns, rest),
        (Type::Map(value), Value::Object(entries)) => {
            let one = |(key, column): (&String, &Value)| (key.clone(), merge_element(column, value, inside(key)));
            entries.iter().map(one).collect()
        }
        (Type::List(element), Value::Array(elements)) => {
            let one = |(at, column): (usize, &Value)| merge_element(column, element, inside(&at.to_string()));
            elements.iter().enumerate().map(one).collect()
        }
        _ => column.clone(),
    }
}

fn merge_element(column: &Value, kind: &Type, rest: Option<&Value>) -> Value {
    match column {
        Value::Null => rest.cloned().unwrap_or_default(),
        column => merge(column, kind, rest),
    }
}

fn merge_members(fields: &[Field], columns: &Map<String, Value>, rest: Option<&Value>) -> Value {
    let mut members: Map<String, Value> = rest.and_then(Value::as_object).cloned().unwrap_or_default();
    for field in fields.iter().filter(|field| !field.retired) {
        if let Some(column) = columns.get(&field.name) {
            let value = merge(column, &field.kind, members.get(field.member()));
            members.insert(field.member().to_owned(), value);
        }
    }
    Value::Object(members)
}

/// Columns with their types, and rows.
pub type Head = (Vec<(String, String)>, Vec<Value>);

/// The columns of a file with their types, and its first rows.
///
/// # Errors
/// It is no Parquet file.
pub fn head(file: Bytes, rows: usize) -> Result<Head, ParquetError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let column = |field: &FieldRef| (field.name().clone(), type_name(field.data_type()));
    let columns = reader.schema().fields().iter().map(column).collect();
    let mut found = Vec::new();
    for batch in reader.with_limit(rows).build()? {
        found.extend(rows_as_json(&batch?));
    }
    Ok((columns, found))
}

/// Passes the id of every row of a file to `visit`; a row that is no record has none.
///
/// # Errors
/// The file is not one of a table, or `visit` failed.
pub fn each_id(
    file: impl ChunkReader + 'static,
    mut visit: impl FnMut(Option<&str>) -> io::Result<()>,
) -> Result<(), ParquetError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let mask = ProjectionMask::columns(reader.parquet_schema(), ["id"]);
    for batch in reader.with_projection(mask).build()? {
        let batch = batch?;
        let ids = batch.column_by_name("id").and_then(|ids| ids.as_string_opt::<i32>());
        let ids = ids.ok_or_else(|| ParquetError::General("it has no column `id` with text".to_owned()))?;
        ids.iter().try_for_each(&mut visit)?;
    }
    Ok(())
}

/// A type in DuckDB's words.
fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 => "VARCHAR".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Timestamp(..) => "TIMESTAMPTZ".to_owned(),
        DataType::List(element) => type_name(element.data_type()) + "[]",
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => format!("MAP(VARCHAR, {})", type_name(fields[1].data_type())),
            other => other.to_string(),
        },
        DataType::Struct(fields) => {
            let member = |field: &FieldRef| format!("{} {}", field.name(), type_name(field.data_type()));
            format!("STRUCT({})", fields.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
