//! How far rejections by a schema are explained: saying where a payload breaks it can cost far more than finding that it does.

use serde_json::{Map, Value};

use super::ways::{ENDLESS, REFERENCES, any, written_out};

/// What one explanation may cost at most: bytes of the payload, times objects of the schema with every reference written out.
///
/// A schema with alternatives gathers the failures of every one of them, all over the payload: 41 objects and 16 KiB took 8 ms.
const LARGEST: usize = 1 << 20;
/// What all explanations of a document may cost together.
const MOST: usize = 4 << 20;

/// Keywords that gather the failures of every schema in their list.
const ALTERNATIVES: [&str; 2] = ["anyOf", "oneOf"];
/// Keywords by which a schema may lead over one part of the payload more than once, beside another such keyword or `properties`.
const BRANCHING: [&str; 11] = [
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "if",
    "contains",
    "dependentSchemas",
    "dependencies",
    "patternProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
];
/// Keywords that lead into the payload, which a reference beside them may do as well.
const INWARD: [&str; 5] = ["properties", "items", "prefixItems", "additionalProperties", "additionalItems"];

/// The explanations that a document still gets.
#[derive(Debug)]
pub struct Explanations {
    rejections: usize,
    cost: usize,
}

impl Explanations {
    /// Explanations of so many rejections, those that the answer lists.
    #[must_use]
    pub fn of(rejections: usize) -> Self {
        Self { rejections, cost: MOST }
    }

    /// Takes one, if there is one left, for a payload of so many bytes and a schema with so many ways.
    pub(super) fn take(&mut self, ways: usize, bytes: usize) -> bool {
        let cost = ways.saturating_mul(bytes);
        let may = self.rejections > 0 && cost <= LARGEST.min(self.cost);
        if may {
            self.rejections -= 1;
            self.cost -= cost;
        }
        may
    }
}

/// How many ways through a payload an explanation by this schema may go beyond what judging does; often none.
///
/// Judging remembers what it has seen of a schema that refers to itself; explaining does not, and with two branches a tree of
/// 20 levels has a million ways.
pub(super) fn ways(schema: &Value) -> usize {
    let ways = written_out(schema);
    let has_alternatives = any(schema, &|members| has_any(members, &ALTERNATIVES));
    if has_alternatives || (ways == ENDLESS && any(schema, &branches)) { ways } else { 0 }
}

fn branches(members: &Map<String, Value>) -> bool {
    let references = REFERENCES.iter().filter(|keyword| members.contains_key(**keyword)).count();
    has_any(members, &BRANCHING) || references > 1 || (references > 0 && has_any(members, &INWARD))
}

fn has_any(members: &Map<String, Value>, keywords: &[&str]) -> bool {
    keywords.iter().any(|keyword| members.contains_key(*keyword))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_alternatives_and_branches_that_lead_back_have_ways_to_count() {
        let node = |node| json!({"$ref": "#/$defs/n", "$defs": {"n": node, "m": {"properties": {"c": {"$ref": "#/$defs/n"}}}}});
        let child = json!({"properties": {"c": {"$ref": "#/$defs/n"}}});
        assert_eq!(ways(&node(child.clone())), 0, "a list");
        assert_eq!(ways(&json!({"allOf": [{"required": ["a"]}, {"required": ["b"]}]})), 0);
        assert_eq!(ways(&json!({"oneOf": [{"type": "string"}, {"type": "integer"}]})), 3);
        for branching in [
            json!({"anyOf": [{"type": "null"}, child]}),
            json!({"allOf": [child, child]}),
            json!({"$ref": "#/$defs/m", "properties": {"c": {"$ref": "#/$defs/n"}}}),
            json!({"$ref": "#/$defs/m", "$dynamicRef": "#/$defs/m"}),
        ] {
            assert_eq!(ways(&node(branching.clone())), ENDLESS, "{branching}");
        }
    }

    #[test]
    fn a_document_has_only_so_many() {
        let mut few = Explanations::of(2);
        assert!(few.take(0, usize::MAX) && few.take(0, 1) && !few.take(0, 1));
        let mut many = Explanations::of(100);
        assert!(!many.take(16, LARGEST / 16 + 1) && !many.take(ENDLESS, 2));
        assert!((0..MOST / LARGEST).all(|_| many.take(16, LARGEST / 16)));
        assert!(!many.take(1, 1) && many.take(0, 1));
    }
}
