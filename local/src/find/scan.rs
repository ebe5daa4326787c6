//! Finds the lines of an object that begin with an id, without parsing them.

use std::io::{self, Read};

use bytes::Bytes;
use memchr::{memchr_iter, memmem::Finder};
use spillway_compact::read::decoder;
use tokio::task::yield_now;

/// Bytes that are decompressed and searched at once: a block of zstd, which is then still in the processor's cache.
const CHUNK_BYTES: usize = 128 << 10;

/// Consecutive lines or rows that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// The first, from 1.
    pub(super) first: u64,
    /// How many.
    pub(super) count: u64,
}

/// Adds a line or row behind all earlier ones.
pub(super) fn push(runs: &mut Vec<Run>, number: u64) {
    match runs.last_mut() {
        Some(run) if run.first + run.count == number => run.count += 1,
        _ => runs.push(Run { first: number, count: 1 }),
    }
}

/// The lines of an object that begin with `needle`, which begins with a line break. A damaged object has the lines
/// before the damage, and an error.
pub(super) async fn lines(needle: &[u8], key: &str, object: Bytes) -> (Vec<Run>, io::Result<()>) {
    let mut scan = Scan::new(needle);
    let mut decoder = match decoder(key, &object) {
        Ok(decoder) => decoder,
        Err(error) => return (Vec::new(), Err(error)),
    };
    loop {
        match scan.chunk(&mut decoder) {
            Ok(true) => yield_now().await,
            Ok(false) => return (scan.runs, Ok(())),
            Err(error) => return (scan.runs, Err(error)),
        }
    }
}

struct Scan<'n> {
    finder: Finder<'n>,
    /// The end of the chunk before, in which a needle can begin, and the current chunk.
    buffer: Vec<u8>,
    /// How many bytes of the buffer are in use.
    length: usize,
    /// The number of line breaks before the buffer.
    lines: u64,
    runs: Vec<Run>,
}

impl<'n> Scan<'n> {
    /// The buffer begins with a line break, so that the first line is found like the others.
    fn new(needle: &'n [u8]) -> Self {
        let mut buffer = vec![0; needle.len() + CHUNK_BYTES];
        buffer[0] = b'\n';
        Self { finder: Finder::new(needle), buffer, length: 1, lines: 0, runs: Vec::new() }
    }

    /// Reads and searches one chunk; returns whether there may be another. After an error, what was read is searched.
    fn chunk(&mut self, content: &mut impl Read) -> io::Result<bool> {
        let filled = self.fill(content);
        self.search();
        filled
    }

    fn fill(&mut self, content: &mut impl Read) -> io::Result<bool> {
        while self.length < self.buffer.len() {
            match content.read(&mut self.buffer[self.length..]) {
                Ok(0) => return Ok(false),
                Ok(bytes) => self.length += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Notes the matching lines of the buffer, and keeps only its end.
    fn search(&mut self) {
        let bytes = &self.buffer[..self.length];
        let (mut counted, mut lines) = (0, self.lines);
        for at in self.finder.find_iter(bytes) {
            lines += breaks(&bytes[counted..=at]);
            counted = at + 1;
            push(&mut self.runs, lines);
        }
        // The rest is shorter than a needle, so no match begins in it.
        let rest = self.length.saturating_sub(self.finder.needle().len() - 1);
        self.lines = lines + breaks(&bytes[counted..rest]);
        self.buffer.copy_within(rest..self.length, 0);
        self.length -= rest;
    }
}

fn breaks(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use spillway_shared::frame::compress_onto;

    use super::*;

    async fn scan(key: &str, object: &[u8]) -> (Vec<(u64, u64)>, bool) {
        let (runs, end) = lines(b"\n{\"id\":\"a-", key, Bytes::copy_from_slice(object)).await;
        (runs.iter().map(|run| (run.first, run.count)).collect(), end.is_ok())
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        compress_onto(&mut frame, text).unwrap();
        frame
    }

    #[tokio::test]
    async fn lines_are_found_by_their_beginning() {
        let text = b"{\"id\":\"a-0\"}\n{\"id\":\"a-1\"}\n{\"id\":\"b-0\",\"x\":{\"id\":\"a-7\"}}\n\n{\"id\":\"a-2\"}";
        assert_eq!(scan("x.ndjson", text).await, (vec![(1, 2), (5, 1)], true));
        assert_eq!(scan("x.ndjson.zst", &[zstd(&text[..20]), zstd(&text[20..])].concat()).await.0, [(1, 2), (5, 1)]);
        assert_eq!(scan("x.ndjson", b"").await, (vec![], true));
    }

    #[tokio::test]
    async fn lines_at_any_place_of_a_chunk_are_found() {
        // The matching line moves over the end of the first chunk.
        for padding in CHUNK_BYTES - 40..CHUNK_BYTES + 20 {
            let mut text = vec![b'x'; padding];
            text.extend(b"\n{\"id\":\"a-0\"}\nx\n{\"id\":\"a-1\"}\n");
            assert_eq!(scan("x.ndjson", &text).await, (vec![(2, 1), (4, 1)], true), "{padding}");
        }
        let short = "x\n".repeat(CHUNK_BYTES) + "{\"id\":\"a-0\"}\n";
        assert_eq!(scan("x.ndjson", short.as_bytes()).await, (vec![(CHUNK_BYTES as u64 + 1, 1)], true));
    }

    #[tokio::test]
    async fn what_is_before_the_damage_is_searched() {
        let whole = [zstd(b"{\"id\":\"a-0\"}\n"), zstd(b"{\"id\":\"a-1\"}\n")].concat();
        assert_eq!(scan("x.ndjson.zst", &whole[..whole.len() - 2]).await.0[0].0, 1);
        assert!(!scan("x.ndjson.zst", &whole[..whole.len() - 2]).await.1);
        assert_eq!(scan("x.ndjson.zst", b"damaged").await, (vec![], false));
    }
}
