//! A JSON value whose numbers keep their text. Equal values hash equally, whatever their shape.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::Number;

/// A JSON value. Numbers are equal by value (`1` equals `1.0`), objects in any order of their members.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Tree<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(Number<'a>),
    /// A string, without its escapes.
    String(Cow<'a, str>),
    /// The elements of an array.
    Array(Vec<Self>),
    /// The members of an object, sorted by their names.
    Object(BTreeMap<Cow<'a, str>, Self>),
}

impl<'a> Tree<'a> {
    /// The member of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        if let Tree::Object(members) = self { members.get(name) } else { None }
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Tree::String(text) = self { Some(text) } else { None }
    }

    /// A string.
    #[must_use]
    pub fn of_text(text: &'a str) -> Self {
        Tree::String(Cow::Borrowed(text))
    }
}

impl From<&Value> for Tree<'static> {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Tree::Null,
            Value::Bool(value) => Tree::Bool(*value),
            Value::Number(number) => Tree::Number(number.into()),
            Value::String(text) => Tree::String(Cow::Owned(text.clone())),
            Value::Array(elements) => Tree::Array(elements.iter().map(Tree::from).collect()),
            Value::Object(members) => {
                Tree::Object(members.iter().map(|(name, value)| (Cow::Owned(name.clone()), value.into())).collect())
            }
        }
    }
}

/// Numbers that do not fit into 64 bits become floats.
impl From<Tree<'_>> for Value {
    fn from(tree: Tree<'_>) -> Self {
        match tree {
            Tree::Null => Value::Null,
            Tree::Bool(value) => Value::Bool(value),
            Tree::Number(number) => Value::Number(number.to_serde()),
            Tree::String(text) => Value::String(text.into_owned()),
            Tree::Array(elements) => Value::Array(elements.into_iter().map(Value::from).collect()),
            Tree::Object(members) => {
                Value::Object(members.into_iter().map(|(name, value)| (name.into_owned(), value.into())).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::read;

    fn are_same(one: &str, other: &str) -> bool {
        let (one, other) = (read(one.as_bytes()).unwrap(), read(other.as_bytes()).unwrap());
        let hash_equally = HashSet::from([&one, &other]).len() == 1;
        assert_eq!(one == other, hash_equally);
        one == other
    }

    #[test]
    fn elements_and_members_are_compared_too() {
        assert!(are_same(r#"{"a":[1,{"b":2}],"c":3}"#, r#"{"c":3.0,"a":[1.0,{"b":2e0}]}"#));
        assert!(!are_same(r#"{"a":1}"#, r#"{"a":1,"b":2}"#));
        assert!(!are_same("[1,2]", "[2,1]"));
        for (one, other) in [("1", "\"1\""), ("1", "true"), ("0", "false"), ("null", "0"), ("[]", "{}"), ("[]", "[[]]")]
        {
            assert!(!are_same(one, other), "{one} {other}");
        }
        assert!(are_same(r#"{"\u0061":"\u00e9"}"#, r#"{"a":"é"}"#));
    }
}
