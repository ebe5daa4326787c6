use serde_json::json;

use super::*;

/// The type of a member with this schema.
fn kind(schema: &Value) -> Type {
    let root = json!({"properties": {"m": schema}, "$defs": {"id": {"type": "integer"}, "a b": {"type": "boolean"},
        "tree": {"type": "object", "properties": {"n": {"type": "integer"}, "next": {"$ref": "#/$defs/tree"}}}}});
    match of_schema(Some(&root)) {
        Type::Struct(mut fields) => fields.remove(0).kind,
        other => panic!("{other:?}"),
    }
}

fn structure(fields: &[(&str, Type)]) -> Type {
    Type::Struct(fields.iter().map(|(name, kind)| Field::new(name, kind.clone())).collect())
}

#[test]
fn each_schema_has_the_documented_type() {
    let object = |name: &str, word: &str| json!({"type": "object", "properties": {name: {"type": word}}});
    let a = structure(&[("a", Type::Int64)]);
    for (schema, expected) in [
        (json!({"type": "string"}), Type::String),
        (json!({"type": "string", "format": "date-time"}), Type::Timestamp),
        (json!({"type": "string", "format": "email"}), Type::String),
        (json!({"type": "integer"}), Type::Int64),
        (json!({"type": "number"}), Type::Float64),
        (json!({"type": "boolean"}), Type::Boolean),
        (json!({"type": ["integer", "null"]}), Type::Int64),
        (json!({"anyOf": [{"type": "null"}, {"type": "string"}]}), Type::String),
        (json!({"type": ["integer", "number"]}), Type::Float64),
        (json!({"enum": ["a", "b", null]}), Type::String),
        (json!({"enum": [1, 2.5]}), Type::Float64),
        (json!({"enum": [1, "a"]}), Type::Json),
        (json!({"const": true}), Type::Boolean),
        (json!({"type": "string", "enum": ["a"]}), Type::String),
        (object("a", "integer"), a.clone()),
        (json!({"properties": {"a": {"type": "integer"}}}), a.clone()),
        (json!({"type": "object"}), Type::Json),
        (json!({"type": "object", "additionalProperties": {"type": "number"}}), Type::Map(Type::Float64.into())),
        (json!({"type": "object", "additionalProperties": true}), Type::Json),
        (json!({"type": "array", "items": {"type": "string"}}), Type::List(Type::String.into())),
        (json!({"type": "array"}), Type::Json),
        (json!({"type": "array", "prefixItems": [{}], "items": {"type": "string"}}), Type::Json),
        (
            json!({"anyOf": [object("a", "integer"), object("b", "string")]}),
            structure(&[("a", Type::Int64), ("b", Type::String)]),
        ),
        (json!({"oneOf": [object("a", "integer"), object("a", "string")]}), structure(&[("a", Type::Json)])),
        (json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}), Type::Json),
        (json!({"anyOf": [object("a", "integer"), {"type": "integer"}]}), Type::Json),
        (json!({"allOf": [object("a", "integer"), {"required": ["a"]}]}), a.clone()),
        (json!({"$ref": "#/$defs/id"}), Type::Int64),
        (json!({"$ref": "#/$defs/a%20b"}), Type::Boolean),
        (json!({"$ref": "#/$defs/missing"}), Type::Json),
        (json!({"$ref": "#/$defs/tree"}), structure(&[("n", Type::Int64), ("next", Type::Json)])),
        (json!({"type": ["string", "integer"]}), Type::Json),
        (json!({"type": "null"}), Type::Json),
        (json!({}), Type::Json),
        (json!(true), Type::Json),
    ] {
        assert_eq!(kind(&schema), expected, "{schema}");
    }
}

#[test]
fn a_union_with_a_part_that_says_nothing_is_not_narrowed() {
    assert_eq!(kind(&json!({"anyOf": [{"type": "string"}, {}]})), Type::Json);
}

#[test]
fn members_without_a_column_are_named() {
    let schema = json!({"properties": {"a-b": {}, "id": {}, "ID": {}, "x": {"properties": {"1": {}, "y": {}}}}});
    assert_eq!(unnamed_members(&schema), ["1", "ID", "a-b", "id"]);
    let expected = structure(&[("x", structure(&[("y", Type::Json)]))]);
    assert_eq!(of_schema(Some(&schema)), expected);
}

#[test]
fn payloads_without_declared_members_are_json_text() {
    for schema in [
        json!({}),
        json!(true),
        json!(false),
        json!({"type": "object"}),
        json!({"type": "integer"}),
        json!({"additionalProperties": {"type": "string"}}),
        json!({"properties": {"a-b": {}}}),
    ] {
        assert_eq!(of_schema(Some(&schema)), Type::Json, "{schema}");
    }
    assert_eq!(of_schema(None), Type::Json);
}

#[test]
fn deep_schemas_end_in_json_text() {
    let schema = (0..200).fold(json!({"type": "integer"}), |inner, _| json!({"properties": {"a": inner}}));
    assert_eq!(of_schema(Some(&schema)).leaves(), 1);
    let endless = json!({"properties": {"a": {"$ref": "#/properties/a"}}});
    assert_eq!(of_schema(Some(&endless)), structure(&[("a", Type::Json)]));
}

#[test]
fn schemas_that_refer_to_one_another_many_times_are_mapped_quickly() {
    let level = |next: usize| {
        let member = json!({"$ref": format!("#/$defs/{next}")});
        json!({"properties": {"a": member, "b": member, "c": member, "d": member}})
    };
    let defs: Map<String, Value> = (0..40).map(|at| (at.to_string(), level(at + 1))).collect();
    let kind = of_schema(Some(&json!({"$ref": "#/$defs/0", "$defs": defs})));
    assert!(kind.leaves() > MAX_COLUMNS || kind == Type::Json);
}
