//! The columns of an object's members.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_schema::{FieldRef, Fields};

use super::{Column, arrow_field};
use crate::json::Value;
use crate::rest::Rest;
use crate::table::Field;

/// The columns of an object: one for each field.
#[derive(Debug)]
pub struct Members {
    fields: Vec<Member>,
    /// The fields that hold a member, by the member's name, sorted.
    by_name: Vec<(String, usize)>,
    /// Where in `by_name` the members of an earlier object were, in its order: the next one's are often there too.
    order: Vec<usize>,
    /// Buffer for names with escapes.
    name: String,
}

#[derive(Debug)]
struct Member {
    arrow: FieldRef,
    column: Column,
    /// The row that the column was last filled for, counted from 1.
    filled: usize,
}

impl Members {
    /// Empty columns for these fields.
    #[must_use]
    pub fn new(fields: &[Field]) -> Self {
        let in_use = fields.iter().enumerate().filter(|(_, field)| !field.retired);
        let mut by_name: Vec<_> = in_use.map(|(at, field)| (field.member().to_owned(), at)).collect();
        by_name.sort();
        let member = |field: &Field| Member { arrow: arrow_field(field), column: Column::new(&field.kind), filled: 0 };
        Self { fields: fields.iter().map(member).collect(), by_name, order: Vec::new(), name: String::new() }
    }

    /// Adds the members of an object as the row of this number, counted from 1.
    pub(super) fn push(&mut self, object: Value<'_>, row: usize, rest: &mut Rest) {
        for (number, (key, value)) in object.members().enumerate() {
            rest.enter(key.raw());
            match self.field_of(key, number) {
                Some(field) => {
                    field.filled = row;
                    field.column.push(value, rest);
                }
                None => rest.put(value.raw()),
            }
            rest.leave();
        }
        self.push_nulls(row);
    }

    /// The field for the member of this name, which has this number in its object.
    fn field_of(&mut self, key: Value<'_>, number: usize) -> Option<&mut Member> {
        let name = key.string(&mut self.name)?;
        let guess = self.order.get(number).copied().filter(|at| self.by_name[*at].0 == name);
        let search = || self.by_name.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok();
        let found = guess.or_else(search)?;
        if guess.is_none() && number < 2 * self.by_name.len() {
            self.order.resize(self.order.len().max(number + 1), found);
            self.order[number] = found;
        }
        self.fields.get_mut(self.by_name[found].1)
    }

    /// Completes a row: columns that were not filled are null.
    pub(super) fn push_nulls(&mut self, row: usize) {
        for field in self.fields.iter_mut().filter(|field| field.filled != row) {
            field.filled = row;
            field.column.push_null();
        }
    }

    /// Adds a value as the row of this number to the only column in use, or nulls to all.
    pub fn push_only(&mut self, value: Option<Value<'_>>, row: usize, rest: &mut Rest) {
        let at = self.by_name.first().map(|(_, at)| *at);
        match value.zip(at) {
            Some((value, at)) => {
                self.fields[at].filled = row;
                self.fields[at].column.push(value, rest);
            }
            None => value.into_iter().for_each(|value| rest.put(value.raw())),
        }
        self.push_nulls(row);
    }

    /// Takes the rows out.
    #[must_use]
    pub fn finish(&mut self) -> (Fields, Vec<ArrayRef>) {
        let fields = self.fields.iter().map(|field| Arc::clone(&field.arrow)).collect();
        let finish = |field: &mut Member| {
            field.filled = 0;
            field.column.finish()
        };
        (fields, self.fields.iter_mut().map(finish).collect())
    }
}
