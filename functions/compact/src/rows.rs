//! Lines into rows: the members of a record to the table's columns.
//!
//! A line that is no record of the stream becomes a row too: with the line in `rest`, and nothing else.

use std::sync::Arc;

use arrow_array::builder::{StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field as ArrowField, Schema, SchemaRef};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use spillway_shared::stream::StreamName;

use crate::columns::{Members, arrow_field, check_members, time_type};
use crate::instant::micros_rounded;
use crate::json::{Kind, Tape, Value};

use crate::rest::Rest;
use crate::table::Table;

/// The columns before the payload that hold text: a digest, and JSON.
const TEXTS: [&str; 4] = ["schema", "violation", "source", "context"];
/// The columns that hold times.
const TIMES: [&str; 2] = ["received_at", "event_time"];

/// The members of one record; values of the line.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its id.
    pub id: &'a str,
    received_at: i64,
    event_time: Option<i64>,
    texts: [Option<&'a str>; 4],
    /// The client's payload.
    pub payload: Value<'a>,
}

/// Reads a line as a record of a stream; anything else is `None`, also a record with a member that no column holds.
#[must_use]
pub fn record<'a>(line: &'a str, tape: &'a mut Tape, stream: &StreamName) -> Option<Record<'a>> {
    let line = tape.parse(line).ok().filter(|line| line.kind() == Kind::Object)?;
    let mut found = Found::default();
    for (key, value) in line.members() {
        let slot = found.slot(key.raw().trim_matches('"'))?;
        if slot.replace(value).is_some() {
            return None;
        }
    }
    found.record(stream)
}

/// The values of a record's members.
#[derive(Default)]
struct Found<'a> {
    id: Option<Value<'a>>,
    stream: Option<Value<'a>>,
    times: [Option<Value<'a>>; 2],
    texts: [Option<Value<'a>>; 4],
    payload: Option<Value<'a>>,
}

impl<'a> Found<'a> {
    fn slot(&mut self, name: &str) -> Option<&mut Option<Value<'a>>> {
        match name {
            "id" => Some(&mut self.id),
            "stream" => Some(&mut self.stream),
            "payload" => Some(&mut self.payload),
            _ => match TIMES.iter().position(|known| *known == name) {
                Some(at) => Some(&mut self.times[at]),
                None => TEXTS.iter().position(|known| *known == name).map(|at| &mut self.texts[at]),
            },
        }
    }

    fn record(self, stream: &StreamName) -> Option<Record<'a>> {
        if plain(self.stream?)? != stream.as_str() {
            return None;
        }
        let [received_at, event_time] = self.times;
        let [schema, violation, source, context] = self.texts;
        let time = |value| plain(value).and_then(micros_rounded);
        let raw = |value: Option<Value<'a>>| value.map(Value::raw);
        Some(Record {
            id: plain(self.id?)?,
            received_at: time(received_at?)?,
            event_time: event_time.map(|value| time(value).ok_or(())).transpose().ok()?,
            texts: [
                schema.map(|value| plain(value).ok_or(())).transpose().ok()?,
                raw(violation),
                raw(source),
                raw(context),
            ],
            payload: self.payload?,
        })
    }
}

/// The content of a string without escapes. Spillway writes none into ids and times.
fn plain(value: Value<'_>) -> Option<&str> {
    (value.kind() == Kind::Plain).then(|| value.raw().trim_matches('"'))
}

/// Builds the rows of a table.
#[derive(Debug)]
pub struct Rows {
    schema: SchemaRef,
    id: StringBuilder,
    times: [TimestampMicrosecondBuilder; 2],
    texts: [StringBuilder; 4],
    payload: Members,
    rest: StringBuilder,
    scratch: Rest,
    count: usize,
}

impl Rows {
    /// No rows of this table.
    #[must_use]
    pub fn new(table: &Table) -> Self {
        let time = || TimestampMicrosecondBuilder::new().with_data_type(time_type());
        Self {
            schema: schema(table),
            id: StringBuilder::new(),
            times: [time(), time()],
            texts: std::array::from_fn(|_| StringBuilder::new()),
            payload: Members::new(&table.columns),
            rest: StringBuilder::new(),
            scratch: Rest::default(),
            count: 0,
        }
    }

    /// The Arrow schema of all rows.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The rows since the last [`Rows::finish`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a record.
    pub fn push(&mut self, record: &Record<'_>) {
        self.id.append_value(record.id);
        self.times[0].append_value(record.received_at);
        self.times[1].append_option(record.event_time);
        for (column, text) in self.texts.iter_mut().zip(record.texts) {
            column.append_option(text);
        }
        self.count += 1;
        if check_members(record.payload).is_ok() {
            self.payload.push_only(Some(record.payload), self.count, &mut self.scratch);
        } else {
            self.payload.push_only(None, self.count, &mut self.scratch);
            self.scratch.put(record.payload.raw());
        }
        self.scratch.finish(&mut self.rest);
    }

    /// Adds a line that is no record: as a JSON string, or as an object with its bytes if it is no UTF-8.
    pub fn push_line(&mut self, line: &[u8]) {
        let text = match std::str::from_utf8(line) {
            Ok(line) => serde_json::Value::from(line).to_string(),
            Err(_) => format!(r#"{{"base64":"{}"}}"#, BASE64_STANDARD.encode(line)),
        };
        self.id.append_null();
        self.times.iter_mut().for_each(TimestampMicrosecondBuilder::append_null);
        self.texts.iter_mut().for_each(StringBuilder::append_null);
        self.count += 1;
        self.payload.push_only(None, self.count, &mut self.scratch);
        self.rest.append_value(text);
    }

    /// Takes the rows out.
    ///
    /// # Errors
    /// The columns do not match the schema, which would be a defect.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.count = 0;
        let mut columns: Vec<ArrayRef> = vec![Arc::new(self.id.finish())];
        columns.extend(self.times.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        columns.extend(self.texts.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        columns.extend(self.payload.finish().1);
        columns.push(Arc::new(self.rest.finish()));
        RecordBatch::try_new(self.schema(), columns)
    }
}

/// The Arrow schema of a table's files.
#[must_use]
pub fn schema(table: &Table) -> SchemaRef {
    let column = |name: &str, kind: DataType| Arc::new(ArrowField::new(name, kind, true));
    let mut fields = vec![column("id", DataType::Utf8)];
    fields.extend(TIMES.map(|name| column(name, time_type())));
    fields.extend(TEXTS.map(|name| column(name, DataType::Utf8)));
    fields.extend(table.columns.iter().map(arrow_field));
    fields.push(column("rest", DataType::Utf8));
    Arc::new(Schema::new(fields))
}
