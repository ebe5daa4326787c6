//! The Arrow types of columns.

use std::sync::Arc;

use arrow_schema::{DataType, Field as ArrowField, FieldRef, Fields, TimeUnit};

use crate::table::{Field, Type};

/// The Arrow type of a column.
#[must_use]
pub fn data_type(kind: &Type) -> DataType {
    match kind {
        Type::String | Type::Json => DataType::Utf8,
        Type::Timestamp => time_type(),
        Type::Int64 => DataType::Int64,
        Type::Float64 => DataType::Float64,
        Type::Boolean => DataType::Boolean,
        Type::Struct(fields) => DataType::Struct(fields.iter().map(arrow_field).collect()),
        Type::List(element) => DataType::List(element_field(element)),
        Type::Map(value) => DataType::Map(entries_field(value), false),
    }
}

/// Microseconds, UTC.
#[must_use]
pub fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The Arrow field of a column; every column can be null.
#[must_use]
pub fn arrow_field(field: &Field) -> FieldRef {
    Arc::new(ArrowField::new(&field.name, data_type(&field.kind), true))
}

pub(super) fn element_field(element: &Type) -> FieldRef {
    Arc::new(ArrowField::new("element", data_type(element), true))
}

pub(super) fn entries_field(value: &Type) -> FieldRef {
    let key = ArrowField::new("key", DataType::Utf8, false);
    let fields = Fields::from(vec![key, ArrowField::new("value", data_type(value), true)]);
    Arc::new(ArrowField::new("key_value", DataType::Struct(fields), false))
}
