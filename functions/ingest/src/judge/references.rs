//! Finds the references in a schema that a fault is about: the compiler tells what it looked for, not where.

use serde_json::Value;

/// The references (`$ref`, `$dynamicRef`, `$schema`) whose text is wanted: pointer and text.
pub(super) fn references(schema: &Value, is_wanted: &dyn Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    gather_references(schema, is_wanted, &mut String::new(), &mut found);
    found
}

fn gather_references(
    schema: &Value,
    is_wanted: &dyn Fn(&str) -> bool,
    pointer: &mut String,
    found: &mut Vec<(String, String)>,
) {
    let length = pointer.len();
    let mut visit = |token: &str, value: &Value| {
        pointer.push('/');
        pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
        if matches!(token, "$ref" | "$dynamicRef" | "$schema") {
            let text = value.as_str().filter(|text| is_wanted(text));
            found.extend(text.map(|text| (pointer.clone(), text.to_owned())));
        }
        gather_references(value, is_wanted, pointer, found);
        pointer.truncate(length);
    };
    match schema {
        Value::Object(members) => members.iter().for_each(|(token, value)| visit(token, value)),
        Value::Array(elements) => (0..).zip(elements).for_each(|(i, value): (usize, _)| visit(&i.to_string(), value)),
        _ => {}
    }
}

/// A reference is written relative to a base, without its fragment the URI ends with it.
pub(super) fn leads_to(reference: &str, uri: &str) -> bool {
    let path = reference.split('#').next().unwrap_or_default().trim_start_matches(['.', '/']);
    let base = uri.strip_suffix(path).filter(|_| !path.is_empty());
    base.is_some_and(|base| base.is_empty() || base.ends_with(['/', ':']))
}

/// The error says no place, but it quotes the reference or its fragment.
pub(super) fn is_named(reference: &str, sentence: &str) -> bool {
    let (document, fragment) = reference.split_once('#').unwrap_or((reference, reference));
    [reference, document, fragment].iter().any(|part| !part.is_empty() && sentence.contains(&format!("'{part}'")))
}
