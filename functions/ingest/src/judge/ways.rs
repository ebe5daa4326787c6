//! How large a schema is with every reference written out: explaining a failure may go every one of these ways.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// A schema that refers to itself, or leads where nobody looked.
pub(super) const ENDLESS: usize = usize::MAX;

/// Keywords that refer to another place of the schema.
pub(super) const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// How many objects a schema has when each reference stands for what it refers to; [`ENDLESS`] if one leads back to itself.
///
/// References that are no plain pointers, and a base of its own inside the schema, count as endless too: what they refer to is
/// not looked up here.
pub(super) fn written_out(schema: &Value) -> usize {
    Ways { root: schema, known: HashMap::new() }.of(schema, true)
}

struct Ways<'a> {
    root: &'a Value,
    /// What was counted, by reference; nothing while it is being counted.
    known: HashMap<&'a str, Option<usize>>,
}

impl<'a> Ways<'a> {
    fn of(&mut self, schema: &'a Value, is_root: bool) -> usize {
        match schema {
            Value::Array(elements) => self.sum(elements.iter()),
            Value::Object(members) if !is_root && members.get("$id").is_some_and(Value::is_string) => ENDLESS,
            Value::Object(members) => {
                let references = REFERENCES.iter().filter_map(|keyword| members.get(*keyword)?.as_str());
                let referred: Vec<_> = references.map(|reference| self.behind(reference)).collect();
                let own = self.sum(members.values()).saturating_add(1);
                referred.into_iter().fold(own, usize::saturating_add)
            }
            _ => 0,
        }
    }

    fn sum(&mut self, schemas: impl Iterator<Item = &'a Value>) -> usize {
        schemas.fold(0, |sum, schema| sum.saturating_add(self.of(schema, false)))
    }

    fn behind(&mut self, reference: &'a str) -> usize {
        if let Some(known) = self.known.get(reference) {
            return known.unwrap_or(ENDLESS);
        }
        let pointer = reference.strip_prefix('#').filter(|pointer| !pointer.contains('%'));
        let Some(target) = pointer.and_then(|pointer| self.root.pointer(pointer)) else { return ENDLESS };
        self.known.insert(reference, None);
        let ways = self.of(target, std::ptr::eq(target, self.root));
        self.known.insert(reference, Some(ways));
        ways
    }
}

/// Whether any object in a schema is so.
pub(super) fn any(schema: &Value, is_so: &dyn Fn(&Map<String, Value>) -> bool) -> bool {
    match schema {
        Value::Array(elements) => elements.iter().any(|element| any(element, is_so)),
        Value::Object(members) => is_so(members) || members.values().any(|member| any(member, is_so)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_reference_counts_as_what_it_refers_to() {
        assert_eq!(written_out(&json!({"type": "string"})), 1);
        let pair =
            json!({"$defs": {"id": {"type": "string"}}, "items": [{"$ref": "#/$defs/id"}, {"$ref": "#/$defs/id"}]});
        // The whole, its definitions, the definition, and two references that are as large as it.
        assert_eq!(written_out(&pair), 3 + 2 * 2);
        let doubling: Map<_, _> = (0..60)
            .map(|at| {
                (
                    format!("d{at}"),
                    json!({"items": [{"$ref": format!("#/d{}", at + 1)}, {"$ref": format!("#/d{}", at + 1)}]}),
                )
            })
            .chain([("d60".to_owned(), json!({}))])
            .collect();
        assert!((1 << 60..ENDLESS).contains(&written_out(&Value::Object(doubling))));
    }

    #[test]
    fn what_leads_back_or_elsewhere_is_endless() {
        for schema in [
            json!({"items": {"$ref": "#"}}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"items": {"$ref": "#/$defs/a"}}}}),
            json!({"properties": {"a": {"properties": {"b": {"$ref": "#/properties/a"}}}}}),
            json!({"$dynamicRef": "#node"}),
            json!({"properties": {"a": {"$id": "urn:a", "$ref": "#/$defs/b", "$defs": {"b": {}}}}, "$defs": {"b": true}}),
            json!({"$recursiveRef": "#"}),
        ] {
            assert_eq!(written_out(&schema), ENDLESS, "{schema}");
        }
    }
}
