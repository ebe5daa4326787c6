//! A payload as the validator sees it: every access takes steps from a meter.
//!
//! The validator reaches a payload only through these traits, so no schema can make it work without taking steps. A
//! step is about as much work as one access, eight bytes of text, or one element or member.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Json, Node, NodeIdentity};
use serde_json::Value;
use spillway_shared::json::{Number, Tree};

use super::meter::{Meter, Prices};

mod number;
mod parts;

use number::Exact;
use parts::{Elements, Members};

const BYTES_PER_STEP: usize = 8;
/// The names on the way to an error are copied several times.
const STEPS_PER_BYTE_OF_PATH: usize = 4;

static NULL: Value = Value::Null;

/// The representation of payloads by [`Counted`] nodes.
pub(super) struct Metered;

/// A value in a payload.
#[derive(Clone, Copy)]
pub(super) struct Counted<'a> {
    tree: &'a Tree<'a>,
    meter: &'a Meter,
    /// The bytes of the names on the way to this value: every error inside it copies them.
    path: usize,
}

impl<'a> Counted<'a> {
    pub(super) fn new(tree: &'a Tree<'a>, meter: &'a Meter) -> Self {
        Self { tree, meter, path: 0 }
    }

    /// The value, for work that takes one step for each of its parts.
    pub(super) fn whole(&self) -> &'a Tree<'a> {
        take_all(self.tree, self.meter);
        self.tree
    }

    /// The number, for work that takes one step for each of its digits.
    pub(super) fn number(&self) -> Option<&'a Number<'a>> {
        let Tree::Number(number) = self.seen() else { return None };
        self.meter.take(number.text().len());
        Some(number)
    }

    /// Takes steps for other work on this value.
    pub(super) fn take(&self, steps: usize) {
        self.meter.take(steps);
    }

    fn below(&self, tree: &'a Tree<'a>, name: usize) -> Self {
        Self { tree, meter: self.meter, path: self.path.saturating_add(name) }
    }

    /// Takes a step; the value.
    fn seen(&self) -> &'a Tree<'a> {
        self.meter.take(1);
        self.tree
    }
}

fn take_all(tree: &Tree<'_>, meter: &Meter) {
    meter.take(1);
    match tree {
        Tree::Null | Tree::Bool(_) => {}
        Tree::Number(number) => meter.take(number.text().len() / BYTES_PER_STEP),
        Tree::String(text) => meter.take(text.len() / BYTES_PER_STEP),
        Tree::Array(elements) => elements.iter().for_each(|element| take_all(element, meter)),
        Tree::Object(members) => members.iter().for_each(|(name, value)| {
            meter.take(name.len() / BYTES_PER_STEP);
            take_all(value, meter);
        }),
    }
}

impl Json for Metered {
    type Node<'a> = Counted<'a>;
    type PreparedKey = String;
    type StringBuffer = ();

    // As the validator's own representation, whose objects are sorted as well.
    const KEYS_PER_LOOKUP: usize = 2;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    /// The validator asks objects for the nodes of their names, which know their meter.
    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Counted<'_>) -> T) -> T {
        f(Counted::new(&Tree::of_text(string), &Meter::new(string.len(), Prices::default())))
    }
}

impl<'a> Node<'a, Metered> for Counted<'a> {
    type Object = Members<'a>;
    type Array = Elements<'a>;
    type Number = Exact<'a>;

    fn as_object(&self) -> Option<Members<'a>> {
        match self.seen() {
            Tree::Object(members) => Some(Members { members, holder: *self }),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<Elements<'a>> {
        match self.seen() {
            Tree::Array(elements) => Some(Elements { elements, holder: *self }),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self.seen() {
            Tree::String(text) => {
                self.meter.take(text.len() / BYTES_PER_STEP);
                Some(Cow::Borrowed(text))
            }
            _ => None,
        }
    }

    fn as_number(&self) -> Option<Exact<'a>> {
        match self.seen() {
            Tree::Number(number) => {
                self.meter.take(number.text().len() / BYTES_PER_STEP);
                Some(Exact(number))
            }
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        if let Tree::Bool(value) = self.seen() { Some(*value) } else { None }
    }

    fn is_null(&self) -> bool {
        *self.seen() == Tree::Null
    }

    fn json_type(&self) -> JsonType {
        match self.seen() {
            Tree::Null => JsonType::Null,
            Tree::Bool(_) => JsonType::Boolean,
            Tree::Number(_) => JsonType::Number,
            Tree::String(_) => JsonType::String,
            Tree::Array(_) => JsonType::Array,
            Tree::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        *self.whole() == Tree::from(expected)
    }

    /// The validator calls this for every error. Details repeat no value, so the value is never copied.
    fn to_value(&self) -> Cow<'a, Value> {
        self.meter.take_error(self.path.saturating_mul(STEPS_PER_BYTE_OF_PATH));
        Cow::Borrowed(&NULL)
    }

    /// A reference asks for the identity before it is followed, and again before it looks for an earlier result.
    fn identity(&self) -> Option<NodeIdentity> {
        self.meter.take(1);
        Some(NodeIdentity::new(std::ptr::from_ref(self.tree).addr()))
    }
}
