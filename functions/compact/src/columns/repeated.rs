//! Columns of arrays and maps.

use arrow_array::builder::StringBuilder;
use arrow_buffer::{NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::FieldRef;

use super::Column;
use crate::json::{Kind, Value};
use crate::rest::Rest;
use crate::table::Type;

/// The values of all rows' arrays or maps, and where each row's end.
#[derive(Debug)]
pub struct Repeated {
    pub(super) field: FieldRef,
    pub(super) values: Column,
    count: usize,
    ends: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Repeated {
    pub(super) fn new(field: FieldRef, value: &Type) -> Self {
        Self { field, values: Column::new(value), count: 0, ends: Vec::new(), nulls: NullBufferBuilder::new(0) }
    }

    pub(super) fn push_list(&mut self, array: Value<'_>, rest: &mut Rest) {
        for (index, element) in array.children().enumerate() {
            rest.enter_index(index);
            self.push_one(element, rest);
            rest.leave();
        }
        self.end_row(true);
    }

    /// A key that cannot be UTF-8 makes the whole map unfit.
    pub(super) fn push_map(&mut self, keys: &mut StringBuilder, object: Value<'_>, rest: &mut Rest) -> bool {
        let mut buffer = String::new();
        if object.members().any(|(key, _)| key.string(&mut String::new()).is_none()) {
            return false;
        }
        for (key, value) in object.members() {
            keys.append_value(key.string(&mut buffer).unwrap_or_default());
            rest.enter(key.raw());
            self.push_one(value, rest);
            rest.leave();
        }
        self.end_row(true);
        true
    }

    /// Elements exist even if they are null, so a null needs no entry in `rest`.
    fn push_one(&mut self, value: Value<'_>, rest: &mut Rest) {
        self.count += 1;
        if value.kind() == Kind::Null { self.values.push_null() } else { self.values.push(value, rest) }
    }

    pub(super) fn end_row(&mut self, is_valid: bool) {
        // A batch holds far fewer elements: each has at least two bytes of text.
        self.ends.push(i32::try_from(self.count).unwrap_or(i32::MAX));
        self.nulls.append(is_valid);
    }

    pub(super) fn finish(&mut self) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
        let mut offsets = vec![0];
        offsets.append(&mut self.ends);
        self.count = 0;
        (OffsetBuffer::new(ScalarBuffer::from(offsets)), self.nulls.finish())
    }
}
