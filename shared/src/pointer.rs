//! JSON pointers (RFC 6901), parsed once.

use serde::Deserialize;
use serde_json::Value;

use crate::json::Tree;

mod raw;

/// A JSON pointer from a payload to a value inside it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pointer(Vec<Token>);

/// Why a pointer finds no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// An object on the way lacks the member.
    Absent,
    /// A value on the way is not an object, or an array without that element.
    NotAnObject,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    key: String,
    index: Option<usize>,
}

impl Pointer {
    /// Reads a pointer: empty, or `/` before each part, `~` only in `~0` and `~1`. Any other text is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        text.strip_prefix('/')?.split('/').map(Token::parse).collect::<Option<_>>().map(Self)
    }

    /// The parts without escapes, from the outermost.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|token| token.key.as_str())
    }

    /// The value at the pointer; `None` if it is missing (`null` is a value).
    #[must_use]
    pub fn find<'a, T: Nested>(&self, value: &'a T) -> Option<&'a T> {
        self.locate(value).ok()
    }

    /// The value at the pointer, or why it is missing.
    ///
    /// # Errors
    /// An object on the way lacks the member, or a value on the way has no such member.
    pub fn locate<'a, T: Nested>(&self, value: &'a T) -> Result<&'a T, Missing> {
        self.0.iter().try_fold(value, |value, token| value.inner(&token.key, token.index))
    }
}

/// A JSON value that may contain others.
pub trait Nested: Sized {
    /// The member with this name, or the element with this index.
    ///
    /// # Errors
    /// The object lacks the member, or the value has no such member.
    fn inner(&self, name: &str, index: Option<usize>) -> Result<&Self, Missing>;
}

impl Nested for Value {
    fn inner(&self, name: &str, index: Option<usize>) -> Result<&Self, Missing> {
        match self {
            Value::Object(members) => members.get(name).ok_or(Missing::Absent),
            Value::Array(elements) => element(elements, index),
            _ => Err(Missing::NotAnObject),
        }
    }
}

impl Nested for Tree<'_> {
    fn inner(&self, name: &str, index: Option<usize>) -> Result<&Self, Missing> {
        match self {
            Tree::Object(members) => members.get(name).ok_or(Missing::Absent),
            Tree::Array(elements) => element(elements, index),
            _ => Err(Missing::NotAnObject),
        }
    }
}

fn element<T>(elements: &[T], index: Option<usize>) -> Result<&T, Missing> {
    index.and_then(|index| elements.get(index)).ok_or(Missing::NotAnObject)
}

impl TryFrom<String> for Pointer {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("must be a JSON pointer: empty, or `/` before each part, `~` only in `~0` and `~1`")
    }
}

impl Token {
    fn parse(text: &str) -> Option<Self> {
        let escapes_are_known = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        let key = text.replace("~1", "/").replace("~0", "~");
        escapes_are_known.then(|| Self { index: index(&key), key })
    }
}

/// RFC 6901, section 4: digits without leading zeros.
fn index(key: &str) -> Option<usize> {
    let canonical = key == "0" || (!key.starts_with('0') && key.bytes().all(|byte| byte.is_ascii_digit()));
    if canonical { key.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn find(pointer: &str) -> Option<Value> {
        let document = json!({"a": [10, {"b": null}], "": 1, "x/y": 2, "m~n": 3, "~1": 4, "0": 5, "é": 6});
        Pointer::parse(pointer).unwrap().find(&document).cloned()
    }

    #[test]
    fn pointer_finds_values_in_objects_and_arrays() {
        assert_eq!(find("/a/0"), Some(json!(10)));
        assert_eq!(find("/a/1/b"), Some(Value::Null));
        assert_eq!(find("/"), Some(json!(1)));
        assert_eq!(find("/0"), Some(json!(5)));
        assert_eq!(find("/é"), Some(json!(6)));
        assert!(find("").is_some_and(|whole| whole.is_object()));
    }

    #[test]
    fn escapes_are_decoded_once() {
        assert_eq!(find("/x~1y"), Some(json!(2)));
        assert_eq!(find("/m~0n"), Some(json!(3)));
        assert_eq!(find("/~01"), Some(json!(4)));
    }

    #[test]
    fn missing_values_are_absent() {
        for pointer in ["/b", "/a/2", "/a/-", "/a/00", "/a/+1", "/a/", "/a/0/x", "/a/99999999999999999999"] {
            assert_eq!(find(pointer), None, "{pointer}");
        }
    }

    #[test]
    fn only_an_object_lacks_a_member() {
        let document = json!({"a": [10, {"b": null}], "c": {"d": {}}});
        for (pointer, missing) in [
            ("/b", Missing::Absent),
            ("/b/c", Missing::Absent),
            ("/c/d/e", Missing::Absent),
            ("/a/1/c", Missing::Absent),
            ("/a/2", Missing::NotAnObject),
            ("/a/b", Missing::NotAnObject),
            ("/a/0/b", Missing::NotAnObject),
            ("/a/1/b/c", Missing::NotAnObject),
        ] {
            assert_eq!(Pointer::parse(pointer).unwrap().locate(&document), Err(missing), "{pointer}");
        }
    }

    #[test]
    fn malformed_pointers_are_refused() {
        for text in ["a", "a/b", "#/a", "/a~", "/~2", "/a~/b"] {
            assert_eq!(Pointer::parse(text), None, "{text}");
        }
    }
}
