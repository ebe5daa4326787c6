//! Finds the boundaries of the requests on a connection, independently of hyper, and detects framing that two readers
//! could understand differently (RFC 9112, 6.3 and 11.2), which is how requests are smuggled. hyper accepts some of it: a
//! length together with `chunked`, repeated lengths, other codings before `chunked`, folded lines, lines without CR.

/// The number of bytes kept of a line: more than any valid length or coding has.
const KEPT_BYTES: usize = 64;
/// The maximum number of hex digits in the size of a chunk.
const MAX_HEX_DIGITS: usize = 15;

/// The framing of one connection up to the last byte read.
#[derive(Debug, Default)]
pub(super) struct Framing {
    part: Part,
    line: Line,
    head: Head,
}

/// The part of a request to which the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Part {
    #[default]
    Head,
    /// A body with a length, with the number of bytes left.
    Body(u64),
    ChunkSize,
    /// A chunk, with the number of bytes left, including the line break after it.
    Chunk(u64),
    Trailers,
    /// Two readers could disagree from here on.
    Ambiguous,
}

/// The beginning of a line, its length and its last byte.
#[derive(Debug, Default)]
struct Line {
    start: Vec<u8>,
    len: usize,
    last: u8,
}

/// How the current head frames its body.
#[derive(Debug, Default)]
struct Head {
    has_begun: bool,
    length: Option<u64>,
    is_chunked: bool,
}

impl Framing {
    /// Reads the next bytes of the connection, in pieces of any size.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_ambiguous() {
            let used = match self.part {
                Part::Body(left) => self.skip(left, bytes.len(), Part::Body, Part::Head),
                Part::Chunk(left) => self.skip(left, bytes.len(), Part::Chunk, Part::ChunkSize),
                _ => self.read_line(bytes),
            };
            bytes = &bytes[used..];
        }
    }

    /// Whether another reader could see different requests in the bytes so far.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.part == Part::Ambiguous
    }

    /// Skips bytes of a body; `next` follows it. Returns the number of bytes skipped.
    fn skip(&mut self, left: u64, available: usize, part: fn(u64) -> Part, next: Part) -> usize {
        let skipped = left.min(available as u64);
        self.part = if skipped == left { next } else { part(left - skipped) };
        usize::try_from(skipped).unwrap_or(available)
    }

    fn read_line(&mut self, bytes: &[u8]) -> usize {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.line.add(bytes);
            return bytes.len();
        };
        self.line.add(&bytes[..end]);
        let mut line = std::mem::take(&mut self.line);
        self.part = self.after(&line).unwrap_or(Part::Ambiguous);
        line.clear();
        self.line = line;
        end + 1
    }

    /// The part that follows a line; `None` if it is ambiguous.
    fn after(&mut self, line: &Line) -> Option<Part> {
        let text = line.text()?;
        match self.part {
            Part::Head if text.is_empty() && self.head.has_begun => Some(std::mem::take(&mut self.head).body()),
            // Every reader skips empty lines before a request.
            Part::Head if text.is_empty() => Some(Part::Head),
            Part::Head => self.head.line(text, line.is_whole()).map(|()| Part::Head),
            Part::ChunkSize => Some(match chunk_size(text)? {
                0 => Part::Trailers,
                size => Part::Chunk(size + 2),
            }),
            _ => Some(if text.is_empty() { Part::Head } else { Part::Trailers }),
        }
    }
}

impl Line {
    fn add(&mut self, bytes: &[u8]) {
        let room = KEPT_BYTES.saturating_sub(self.start.len()).min(bytes.len());
        self.start.extend_from_slice(&bytes[..room]);
        self.len += bytes.len();
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    /// Empties the line and keeps its memory for the next one.
    fn clear(&mut self) {
        self.start.clear();
        (self.len, self.last) = (0, 0);
    }

    /// The kept bytes without the line break; `None` if that is not CR LF.
    fn text(&self) -> Option<&[u8]> {
        let text = if self.is_whole() { self.start.split_last()?.1 } else { &self.start };
        (self.last == b'\r').then_some(text)
    }

    fn is_whole(&self) -> bool {
        self.len <= KEPT_BYTES
    }
}

impl Head {
    /// Reads a line; `None` if it makes the length of the body ambiguous.
    fn line(&mut self, text: &[u8], is_whole: bool) -> Option<()> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return Some(());
        }
        // Some readers take a line that begins with a blank as the continuation of the line before it.
        if text[0].is_ascii_whitespace() {
            return None;
        }
        let colon = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
        let (name, value) = (&text[..colon], text[(colon + 1).min(text.len())..].trim_ascii());
        if name.trim_ascii().eq_ignore_ascii_case(b"content-length") {
            let is_first = self.length.replace(number(value)?).is_none();
            return (is_first && !self.is_chunked && is_whole).then_some(());
        }
        if name.trim_ascii().eq_ignore_ascii_case(b"transfer-encoding") {
            let is_first = !std::mem::replace(&mut self.is_chunked, true);
            let is_known = value.eq_ignore_ascii_case(b"chunked");
            return (is_first && is_known && self.length.is_none() && is_whole).then_some(());
        }
        Some(())
    }

    fn body(self) -> Part {
        match (self.is_chunked, self.length) {
            (true, _) => Part::ChunkSize,
            (false, None | Some(0)) => Part::Head,
            (false, Some(length)) => Part::Body(length),
        }
    }
}

/// A number of digits only: no sign, no list.
fn number(text: &[u8]) -> Option<u64> {
    text.iter().all(u8::is_ascii_digit).then(|| str::from_utf8(text).ok()?.parse().ok()).flatten()
}

/// The size of a chunk; extensions after a semicolon are ignored.
fn chunk_size(text: &[u8]) -> Option<u64> {
    let digits = text.split(|byte| *byte == b';').next()?.trim_ascii_end();
    let is_size = (1..=MAX_HEX_DIGITS).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    is_size.then(|| u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()).flatten()
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
