//! Follows where requests begin and end on a connection, beside the server's own parser, and notices what two readers
//! could understand differently (RFC 9112, 6.3 and 11.2). That parser lets some of it pass: both lengths at once, lengths
//! that stand twice, other codings before `chunked`, folded lines, lines that end without CR.

/// So much of a line is looked at: more than any length or coding that is taken.
const LOOKED_AT: usize = 64;
/// More hex digits than this are no length of a chunk.
const MOST_HEX_DIGITS: usize = 15;

/// The framing of one connection, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Framing {
    part: Part,
    line: Line,
    head: Head,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Part {
    #[default]
    Head,
    /// So many bytes of a body with a length are left.
    Body(u64),
    ChunkSize,
    /// So many bytes of a chunk are left, the line break behind it included.
    Chunk(u64),
    Trailers,
    /// From here on nobody can tell.
    Unclear,
}

/// The beginning of a line, and what its end needs.
#[derive(Debug, Default)]
struct Line {
    start: Vec<u8>,
    len: usize,
    last: u8,
}

/// What the head that is being read says of its body.
#[derive(Debug, Default)]
struct Head {
    has_begun: bool,
    length: Option<u64>,
    is_chunked: bool,
}

impl Framing {
    /// Reads on, whatever the pieces in which it comes.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_unclear() {
            let used = match self.part {
                Part::Body(left) => self.skip(left, bytes.len(), Part::Body, Part::Head),
                Part::Chunk(left) => self.skip(left, bytes.len(), Part::Chunk, Part::ChunkSize),
                _ => self.read_line(bytes),
            };
            bytes = &bytes[used..];
        }
    }

    /// Whether somebody else could see other requests in what came so far.
    pub(super) fn is_unclear(&self) -> bool {
        self.part == Part::Unclear
    }

    /// Skips bytes of a body; what follows when none are left is `next`.
    fn skip(&mut self, left: u64, there: usize, part: fn(u64) -> Part, next: Part) -> usize {
        let skipped = left.min(there as u64);
        self.part = if skipped == left { next } else { part(left - skipped) };
        usize::try_from(skipped).unwrap_or(there)
    }

    fn read_line(&mut self, bytes: &[u8]) -> usize {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.line.add(bytes);
            return bytes.len();
        };
        self.line.add(&bytes[..end]);
        let mut line = std::mem::take(&mut self.line);
        self.part = self.after(&line).unwrap_or(Part::Unclear);
        line.clear();
        self.line = line;
        end + 1
    }

    /// What comes after a line; `None` if nobody can tell.
    fn after(&mut self, line: &Line) -> Option<Part> {
        let text = line.text()?;
        match self.part {
            Part::Head if text.is_empty() && self.head.has_begun => Some(std::mem::take(&mut self.head).body()),
            // Empty lines before a request are skipped by everybody.
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
        let room = LOOKED_AT.saturating_sub(self.start.len()).min(bytes.len());
        self.start.extend_from_slice(&bytes[..room]);
        self.len += bytes.len();
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    /// Makes it empty, and keeps its memory for the next one.
    fn clear(&mut self) {
        self.start.clear();
        (self.len, self.last) = (0, 0);
    }

    /// What was kept of it, without its end; `None` if that is not CR LF.
    fn text(&self) -> Option<&[u8]> {
        let text = if self.is_whole() { self.start.split_last()?.1 } else { &self.start };
        (self.last == b'\r').then_some(text)
    }

    fn is_whole(&self) -> bool {
        self.len <= LOOKED_AT
    }
}

impl Head {
    /// Takes a line; `None` if it makes the length of the body unclear.
    fn line(&mut self, text: &[u8], is_whole: bool) -> Option<()> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return Some(());
        }
        // A line that begins with a blank goes on with the one before it: for some readers.
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

/// Digits and nothing else: no sign, no list.
fn number(text: &[u8]) -> Option<u64> {
    text.iter().all(u8::is_ascii_digit).then(|| str::from_utf8(text).ok()?.parse().ok()).flatten()
}

/// The size of a chunk; what may stand behind a semicolon is of no account.
fn chunk_size(text: &[u8]) -> Option<u64> {
    let digits = text.split(|byte| *byte == b';').next()?.trim_ascii_end();
    let is_size = (1..=MOST_HEX_DIGITS).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    is_size.then(|| u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()).flatten()
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
