//! What is wrong with a schema, all at once.

use super::*;

const LINEAR: &str = "must be a regular expression that is matched in linear time and bounded memory: \
                      no look-around, no back-references, no huge repetitions";
const OUTSIDE: &str = "lies outside of this file; nothing is fetched, so copy it into `$defs`";
const SEVEN: &str = "http://json-schema.org/draft-07/schema#";

fn faults(schema: Value) -> Vec<String> {
    let definition = Definition { schema: Some(schema), ..Definition::default() };
    let faults = Judge::compile(&name(), &definition).unwrap_err();
    let sentences = faults.sentences().iter();
    sentences.map(|sentence| sentence.strip_prefix("streams/clicks.json: /schema").unwrap().to_owned()).collect()
}

#[test]
fn remote_references_are_refused_each_with_its_place() {
    let schema = json!({
        "$id": "https://example.com/root.json",
        "properties": {
            "a": {"$ref": "https://example.org/a.json#/definitions/x"},
            "b": {"$ref": "other.json"},
            "c/d": {"$ref": "/x/other.json#foo"},
            "e": {"$ref": "file:///etc/passwd"},
            "f": {"$ref": "inside.json"},
            "$ref": {"$ref": "other.json"}
        },
        "$defs": {"inside": {"$id": "inside.json"}}
    });
    assert_eq!(
        faults(schema),
        [
            format!("/properties/$ref/$ref: `other.json` {OUTSIDE}"),
            format!("/properties/a/$ref: `https://example.org/a.json#/definitions/x` {OUTSIDE}"),
            format!("/properties/b/$ref: `other.json` {OUTSIDE}"),
            format!("/properties/c~1d/$ref: `/x/other.json#foo` {OUTSIDE}"),
            format!("/properties/e/$ref: `file:///etc/passwd` {OUTSIDE}"),
        ]
    );
    assert_eq!(
        faults(json!({"items": {"$dynamicRef": "https://x.y/z#m"}})),
        [format!("/items/$dynamicRef: `https://x.y/z` {OUTSIDE}")]
    );
    let other_dialect = json!({"$defs": {"a": {"$schema": "https://x.y/z", "$id": "https://a.b/c"}}});
    assert_eq!(faults(other_dialect), [format!("/$defs/a/$schema: `https://x.y/z` {OUTSIDE}")]);
}

#[test]
fn references_to_the_dialect_itself_are_not_remote() {
    by_schema(json!({"properties": {"a": {"$ref": "https://json-schema.org/draft/2020-12/schema"}}}));
    by_schema(json!({"$schema": SEVEN, "properties": {"a": {"$ref": SEVEN}}}));
}

#[test]
fn references_that_lead_nowhere_are_named_with_their_place() {
    let schema = json!({"properties": {
        "a": {"$ref": "#/$defs/x"}, "b": {"$ref": "#anchor"}, "c": {"$ref": "#/$defs/y"}, "d": {"$ref": ":::"}
    }});
    let found = faults(schema);
    let places: Vec<_> = found.iter().map(|sentence| sentence.split(": ").next().unwrap()).collect();
    assert_eq!(found.len(), 4);
    for place in ["a", "b", "c", "d"] {
        assert!(places.contains(&format!("/properties/{place}/$ref").as_str()), "{found:?}");
    }
}

#[test]
fn patterns_that_need_backtracking_or_too_much_memory_are_refused() {
    let schema = json!({"properties": {
        "a": {"pattern": "(?=a)"}, "b": {"pattern": "(a)\\1"},
        "c": {"patternProperties": {"(?<!x)": true, "[": true}}, "d": {"pattern": "((a{1000}){1000}){1000}"}
    }});
    assert_eq!(
        faults(schema),
        [
            format!("/properties/a/pattern: {LINEAR}"),
            format!("/properties/b/pattern: {LINEAR}"),
            format!("/properties/c/patternProperties/(?<!x): {LINEAR}"),
            format!("/properties/c/patternProperties/[: {LINEAR}"),
            format!("/properties/d/pattern: {LINEAR}"),
        ]
    );
}

#[test]
fn a_schema_that_is_none_is_refused_wherever_it_is_broken() {
    let schema = json!({
        "type": "strnig", "minLength": -1, "required": [1, "a", 2],
        "properties": {"a": 5, "b": {"required": "x"}, "c": {"format": "emial"}},
        "anyOf": [{"type": 1}, {"maximum": "3"}]
    });
    let found = faults(schema);
    let mut places: Vec<_> = found.iter().map(|sentence| sentence.split(": ").next().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(
        places,
        [
            "/anyOf/0/type",
            "/anyOf/1/maximum",
            "/minLength",
            "/properties/a",
            "/properties/b/required",
            "/properties/c/format",
            "/required/0",
            "/type",
        ]
    );
    assert!(found.contains(&"/properties/c/format: \"emial\" is not a format that can be asserted".to_owned()));
}

#[test]
fn other_drafts_are_refused() {
    let drafts = "must be `https://json-schema.org/draft/2020-12/schema` or `http://json-schema.org/draft-07/schema#`";
    for draft in [json!("http://json-schema.org/draft-04/schema#"), json!("https://example.com/my"), json!(7)] {
        assert_eq!(faults(json!({"$schema": draft})), [format!("/$schema: {drafts}")]);
    }
    for draft in
        ["https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2020-12/schema#", SEVEN]
    {
        by_schema(json!({"$schema": draft}));
    }
}

#[test]
fn the_draft_decides_what_words_mean() {
    let tuple = json!({"properties": {"a": {"items": [{"type": "string"}], "additionalItems": false}}});
    let mut seven = tuple.clone();
    seven["$schema"] = json!(SEVEN);
    assert_eq!(rejection(by_schema(seven).judge(&NOBODY, br#"{"a": ["x", 1]}"#)).reason, Reason::Schema);
    assert_eq!(faults(tuple).len(), 1, "a list of items is no schema of 2020-12");
}

#[test]
fn faults_without_end_are_cut_off() {
    let broken: serde_json::Map<_, _> = (0..1_000).map(|index| (format!("p{index}"), json!(1))).collect();
    assert_eq!(faults(json!({"properties": broken})).len(), 100);
}
