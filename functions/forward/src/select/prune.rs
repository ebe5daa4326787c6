//! Leaves out members of a payload without touching the bytes of the others.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use spillway_shared::pointer::Pointer;

/// The pointers of `pick` or `omit`, by their parts.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    is_pick: bool,
    root: Node,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// A pointer ends here.
    is_end: bool,
    children: BTreeMap<String, Node>,
}

impl Tree {
    /// Keeps only what the pointers name.
    pub(super) fn pick(pointers: &[Pointer]) -> Self {
        Self { is_pick: true, root: Node::of(pointers) }
    }

    /// Leaves out what the pointers name.
    pub(super) fn omit(pointers: &[Pointer]) -> Self {
        Self { is_pick: false, root: Node::of(pointers) }
    }

    /// The value without what is not sent; an object without members if that is everything.
    pub(super) fn prune(&self, value: &RawValue) -> Result<String, serde_json::Error> {
        let mut onto = String::with_capacity(value.get().len());
        if self.root.is_end {
            onto.push_str(if self.is_pick { value.get() } else { "{}" });
        } else {
            self.write(&self.root, value, &mut onto)?;
        }
        Ok(onto)
    }

    fn write(&self, node: &Node, value: &RawValue, onto: &mut String) -> Result<(), serde_json::Error> {
        match value.get().as_bytes().first() {
            Some(b'{') => self.write_object(node, &serde_json::from_str::<Members<'_>>(value.get())?.0, onto),
            Some(b'[') => self.write_array(node, &serde_json::from_str::<Elements<'_>>(value.get())?.0, onto),
            // A pointer leads below a value that has no members.
            _ => {
                onto.push_str(if self.is_pick { "null" } else { value.get() });
                Ok(())
            }
        }
    }

    fn write_object(&self, node: &Node, members: &[(Cow<'_, str>, &RawValue)], onto: &mut String) -> Written {
        onto.push('{');
        let mut separator = "";
        for (key, value) in members {
            let child = node.children.get(key.as_ref());
            if self.is_sent(child) {
                let _ = write!(onto, "{separator}{}:", serde_json::to_string(key)?);
                separator = ",";
                self.write_child(child, value, onto)?;
            }
        }
        onto.push('}');
        Ok(())
    }

    fn write_array(&self, node: &Node, elements: &[&RawValue], onto: &mut String) -> Written {
        onto.push('[');
        let mut separator = "";
        for (index, value) in elements.iter().enumerate() {
            let child = node.children.get(&index.to_string());
            if self.is_sent(child) {
                onto.push_str(separator);
                separator = ",";
                self.write_child(child, value, onto)?;
            }
        }
        onto.push(']');
        Ok(())
    }

    /// Whether something of a value is sent.
    fn is_sent(&self, child: Option<&Node>) -> bool {
        if self.is_pick { child.is_some() } else { child.is_none_or(|child| !child.is_end) }
    }

    fn write_child(&self, child: Option<&Node>, value: &RawValue, onto: &mut String) -> Written {
        match child {
            Some(child) if !child.is_end => self.write(child, value, onto),
            _ => {
                onto.push_str(value.get());
                Ok(())
            }
        }
    }
}

type Written = Result<(), serde_json::Error>;

impl Node {
    fn of(pointers: &[Pointer]) -> Self {
        let mut root = Self::default();
        for pointer in pointers {
            let end = pointer.keys().fold(&mut root, |node, key| node.children.entry(key.to_owned()).or_default());
            end.is_end = true;
        }
        root
    }
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);
struct Elements<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<Key<'de>, &RawValue>()? {
                    members.push((member.0.0, member.1));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

/// A key, borrowed unless it has escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    elements.push(element);
                }
                Ok(Elements(elements))
            }
        }
        deserializer.deserialize_seq(Visit)
    }
}
