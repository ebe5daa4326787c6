//! A JSON object from a configuration file, taken member by member; every fault names file and member.

use std::fmt;

use serde_json::{Map, Value};

use crate::config::ConfigErrors;
use crate::pointer::Pointer;

/// Where a value stands: a file and a JSON pointer inside it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    file: String,
    pointer: String,
}

impl Place {
    /// The whole of a file.
    pub(crate) fn file(file: impl fmt::Display) -> Self {
        Self { file: file.to_string(), pointer: String::new() }
    }

    /// A member of the object that stands here, or an element of the list.
    pub(crate) fn member(&self, name: impl fmt::Display) -> Self {
        let token = name.to_string().replace('~', "~0").replace('/', "~1");
        Self { file: self.file.clone(), pointer: format!("{}/{token}", self.pointer) }
    }

    /// Adds what is wrong here to a report.
    pub(crate) fn error(&self, errors: &mut ConfigErrors, what: impl fmt::Display) {
        if self.pointer.is_empty() {
            errors.add(&self.file, what);
        } else {
            errors.add(&self.file, format_args!("{}: {what}", self.pointer));
        }
    }
}

/// The members of one object that were not taken yet.
pub(crate) struct Members {
    place: Place,
    left: Map<String, Value>,
}

impl Members {
    /// The members of a value that must be an object.
    pub(crate) fn of(value: Value, place: Place, errors: &mut ConfigErrors) -> Option<Self> {
        match value {
            Value::Object(left) => Some(Self { place, left }),
            _ => refuse(&place, errors, "must be an object"),
        }
    }

    /// Where the object stands.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether a member is there and was not taken yet.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.left.contains_key(name)
    }

    /// Takes a member, whatever its type.
    pub(crate) fn value(&mut self, name: &str) -> Option<(Value, Place)> {
        self.left.remove(name).map(|value| (value, self.place.member(name)))
    }

    /// Takes a member that must be an object.
    pub(crate) fn object(&mut self, name: &str, errors: &mut ConfigErrors) -> Option<Self> {
        let (value, place) = self.value(name)?;
        Self::of(value, place, errors)
    }

    /// Takes a member that must be a text.
    pub(crate) fn text(&mut self, name: &str, errors: &mut ConfigErrors) -> Option<String> {
        match self.value(name)? {
            (Value::String(text), _) => Some(text),
            (_, place) => refuse(&place, errors, "must be a text"),
        }
    }

    /// Takes a member that must be true or false.
    pub(crate) fn flag(&mut self, name: &str, errors: &mut ConfigErrors) -> Option<bool> {
        match self.value(name)? {
            (Value::Bool(flag), _) => Some(flag),
            (_, place) => refuse(&place, errors, "must be true or false"),
        }
    }

    /// Takes a member that must be a JSON pointer.
    pub(crate) fn pointer(&mut self, name: &str, errors: &mut ConfigErrors) -> Option<Pointer> {
        let place = self.place.member(name);
        let pointer = Pointer::parse(&self.text(name, errors)?);
        pointer.or_else(|| {
            refuse(&place, errors, "must be a JSON pointer: empty, or `/` before every part, `~` only in `~0` and `~1`")
        })
    }

    /// Takes a member that must be one of a few words, each standing for a value.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &str,
        choices: &[(&str, T)],
        errors: &mut ConfigErrors,
    ) -> Option<T> {
        let (value, place) = self.value(name)?;
        if let Some((_, meaning)) = choices.iter().find(|(word, _)| value == *word) {
            return Some(*meaning);
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        refuse(&place, errors, format_args!("must be one of {}", words.join(", ")))
    }

    /// Takes a member that must be a list with at least one element, each of which `read` takes.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        element: &str,
        read: impl Fn(&Value) -> Option<T>,
        errors: &mut ConfigErrors,
    ) -> Option<Vec<T>> {
        let (value, place) = self.value(name)?;
        let Value::Array(elements) = value else { return refuse(&place, errors, "must be a list") };
        if elements.is_empty() {
            return refuse(&place, errors, "must not be empty");
        }
        let read_at = |(index, value)| match read(value) {
            None => refuse(&place.member(index), errors, format_args!("must be {element}")),
            good => good,
        };
        let read: Vec<_> = elements.iter().enumerate().map(read_at).collect();
        read.into_iter().collect()
    }

    /// Reports the members that nothing took.
    pub(crate) fn finish(self, errors: &mut ConfigErrors) {
        for name in self.left.keys() {
            self.place.member(name).error(errors, "is not known here");
        }
    }
}

fn refuse<T>(place: &Place, errors: &mut ConfigErrors, what: impl fmt::Display) -> Option<T> {
    place.error(errors, what);
    None
}
