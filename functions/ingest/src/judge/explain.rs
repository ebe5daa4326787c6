//! How far rejections by a schema are explained: saying where a payload breaks it can cost far more than finding that it does.

use serde_json::{Map, Value};

use super::references::is_recursive;

/// Up to this size, in bytes, a payload that breaks a schema with alternatives is explained.
///
/// The explanation gathers the failures of every alternative, many times the payload's own size: one of 16 KiB took 8 ms.
const LARGEST: usize = 16 << 10;
/// Bytes of such payloads that are explained in one document.
const MOST_COSTLY: usize = 64 << 10;

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
const REFERENCES: [&str; 2] = ["$ref", "$dynamicRef"];
/// Keywords that lead into the payload, which a reference beside them may do as well.
const INWARD: [&str; 5] = ["properties", "items", "prefixItems", "additionalProperties", "additionalItems"];

/// What explaining a failure of a schema may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// No more than checking.
    Little,
    /// Every alternative's failures, all over the payload.
    Much,
    /// Every way through the payload: with two branches a tree of 20 levels has a million, each of which may be a failure.
    TooMuch,
}

/// The explanations that a document still gets.
#[derive(Debug)]
pub struct Explanations {
    rejections: usize,
    costly_bytes: usize,
}

impl Cost {
    /// The cost of explaining a schema's failures.
    pub(super) fn of(schema: &Value) -> Self {
        if is_recursive(schema) && has(schema, &branches) {
            Self::TooMuch
        } else if has(schema, &|members| ALTERNATIVES.iter().any(|keyword| members.contains_key(*keyword))) {
            Self::Much
        } else {
            Self::Little
        }
    }
}

impl Explanations {
    /// Explanations of so many rejections, those that the answer lists.
    #[must_use]
    pub fn of(rejections: usize) -> Self {
        Self { rejections, costly_bytes: MOST_COSTLY }
    }

    /// Takes one for a payload of so many bytes, if there is one at this cost.
    pub(super) fn take(&mut self, cost: Cost, bytes: usize) -> bool {
        let (costly, most) = match cost {
            Cost::Little => (0, 0),
            Cost::Much => (bytes, LARGEST.min(self.costly_bytes)),
            Cost::TooMuch => return false,
        };
        let may = self.rejections > 0 && costly <= most;
        if may {
            self.rejections -= 1;
            self.costly_bytes -= costly;
        }
        may
    }
}

/// Whether any object in a schema is so.
fn has(schema: &Value, is_so: &dyn Fn(&Map<String, Value>) -> bool) -> bool {
    match schema {
        Value::Array(elements) => elements.iter().any(|element| has(element, is_so)),
        Value::Object(members) => is_so(members) || members.values().any(|member| has(member, is_so)),
        _ => false,
    }
}

fn branches(members: &Map<String, Value>) -> bool {
    let any_of = |keywords: &[&str]| keywords.iter().any(|keyword| members.contains_key(*keyword));
    any_of(&BRANCHING) || (any_of(&REFERENCES) && any_of(&INWARD))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_explanation_may_cost_is_told_from_the_schema() {
        let tree = json!({"$ref": "#/$defs/node", "$defs": {"node": {"anyOf": [
            {"type": "null"}, {"properties": {"child": {"$ref": "#/$defs/node"}}},
        ]}}});
        let list =
            json!({"$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}}}}, "$ref": "#/$defs/node"});
        let flat = json!({"$defs": {"id": {"oneOf": [{"type": "string"}, {"type": "integer"}]}},
            "properties": {"a": {"$ref": "#/$defs/id"}, "b": {"$ref": "#/$defs/id"}}});
        let beside = json!({"$ref": "#/$defs/n", "$defs": {"m": {"properties": {"c": {"$ref": "#/$defs/n"}}},
            "n": {"$ref": "#/$defs/m", "properties": {"c": {"$ref": "#/$defs/n"}}}}});
        let costs = [&list, &flat, &tree, &beside].map(Cost::of);
        assert_eq!(costs, [Cost::Little, Cost::Much, Cost::TooMuch, Cost::TooMuch]);
    }

    #[test]
    fn a_document_has_only_so_many() {
        let mut few = Explanations::of(2);
        assert!(few.take(Cost::Little, usize::MAX) && few.take(Cost::Little, 1) && !few.take(Cost::Little, 1));
        let mut many = Explanations::of(100);
        assert!(!many.take(Cost::Much, LARGEST + 1));
        assert!((0..MOST_COSTLY / LARGEST).all(|_| many.take(Cost::Much, LARGEST)));
        assert!(!many.take(Cost::Much, 1));
        assert!(many.take(Cost::Little, 1) && !many.take(Cost::TooMuch, 1));
    }
}
