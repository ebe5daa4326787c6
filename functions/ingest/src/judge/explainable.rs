//! How large a payload may be so that its rejection is explained. Locating an error can cost far more than finding that
//! one exists: the validator gathers the errors of every alternative, and does not remember the parts that it has
//! visited.

use serde_json::{Map, Value};

/// The most that one explanation may cost: bytes of the payload times objects of the schema, with references followed.
///
/// 41 objects and 16 KiB took 8 ms, so one explanation takes 3 ms and the 100 that a response lists 0.3 s at most.
const MAX_COST: usize = 1 << 18;
/// A schema with more objects, with references followed, is too complex. Only nested references reach this.
const MAX_OBJECTS: usize = 100_000;

const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];
/// Keywords for which the validator gathers the errors of every alternative.
const ALTERNATIVES: [&str; 2] = ["anyOf", "oneOf"];
/// Keywords that apply a second schema to the same part of a payload.
const BRANCHES: [&str; 9] = [
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
/// Keywords that apply a second schema to the members or elements of a part, if they are next to a reference.
const CHILDREN: [&str; 5] = ["properties", "items", "prefixItems", "additionalProperties", "additionalItems"];

/// The most bytes of a payload whose rejection by this schema is explained.
///
/// Without alternatives there is no limit, except for a schema that branches and refers to itself: explaining it could
/// take exponential time, so its rejections are never explained. With alternatives the limit falls with the schema's
/// size.
pub(super) fn max_bytes(schema: &Value) -> usize {
    let objects = count_objects(schema);
    if any_object(schema, &|members| has_any(members, &ALTERNATIVES)) {
        objects.map_or(0, |objects| MAX_COST / objects.max(1))
    } else if objects.is_none() && any_object(schema, &branches) {
        0
    } else {
        usize::MAX
    }
}

fn branches(members: &Map<String, Value>) -> bool {
    let references = REFERENCES.iter().filter(|keyword| members.contains_key(**keyword)).count();
    has_any(members, &BRANCHES) || references > 1 || (references == 1 && has_any(members, &CHILDREN))
}

fn has_any(members: &Map<String, Value>, keywords: &[&str]) -> bool {
    keywords.iter().any(|keyword| members.contains_key(*keyword))
}

fn any_object(schema: &Value, is_wanted: &dyn Fn(&Map<String, Value>) -> bool) -> bool {
    match schema {
        Value::Array(elements) => elements.iter().any(|element| any_object(element, is_wanted)),
        Value::Object(members) => is_wanted(members) || members.values().any(|member| any_object(member, is_wanted)),
        _ => false,
    }
}

/// The objects of a schema, counted once for every reference to them; `None` if it refers to itself, if it has more
/// than [`MAX_OBJECTS`], or if a reference cannot be followed by its pointer alone.
fn count_objects(schema: &Value) -> Option<usize> {
    let mut count = Count { root: schema, objects: 0, followed: Vec::new() };
    count.add(schema).map(|()| count.objects)
}

struct Count<'a> {
    root: &'a Value,
    objects: usize,
    /// The references that lead to the current place.
    followed: Vec<&'a str>,
}

impl<'a> Count<'a> {
    fn add(&mut self, schema: &'a Value) -> Option<()> {
        match schema {
            Value::Array(elements) => elements.iter().try_for_each(|element| self.add(element)),
            Value::Object(members) => self.add_object(members, std::ptr::eq(schema, self.root)),
            _ => Some(()),
        }
    }

    fn add_object(&mut self, members: &'a Map<String, Value>, is_root: bool) -> Option<()> {
        self.objects += 1;
        // An id inside the schema changes the base of references.
        let has_own_base = !is_root && members.get("$id").is_some_and(Value::is_string);
        if self.objects > MAX_OBJECTS || has_own_base {
            return None;
        }
        let mut references = REFERENCES.iter().filter_map(|keyword| members.get(*keyword)?.as_str());
        references.try_for_each(|reference| self.follow(reference))?;
        members.values().try_for_each(|member| self.add(member))
    }

    fn follow(&mut self, reference: &'a str) -> Option<()> {
        let refers_to_itself = self.followed.contains(&reference);
        let target = self.root.pointer(reference.strip_prefix('#')?).filter(|_| !refers_to_itself)?;
        self.followed.push(reference);
        self.add(target)?;
        self.followed.pop();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const UNLIMITED: usize = usize::MAX;

    #[test]
    fn schemas_without_alternatives_and_recursion_are_always_explained() {
        for schema in [
            json!(true),
            json!({"allOf": [{"required": ["a"]}, {"required": ["b"]}]}),
            json!({"if": {"required": ["a"]}, "then": {"$ref": "#/$defs/x"}, "$defs": {"x": {}}}),
            json!({"properties": {"next": {"$ref": "#"}}}),
            json!({"$ref": "#/$defs/list", "$defs": {"list": {"properties": {"next": {"$ref": "#/$defs/list"}}}}}),
        ] {
            assert_eq!(max_bytes(&schema), UNLIMITED, "{schema}");
        }
    }

    #[test]
    fn alternatives_limit_the_bytes_by_the_size_of_the_schema() {
        assert_eq!(max_bytes(&json!({"oneOf": [{"type": "string"}, {"type": "integer"}]})), MAX_COST / 3);
        let shared = json!({"anyOf": [{"$ref": "#/$defs/id"}, {"$ref": "#/$defs/id"}], "$defs": {"id": {}}});
        // The root, the definitions, the definition, and two references with their targets.
        assert_eq!(max_bytes(&shared), MAX_COST / 7);
    }

    #[test]
    fn alternatives_or_branches_with_recursion_are_never_explained() {
        let child = json!({"properties": {"c": {"$ref": "#/$defs/n"}}});
        for node in [
            json!({"anyOf": [{"type": "null"}, child]}),
            json!({"allOf": [child, child]}),
            json!({"$ref": "#/$defs/m", "properties": {"c": {"$ref": "#/$defs/n"}}}),
            json!({"$ref": "#/$defs/m", "$dynamicRef": "#/$defs/m"}),
        ] {
            assert_eq!(max_bytes(&json!({"$ref": "#/$defs/n", "$defs": {"n": node, "m": child}})), 0, "{node}");
        }
        for schema in [
            json!({"anyOf": [true], "items": {"$dynamicRef": "#node"}}),
            json!({"anyOf": [true], "items": {"$recursiveRef": "#"}}),
            json!({"anyOf": [true], "items": {"$id": "urn:a", "$ref": "#/$defs/b", "$defs": {"b": {}}}, "$defs": {"b": {}}}),
        ] {
            assert_eq!(max_bytes(&schema), 0, "{schema}");
        }
    }

    #[test]
    fn references_that_double_at_every_level_are_never_explained() {
        let level = |at: usize| {
            let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
            (format!("d{at}"), json!({"oneOf": [next, next]}))
        };
        let mut definitions: Map<_, _> = (0..60).map(level).collect();
        definitions.insert("d60".to_owned(), json!({}));
        assert_eq!(max_bytes(&json!({"$ref": "#/$defs/d0", "$defs": definitions})), 0);
    }
}
