//! The grammar of JSON (RFC 8259).

use super::{Kind, Node, NotJson};

/// The bytes that end a run of plain characters: quotes, backslashes, and the control characters that JSON forbids.
/// Most strings are short, so one table costs less than a vectorised search.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut byte = 0;
    while byte < b' ' as usize {
        special[byte] = true;
        byte += 1;
    }
    special[b'"' as usize] = true;
    special[b'\\' as usize] = true;
    special
};

/// Appends the nodes of a text.
pub(super) struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    nodes: &'a mut Vec<Node>,
}

impl<'a> Parser<'a> {
    /// A parser at the start of a text.
    pub(super) fn new(text: &'a [u8], nodes: &'a mut Vec<Node>) -> Self {
        Self { text, at: 0, nodes }
    }

    /// Parses one value, which must be the whole text.
    pub(super) fn whole(&mut self, levels: usize) -> Result<(), NotJson> {
        self.value(levels)?;
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { Err(NotJson) }
    }

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
            let length = rest.iter().position(|byte| SPECIAL[usize::from(*byte)]).ok_or(NotJson)?;
            self.at += length + 1;
            match rest[length] {
                b'"' => break,
                b'\\' => {
                    kind = Kind::Escaped;
                    self.escape()?;
                }
                _ => return Err(NotJson),
            }
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
