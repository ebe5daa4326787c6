//! JSON Schema to the types of columns.
//!
//! A type is a promise about most payloads, not a judgement: a value that does not fit its column goes to `rest`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Field, Type};

/// The most leaf columns of a table. Each has buffers in memory while a file is written, and an entry in every footer.
pub const MAX_COLUMNS: usize = 2_000;
/// Levels of objects and arrays below which everything is JSON text.
const MAX_LEVELS: usize = 24;
/// Parts of a schema that are looked at, each once for every reference to it. The rest is JSON text.
const MAX_STEPS: usize = 20_000;

/// The type of payloads that a schema describes: JSON text if it declares no members.
#[must_use]
pub fn of_schema(schema: Option<&Value>) -> Type {
    let Some(schema) = schema else { return Type::Json };
    match (Mapper { root: schema, path: Vec::new(), steps: MAX_STEPS }).kind(schema) {
        Some(kind @ Type::Struct(_)) => kind,
        // Other payloads than objects do not exist, and a map would hide that the schema says nothing.
        _ => Type::Json,
    }
}

/// The declared members that have no column, because their names are no column's names, or equal ignoring case.
#[must_use]
pub fn unnamed_members(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_unnamed(schema, &mut found);
    found.sort();
    found.dedup();
    found
}

fn collect_unnamed(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                found.extend(properties.keys().filter(|name| !has_column(name, properties)).cloned());
            }
            members.values().for_each(|value| collect_unnamed(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_unnamed(value, found)),
        _ => {}
    }
}

/// Whether a name is one that every engine takes without quotes.
pub(super) fn is_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(good) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

fn has_column<T>(name: &str, all: impl IntoIterator<Item = (impl AsRef<str>, T)>) -> bool {
    is_name(name) && all.into_iter().filter(|(other, _)| other.as_ref().eq_ignore_ascii_case(name)).count() == 1
}

/// Maps the parts of one schema.
struct Mapper<'a> {
    root: &'a Value,
    /// The schemas around the current one, to recognise recursion.
    path: Vec<*const Value>,
    steps: usize,
}

/// What a schema says about a value. `None`: nothing, or only that it is null.
type Found = Option<Type>;

