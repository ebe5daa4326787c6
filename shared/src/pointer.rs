//! JSON pointers (RFC 6901), parsed once.

use serde_json::Value;

/// A JSON pointer: the path from a payload to a value inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(Vec<Token>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    key: String,
    index: Option<usize>,
}

impl Pointer {
    /// Parses a pointer. Text without a leading `/`, or with a `~` that `0` or `1` does not follow, is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        text.strip_prefix('/')?.split('/').map(Token::parse).collect::<Option<_>>().map(Self)
    }

    /// The value at the pointer; `None` if it is absent (`null` is a value).
    #[must_use]
    pub fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |value, token| match value {
            Value::Object(members) => members.get(&token.key),
            Value::Array(elements) => elements.get(token.index?),
            _ => None,
        })
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
    fn a_pointer_traverses_objects_and_arrays() {
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
    fn a_missing_value_is_absent() {
        for pointer in ["/b", "/a/2", "/a/-", "/a/00", "/a/+1", "/a/", "/a/0/x", "/a/99999999999999999999"] {
            assert_eq!(find(pointer), None, "{pointer}");
        }
    }

    #[test]
    fn anything_but_a_pointer_is_refused() {
        for text in ["a", "a/b", "#/a", "/a~", "/~2", "/a~/b"] {
            assert_eq!(Pointer::parse(text), None, "{text}");
        }
    }
}
