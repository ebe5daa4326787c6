//! A payload as the validator sees it: every access takes steps from a meter.
//!
//! The validator reaches a payload only through these traits, so no schema can make it work without taking steps. A
//! step is about as much work as one access, eight bytes of text, or one element or member.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet, btree_map};
use std::ops::ControlFlow;
use std::slice;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object};
use serde_json::Value;
use spillway_shared::json::{Number, Tree};

use super::meter::Meter;

const BYTES_PER_STEP: usize = 8;
/// A lookup compares names on its way down the tree of members.
const STEPS_PER_LOOKUP: usize = 2;
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
        f(Counted::new(&Tree::of_text(string), &Meter::new(string.len(), 0)))
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

/// The members of an object.
pub(super) struct Members<'a> {
    members: &'a BTreeMap<Cow<'a, str>, Tree<'a>>,
    holder: Counted<'a>,
}

impl<'a> Object<'a, Metered> for Members<'a> {
    type Node = Counted<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        self.members.len()
    }

    fn get(&self, key: &String) -> Option<Counted<'a>> {
        self.holder.meter.take(STEPS_PER_LOOKUP);
        self.members.get(key.as_str()).map(|tree| self.holder.below(tree, key.len()))
    }

    fn members(&self) -> MembersIter<'a> {
        MembersIter { members: self.members.iter(), holder: self.holder }
    }

    fn try_for_each_name_node<B>(
        &self,
        (): &mut (),
        mut f: impl FnMut(Counted<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        self.members().try_for_each(|(name, value)| f(Counted { tree: &Tree::of_text(name), ..value }))
    }
}

pub(super) struct MembersIter<'a> {
    members: btree_map::Iter<'a, Cow<'a, str>, Tree<'a>>,
    holder: Counted<'a>,
}

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, Counted<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, tree) = self.members.next()?;
        self.holder.meter.take(1 + name.len() / BYTES_PER_STEP);
        Some((name, self.holder.below(tree, name.len())))
    }
}

/// The elements of an array.
pub(super) struct Elements<'a> {
    elements: &'a [Tree<'a>],
    holder: Counted<'a>,
}

impl<'a> Array<'a, Metered> for Elements<'a> {
    type Node = Counted<'a>;
    type ElementsIter = ElementsIter<'a>;

    fn len(&self) -> usize {
        self.elements.len()
    }

    fn elements(&self) -> ElementsIter<'a> {
        ElementsIter { elements: self.elements.iter(), holder: self.holder }
    }

    /// Equal elements hash equally and others hardly ever do, so each element is compared with few others.
    fn is_unique(&self) -> bool {
        let mut seen = HashSet::with_capacity(self.elements.len());
        self.elements().all(|element| seen.insert(element.whole()))
    }
}

pub(super) struct ElementsIter<'a> {
    elements: slice::Iter<'a, Tree<'a>>,
    holder: Counted<'a>,
}

impl<'a> Iterator for ElementsIter<'a> {
    type Item = Counted<'a>;

    fn next(&mut self) -> Option<Counted<'a>> {
        let tree = self.elements.next()?;
        self.holder.meter.take(1);
        Some(self.holder.below(tree, 0))
    }
}

/// A number, as the validator reads it: whole numbers of 64 bits are exact, however they are written.
pub(super) struct Exact<'a>(&'a Number<'a>);

impl JsonNumber for Exact<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.as_integer()?.try_into().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.as_integer()?.try_into().ok()
    }

    fn as_f64(&self) -> Option<f64> {
        self.0.as_f64()
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0.text())
    }

    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        Cow::Owned(self.0.to_serde())
    }

    fn is_integer(&self) -> bool {
        self.0.is_integer()
    }
}
