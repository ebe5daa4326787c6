//! The column `rest`: what no other column of a row holds, as JSON text.

use std::fmt::Write as _;

use arrow_array::builder::StringBuilder;

/// Builds the text of one row: an object for each place on the way to a value, begun when there is one.
#[derive(Debug, Default)]
pub struct Rest {
    text: String,
    path: Vec<Place>,
    /// The text of all names in `path`.
    names: String,
    /// Whether the text is an object that is still open.
    is_open: bool,
}

#[derive(Debug)]
struct Place {
    /// Where its name begins in `names`.
    name: usize,
    /// Whether its object is open.
    is_open: bool,
}

impl Rest {
    /// Enters a member; `key` is its name as JSON text.
    pub fn enter(&mut self, key: &str) {
        self.path.push(Place { name: self.names.len(), is_open: false });
        self.names.push_str(key);
    }

    /// Enters an element of an array.
    pub fn enter_index(&mut self, index: usize) {
        self.path.push(Place { name: self.names.len(), is_open: false });
        let _ = write!(self.names, "\"{index}\"");
    }

    /// Leaves the member or element that was entered last.
    pub fn leave(&mut self) {
        if let Some(place) = self.path.pop() {
            self.names.truncate(place.name);
            self.text.push_str(if place.is_open { "}" } else { "" });
        }
    }

    /// Writes a value, as JSON text, at the current place. A place has one value, or values at places inside it.
    pub fn put(&mut self, value: &str) {
        if !self.path.is_empty() && !self.is_open {
            self.text.push('{');
            self.is_open = true;
        }
        for at in 0..self.path.len() {
            if !self.path[at].is_open {
                self.begin(at);
            }
        }
        self.text.push_str(value);
    }

    /// Writes the name of a place, and opens its object unless the value follows.
    fn begin(&mut self, at: usize) {
        let end = self.path.get(at + 1).map_or(self.names.len(), |next| next.name);
        self.text.push_str(if self.text.ends_with('{') { "" } else { "," });
        self.text.push_str(&self.names[self.path[at].name..end]);
        self.text.push(':');
        if at + 1 < self.path.len() {
            self.text.push('{');
            self.path[at].is_open = true;
        }
    }

    /// Adds the row to the column; null if every value has a column of its own. The next row begins.
    pub fn finish(&mut self, column: &mut StringBuilder) {
        self.text.push_str(if self.is_open { "}" } else { "" });
        column.append_option((!self.text.is_empty()).then_some(&self.text));
        self.text.clear();
        self.is_open = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_nested_as_they_were_entered() {
        let mut rest = Rest::default();
        rest.enter("\"a\"");
        rest.put("{}");
        rest.leave();
        rest.enter("\"unused\"");
        rest.leave();
        rest.enter("\"b\"");
        for index in [0, 2] {
            rest.enter_index(index);
            rest.enter("\"c\"");
            rest.put("1");
            rest.leave();
            rest.enter("\"d\"");
            rest.put("\"{\"");
            rest.leave();
            rest.leave();
        }
        rest.leave();
        let mut column = StringBuilder::new();
        rest.finish(&mut column);
        rest.finish(&mut column);
        rest.put("null");
        rest.finish(&mut column);
        let rows: Vec<_> = column.finish().iter().map(|row| row.map(str::to_owned)).collect();
        let first = r#"{"a":{},"b":{"0":{"c":1,"d":"{"},"2":{"c":1,"d":"{"}}}"#;
        assert_eq!(rows, [Some(first.to_owned()), None, Some("null".to_owned())]);
    }
}
