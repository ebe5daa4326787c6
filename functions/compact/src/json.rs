//! Parses one line of JSON into nodes that refer to the line's bytes.
//!
//! `serde_json::Value` would lose what a table must preserve: the digits of numbers and the text of whatever becomes
//! JSON text. A node costs 12 bytes, nothing is copied, and the memory of one line serves the next.

use memchr::memchr2;

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
        let mut parser = Parser { text: text.as_bytes(), at: 0, nodes: &mut self.0 };
        parser.value(MAX_LEVELS)?;
        parser.skip_space();
        if parser.at == text.len() { Ok(Value { text, tape: self, at: 0 }) } else { Err(NotJson) }
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

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    nodes: &'a mut Vec<Node>,
}

impl Parser<'_> {
    fn value(&mut self, levels: usize) -> Result<(), NotJson> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.container(levels, Kind::Object, b'}'),
            Some(b'[') => self.container(levels, Kind::Array, b']'),
            Some(b'"') => self.string(),
            Some(b't') => self.word(b"true", Kind::Bool),
            Some(b'f') => self.word(b"false", Kind::Bool),
            Some(b'n') => self.word(b"null", Kind::Null),
            _ => self.number(),
        }
    }

    fn container(&mut self, levels: usize, kind: Kind, end: u8) -> Result<(), NotJson> {
        let levels = levels.checked_sub(1).ok_or(NotJson)?;
        let (start, index) = (self.at, self.nodes.len());
        self.push(kind, start, start);
        self.at += 1;
        self.skip_space();
        if self.peek() != Some(end) {
            loop {
                self.element(levels, kind)?;
                self.skip_space();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(byte) if byte == end => break,
                    _ => return Err(NotJson),
                }
            }
        }
        self.at += 1;
        let next = index_of(self.nodes.len());
        let node = &mut self.nodes[index];
        (node.end, node.next) = (index_of(self.at), next);
        Ok(())
    }

    fn element(&mut self, levels: usize, kind: Kind) -> Result<(), NotJson> {
        if kind == Kind::Object {
            self.skip_space();
            self.string()?;
            self.skip_space();
            self.expect(b':')?;
        }
        self.value(levels)
    }

    fn string(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        self.expect(b'"')?;
        let mut kind = Kind::Plain;
        loop {
            let rest = &self.text[self.at..];
            let length = memchr2(b'"', b'\\', rest).ok_or(NotJson)?;
            if rest[..length].iter().any(|byte| *byte < b' ') {
                return Err(NotJson);
            }
            self.at += length + 1;
            if rest[length] == b'"' {
                break;
            }
            kind = Kind::Escaped;
            self.escape()?;
        }
        self.push(kind, start, self.at);
        Ok(())
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<(), NotJson> {
        let length = match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 1,
            Some(b'u') => 5,
            _ => return Err(NotJson),
        };
        let digits = self.text.get(self.at + 1..self.at + length).ok_or(NotJson)?;
        self.at += length;
        if digits.iter().all(u8::is_ascii_hexdigit) { Ok(()) } else { Err(NotJson) }
    }

    fn number(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let whole = self.at;
        self.digits()?;
        if self.text[whole] == b'0' && self.at > whole + 1 {
            return Err(NotJson);
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        self.push(Kind::Number, start, self.at);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let count = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count > 0 { Ok(()) } else { Err(NotJson) }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<(), NotJson> {
        let start = self.at;
        if !self.text[start..].starts_with(word) {
            return Err(NotJson);
        }
        self.at += word.len();
        self.push(kind, start, self.at);
        Ok(())
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        let next = index_of(self.nodes.len() + 1);
        self.nodes.push(Node { kind, start: index_of(start), end: index_of(end), next });
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        let is_there = self.peek() == Some(byte);
        self.at += 1;
        if is_there { Ok(()) } else { Err(NotJson) }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }
}

/// A line has fewer than 4 G bytes, and at least one for each node.
fn index_of(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
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
