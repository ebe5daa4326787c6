//! Payloads into Arrow columns, by the types of the table.
//!
//! A value goes to its column if it can be read back exactly, and otherwise to [`Rest`]. Together they hold every
//! payload: where a column is null, the member of `rest` at the same place is the value; where it is an object, a map
//! or a list, that member lists what is different in it, by name or by index.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, ListArray, MapArray, StructArray};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::DataType;

use crate::instant::micros;
use crate::json::{Kind, Value};
use crate::number::{float, integer};
use crate::rest::Rest;
use crate::table::Type;

mod members;
mod repeated;
mod twice;
mod types;

pub use members::Members;
pub use repeated::Repeated;
pub use twice::{Twice, check_members};
pub use types::{arrow_field, data_type, time_type};
use types::{element_field, entries_field};

/// One column of a table, or one inside another.
#[derive(Debug)]
pub enum Column {
    /// Text.
    Text(StringBuilder),
    /// JSON text.
    Json(StringBuilder),
    /// Microseconds, UTC.
    Time(TimestampMicrosecondBuilder),
    /// Integers.
    Int(Int64Builder),
    /// Floats.
    Float(Float64Builder),
    /// Booleans.
    Bool(BooleanBuilder),
    /// Objects of declared members.
    Struct(Box<Members>, Nulls),
    /// Arrays.
    List(Box<Repeated>),
    /// Objects as maps, with their keys.
    Map(Box<Repeated>, StringBuilder),
}

/// Which rows are null, and how many there are.
#[derive(Debug)]
pub struct Nulls {
    builder: NullBufferBuilder,
    rows: usize,
}

impl Column {
    /// An empty column.
    #[must_use]
    pub fn new(kind: &Type) -> Self {
        match kind {
            Type::String => Self::Text(StringBuilder::new()),
            Type::Json => Self::Json(StringBuilder::new()),
            Type::Timestamp => Self::Time(TimestampMicrosecondBuilder::new().with_data_type(time_type())),
            Type::Int64 => Self::Int(Int64Builder::new()),
            Type::Float64 => Self::Float(Float64Builder::new()),
            Type::Boolean => Self::Bool(BooleanBuilder::new()),
            Type::Struct(fields) => Self::Struct(Members::new(fields).into(), Nulls::new()),
            Type::List(element) => Self::List(Repeated::new(element_field(element), element).into()),
            Type::Map(value) => Self::Map(Repeated::new(entries_field(value), value).into(), StringBuilder::new()),
        }
    }

    /// Adds a row with this value. What the column cannot hold goes to `rest`, which is at the value's place.
    pub fn push(&mut self, value: Value<'_>, rest: &mut Rest) {
        if !self.try_push(value, rest) {
            self.push_null();
            rest.put(value.raw());
        }
    }

    /// Adds a row unless the value is of another type; then nothing has changed.
    fn try_push(&mut self, value: Value<'_>, rest: &mut Rest) -> bool {
        let mut buffer = String::new();
        let kind = value.kind();
        match self {
            Self::Json(builder) if kind != Kind::Null => builder.append_value(value.raw()),
            Self::Text(builder) => match value.string(&mut buffer) {
                Some(text) => builder.append_value(text),
                None => return false,
            },
            Self::Time(builder) => match value.string(&mut buffer).and_then(micros) {
                Some(time) => builder.append_value(time),
                None => return false,
            },
            Self::Int(builder) if kind == Kind::Number => match integer(value.raw()) {
                Some(number) => builder.append_value(number),
                None => return false,
            },
            Self::Float(builder) if kind == Kind::Number => match float(value.raw()) {
                Some(number) => builder.append_value(number),
                None => return false,
            },
            Self::Bool(builder) if kind == Kind::Bool => builder.append_value(value.raw() == "true"),
            Self::Struct(members, nulls) if kind == Kind::Object => {
                nulls.push(true);
                members.push(value, nulls.rows, rest);
            }
            Self::List(repeated) if kind == Kind::Array => repeated.push_list(value, rest),
            Self::Map(repeated, keys) if kind == Kind::Object => return repeated.push_map(keys, value, rest),
            _ => return false,
        }
        true
    }

    /// Adds a row without a value.
    pub fn push_null(&mut self) {
        match self {
            Self::Text(builder) | Self::Json(builder) => builder.append_null(),
            Self::Time(builder) => builder.append_null(),
            Self::Int(builder) => builder.append_null(),
            Self::Float(builder) => builder.append_null(),
            Self::Bool(builder) => builder.append_null(),
            Self::Struct(members, nulls) => {
                nulls.push(false);
                members.push_nulls(nulls.rows);
            }
            Self::List(repeated) | Self::Map(repeated, _) => repeated.end_row(false),
        }
    }

    /// Takes the rows out; the column is empty afterwards.
    #[must_use]
    pub fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) | Self::Json(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::Float(builder) => Arc::new(builder.finish()),
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Struct(members, nulls) => {
                nulls.rows = 0;
                let (fields, arrays) = members.finish();
                Arc::new(StructArray::new(fields, arrays, nulls.builder.finish()))
            }
            Self::List(repeated) => {
                let (field, values) = (Arc::clone(&repeated.field), repeated.values.finish());
                let (offsets, nulls) = repeated.finish();
                Arc::new(ListArray::new(field, offsets, values, nulls))
            }
            Self::Map(repeated, keys) => {
                let field = Arc::clone(&repeated.field);
                let DataType::Struct(fields) = field.data_type().clone() else { unreachable!("entries are structs") };
                let arrays: Vec<ArrayRef> = vec![Arc::new(keys.finish()), repeated.values.finish()];
                let entries = StructArray::new(fields, arrays, None);
                let (offsets, nulls) = repeated.finish();
                Arc::new(MapArray::new(field, offsets, entries, nulls, false))
            }
        }
    }
}

impl Nulls {
    fn new() -> Self {
        Self { builder: NullBufferBuilder::new(0), rows: 0 }
    }

    fn push(&mut self, is_valid: bool) {
        self.builder.append(is_valid);
        self.rows += 1;
    }
}
