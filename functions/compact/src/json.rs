//! Parses one line of JSON into nodes that refer to the line's bytes.
//!
//! `serde_json::Value` would lose what a table must preserve: the digits of numbers and the text of whatever becomes
//! JSON text. A node costs 12 bytes, nothing is copied, and the memory of one line serves the next.

mod parser;

use parser::Parser;

/// The most levels of objects and arrays. A record has at most 128.
pub const MAX_LEVELS: usize = 160;

/// A kind of JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
    /// An array.
    Array,
    /// An object.
    Object,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    kind: Kind,
    start: u32,
    end: u32,
    /// The index of the node after this value.
    next: u32,
}

/// The nodes of one line, in the order of the text: an object's node precedes its keys and values.
#[derive(Debug, Default)]
pub struct Tape(Vec<Node>);

/// A value of a parsed line.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    text: &'a str,
    tape: &'a Tape,
    at: u32,
}

/// The line is not one JSON value, or has more than [`MAX_LEVELS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson;

impl Tape {
    /// Parses a line, which must hold one value.
    ///
    /// # Errors
    /// The line is not JSON, nests too deeply, or has 4 GB.
    pub fn parse<'a>(&'a mut self, text: &'a str) -> Result<Value<'a>, NotJson> {
        u32::try_from(text.len()).map_err(|_| NotJson)?;
        self.0.clear();
        Parser::new(text.as_bytes(), &mut self.0).whole(MAX_LEVELS)?;
        Ok(Value { text, tape: self, at: 0 })
    }

    fn node(&self, at: u32) -> Node {
        self.0[at as usize]
    }
}

impl<'a> Value<'a> {
    fn node(self) -> Node {
        self.tape.node(self.at)
    }

    /// What it is.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// Its text, byte for byte.
    #[must_use]
    pub fn raw(self) -> &'a str {
        let node = self.node();
        &self.text[node.start as usize..node.end as usize]
    }

    /// Whether it is a string.
    #[must_use]
    pub fn is_string(self) -> bool {
        matches!(self.kind(), Kind::Plain | Kind::Escaped)
    }

    /// A string's content, decoded into `buffer` if it has escapes. `None` for other values, and for a string with half
    /// a surrogate pair, which no UTF-8 can hold.
    #[must_use]
    pub fn string<'b>(self, buffer: &'b mut String) -> Option<&'b str>
    where
        'a: 'b,
    {
        match self.kind() {
            Kind::Plain => Some(&self.raw()[1..self.raw().len() - 1]),
            Kind::Escaped => {
                *buffer = serde_json::from_str(self.raw()).ok()?;
                Some(buffer)
            }
            _ => None,
        }
    }

    /// The elements of an array, or keys and values of an object by turns; nothing for other values.
    pub fn children(self) -> impl Iterator<Item = Value<'a>> {
        let node = self.node();
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            (at < node.next).then(|| {
                let child = Value { at, ..self };
                at = child.node().next;
                child
            })
        })
    }

    /// The members of an object; nothing for other values.
    pub fn members(self) -> impl Iterator<Item = (Value<'a>, Value<'a>)> {
        let is_object = self.kind() == Kind::Object;
        let mut children = self.children().filter(move |_| is_object);
        std::iter::from_fn(move || children.next().zip(children.next()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_json(text: &str) -> bool {
        Tape::default().parse(text).is_ok()
    }

    #[test]
    fn values_keep_their_text() {
        let mut tape = Tape::default();
        let value = tape.parse(r#" {"a" : [1.50, "x\u0041", {}], "b":null} "#).unwrap();
        let members: Vec<_> = value.members().map(|(key, value)| (key.raw(), value.raw())).collect();
        assert_eq!(members, [(r#""a""#, r#"[1.50, "x\u0041", {}]"#), (r#""b""#, "null")]);
        let (_, array) = value.members().next().unwrap();
        let kinds: Vec<_> = array.children().map(Value::kind).collect();
        assert_eq!(kinds, [Kind::Number, Kind::Escaped, Kind::Object]);
        let text = array.children().nth(1).unwrap();
        assert_eq!(text.string(&mut String::new()), Some("xA"));
    }

    #[test]
    fn a_line_is_json_exactly_if_serde_json_takes_it() {
        for text in [
            "",
            " ",
            "{",
            "}",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "-",
            "-01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "1e5",
            "-0",
            "-0.0e-0",
            "tru",
            "truefalse",
            "nul",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"a\nb\"",
            "\"\t\"",
            "1 2",
            "[1 2]",
            "{\"a\" 1}",
            "NaN",
            "Infinity",
            "'a'",
            "[]]",
            "\"ä😀\"",
            "\u{feff}1",
            "[[[]]]",
            "{\"a\":{\"a\":1,\"a\":2}}",
            "+1",
            "1e400",
        ] {
            let expected = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            assert_eq!(is_json(text), expected, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_a_crash() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(is_json(&nested(MAX_LEVELS)));
        assert!(!is_json(&nested(MAX_LEVELS + 1)));
        assert!(!is_json(&"[".repeat(1_000_000)));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_as_by_serde_json(text in "[\\[\\]{}\":,0-9a-u.eE+\\- \\\\]{0,12}") {
            let expected = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(is_json(&text), expected, "{}", text);
        }
    }
}
