//! The members of objects and the elements of arrays, counted.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet, btree_map};
use std::ops::ControlFlow;
use std::slice;

use jsonschema::json::{Array, Object};
use spillway_shared::json::Tree;

use super::{BYTES_PER_STEP, Counted, Metered};

/// A lookup compares names on its way down the tree of members.
const STEPS_PER_LOOKUP: usize = 2;
/// Clearing so many slots of a hash table is one step.
const SLOTS_PER_STEP: usize = 64;

/// The members of an object.
pub(in super::super) struct Members<'a> {
    pub(super) members: &'a BTreeMap<Cow<'a, str>, Tree<'a>>,
    pub(super) holder: Counted<'a>,
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

pub(in super::super) struct MembersIter<'a> {
    members: btree_map::Iter<'a, Cow<'a, str>, Tree<'a>>,
    holder: Counted<'a>,
}

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, Counted<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, tree) = self.members.next()?;
        self.holder.meter.take_name(1 + name.len() / BYTES_PER_STEP, name.len());
        Some((name, self.holder.below(tree, name.len())))
    }
}

/// The elements of an array.
pub(in super::super) struct Elements<'a> {
    pub(super) elements: &'a [Tree<'a>],
    pub(super) holder: Counted<'a>,
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
        self.holder.take(self.elements.len() / SLOTS_PER_STEP);
        let mut seen = HashSet::with_capacity(self.elements.len());
        self.elements().all(|element| seen.insert(element.whole()))
    }
}

pub(in super::super) struct ElementsIter<'a> {
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