impl Mapper<'_> {
    fn kind(&mut self, schema: &Value) -> Found {
        let is_recursive = self.path.contains(&std::ptr::from_ref(schema));
        if is_recursive || self.path.len() >= MAX_LEVELS || self.steps == 0 {
            return Some(Type::Json);
        }
        self.steps -= 1;
        self.path.push(schema);
        let kind = schema.as_object().map_or(Some(Type::Json), |schema| self.of_object(schema));
        self.path.pop();
        kind
    }

    /// What the schema itself says, and each of its parts that always apply.
    fn of_object(&mut self, schema: &Map<String, Value>) -> Found {
        let own = self.own(schema);
        let target = schema.get("$ref").map(|reference| self.target(reference));
        let all = list(schema, "allOf").map(|part| self.kind(part)).collect::<Vec<_>>();
        let unions = ["anyOf", "oneOf"].map(|word| self.union(schema, word));
        let parts = all.into_iter().chain(target).chain(unions.into_iter().flatten());
        // A part that says nothing adds nothing.
        let parts = std::iter::once(own).chain(parts).flatten().filter(|kind| *kind != Type::Json);
        let is_null = schema.get("type").is_some_and(|word| word == "null");
        parts.reduce(merge).or_else(|| (!is_null).then_some(Type::Json))
    }

    fn target(&mut self, reference: &Value) -> Found {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#')).map(percent_decoded);
        let root = self.root;
        pointer.and_then(|pointer| root.pointer(&pointer)).map_or(Some(Type::Json), |schema| self.kind(schema))
    }

    /// `anyOf` and `oneOf`: objects become one struct, equal types remain, null only makes nullable.
    fn union(&mut self, schema: &Map<String, Value>, word: &str) -> Option<Found> {
        let kinds = list(schema, word).filter_map(|part| self.kind(part)).collect::<Vec<_>>();
        kinds.into_iter().reduce(merge).map(Some)
    }

    fn own(&mut self, schema: &Map<String, Value>) -> Found {
        let words = match schema.get("type") {
            Some(Value::String(word)) => vec![word.as_str()],
            Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
            _ => return self.without_type(schema),
        };
        let kinds = words.into_iter().filter(|word| *word != "null").map(|word| self.named(word, schema));
        kinds.reduce(merge)
    }

    fn named(&mut self, word: &str, schema: &Map<String, Value>) -> Type {
        match word {
            "string" if schema.get("format").is_some_and(|format| format == "date-time") => Type::Timestamp,
            "string" => Type::String,
            "integer" => Type::Int64,
            "number" => Type::Float64,
            "boolean" => Type::Boolean,
            "object" => self.object(schema),
            "array" => self.array(schema),
            _ => Type::Json,
        }
    }

    fn without_type(&mut self, schema: &Map<String, Value>) -> Found {
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return values.iter().filter_map(of_value).reduce(merge);
        }
        if let Some(value) = schema.get("const") {
            return of_value(value);
        }
        let has = |word| schema.contains_key(word);
        match (has("properties") || has("additionalProperties"), has("items")) {
            (true, false) => Some(self.object(schema)),
            (false, true) => Some(self.array(schema)),
            _ => None,
        }
    }

    fn object(&mut self, schema: &Map<String, Value>) -> Type {
        let values = schema.get("additionalProperties").filter(|values| values.is_object());
        match (schema.get("properties").and_then(Value::as_object), values) {
            (Some(properties), _) if !properties.is_empty() => self.members(properties),
            (_, Some(values)) if !schema.contains_key("patternProperties") => {
                Type::Map(self.kind(values).unwrap_or(Type::Json).into())
            }
            _ => Type::Json,
        }
    }

    fn members(&mut self, properties: &Map<String, Value>) -> Type {
        let named = properties.iter().filter(|(name, _)| has_column(name, properties));
        let fields: Vec<_> =
            named.map(|(name, schema)| Field::new(name, self.kind(schema).unwrap_or(Type::Json))).collect();
        // A struct needs a member.
        if fields.is_empty() { Type::Json } else { Type::Struct(fields) }
    }

    fn array(&mut self, schema: &Map<String, Value>) -> Type {
        match schema.get("items") {
            Some(items) if items.is_object() && !schema.contains_key("prefixItems") => {
                Type::List(self.kind(items).unwrap_or(Type::Json).into())
            }
            _ => Type::Json,
        }
    }
}

/// The type of a value of `enum` or `const`; `None` for null.
fn of_value(value: &Value) -> Option<Type> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some(Type::Boolean),
        Value::Number(number) if number.is_f64() => Some(Type::Float64),
        Value::Number(_) => Some(Type::Int64),
        Value::String(_) => Some(Type::String),
        Value::Array(_) | Value::Object(_) => Some(Type::Json),
    }
}

/// The type that holds both: JSON text, unless they are similar.
fn merge(one: Type, other: Type) -> Type {
    match (one, other) {
        (one, other) if one == other => one,
        (Type::Int64 | Type::Float64, Type::Int64 | Type::Float64) => Type::Float64,
        (Type::String | Type::Timestamp, Type::String | Type::Timestamp) => Type::String,
        (Type::Struct(one), Type::Struct(other)) => merge_members(one, other),
        (Type::List(one), Type::List(other)) => Type::List(merge(*one, *other).into()),
        (Type::Map(one), Type::Map(other)) => Type::Map(merge(*one, *other).into()),
        _ => Type::Json,
    }
}

fn merge_members(one: Vec<Field>, other: Vec<Field>) -> Type {
    let mut kinds = BTreeMap::<String, Type>::new();
    for Field { name, kind, .. } in one.into_iter().chain(other) {
        let kind = match kinds.remove(&name) {
            Some(known) => merge(known, kind),
            None => kind,
        };
        kinds.insert(name, kind);
    }
    let named = kinds.iter().filter(|(name, _)| has_column(name, &kinds));
    let fields: Vec<_> = named.map(|(name, kind)| Field::new(name, kind.clone())).collect();
    if fields.is_empty() { Type::Json } else { Type::Struct(fields) }
}

fn list<'a>(schema: &'a Map<String, Value>, word: &str) -> impl Iterator<Item = &'a Value> {
    schema.get(word).and_then(Value::as_array).into_iter().flatten()
}

/// A pointer in a URI's fragment; a malformed escape stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = tail.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
