//! Reads the lines of an object: ranges of it are fetched and decompressed as they are needed.

use std::io;

use bytes::{Buf, Bytes};
use flate2::{Decompress, FlushDecompress, Status};
use spillway_shared::retry::{Attempts, GaveUp};
use tokio::time::Instant;
use zstd::stream::raw::{self, InBuffer, Operation, OutBuffer};

use crate::s3::{Objects, ReadError};

/// Bytes that one call to S3 fetches.
const RANGE: u64 = 1 << 20;
/// Bytes that one step decompresses at most.
const STEP: usize = 128 << 10;
/// The longest line: a record has at most 1 MiB, and metadata is limited.
const LONGEST_LINE: usize = 4 << 20;
/// Window bits of gzip: the largest window, with a gzip header.
const GZIP_WINDOW: u8 = 15;

/// Why an object could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It was deleted before it was sent.
    #[error("the object does not exist")]
    Missing,
    /// It can never be read.
    #[error("the object is not readable: {0}")]
    Broken(String),
    /// S3 failed, or time ran out: another receive may succeed.
    #[error("{0}")]
    Unavailable(String),
}

/// The lines of one object.
pub struct Lines<'a, O> {
    objects: &'a O,
    attempts: Attempts,
    deadline: Instant,
    key: &'a str,
    offset: u64,
    total: Option<u64>,
    input: Bytes,
    decoder: Decoder,
    output: Vec<u8>,
    /// The start of the next line in `output`.
    start: usize,
    /// Where the search for its end continues.
    searched: usize,
    number: u64,
}

enum Decoder {
    Plain,
    Gzip(Box<Decompress>),
    Zstd(raw::Decoder<'static>),
}

impl<'a, O: Objects> Lines<'a, O> {
    /// The lines of the object at `key`, whose name tells how it is compressed.
    ///
    /// # Errors
    /// zstd has no memory.
    pub fn new(objects: &'a O, key: &'a str, attempts: Attempts, deadline: Instant) -> Result<Self, ObjectError> {
        let decoder = Decoder::of(key).map_err(|error| ObjectError::Unavailable(error.to_string()))?;
        Ok(Self {
            objects,
            attempts,
            deadline,
            key,
            offset: 0,
            total: None,
            input: Bytes::new(),
            decoder,
            output: Vec::new(),
            start: 0,
            searched: 0,
            number: 0,
        })
    }

    /// The number of the next line.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Passes over all lines before `line`.
    ///
    /// # Errors
    /// Those of [`Lines::next`].
    pub async fn skip_to(&mut self, line: u64) -> Result<(), ObjectError> {
        while self.number < line && self.next().await?.is_some() {}
        Ok(())
    }

    /// The next line without its line break; `None` at the end.
    ///
    /// # Errors
    /// The object is missing, broken or unavailable.
    pub async fn next(&mut self) -> Result<Option<&[u8]>, ObjectError> {
        loop {
            if let Some(length) = memchr::memchr(b'\n', &self.output[self.searched..]) {
                let end = self.searched + length;
                return Ok(Some(self.take(end, end + 1)));
            }
            self.searched = self.output.len();
            if self.searched - self.start > LONGEST_LINE {
                return Err(ObjectError::Broken("a line is longer than 4 MiB".to_owned()));
            }
            if self.input.is_empty() && !self.fetch().await? {
                let end = self.output.len();
                return Ok((end > self.start).then(|| self.take(end, end)));
            }
            self.decode()?;
        }
    }

    fn take(&mut self, end: usize, next: usize) -> &[u8] {
        let line = self.start..end;
        (self.start, self.searched) = (next, next);
        self.number += 1;
        &self.output[line]
    }

    /// Fetches the next range; `false` at the end of the object.
    async fn fetch(&mut self) -> Result<bool, ObjectError> {
        if self.total.is_some_and(|total| self.offset >= total) {
            return if self.decoder.is_between_frames() {
                Ok(false)
            } else {
                Err(ObjectError::Broken("it is truncated".to_owned()))
            };
        }
        let range = self.offset..self.offset + RANGE;
        let call = || self.objects.get(self.key, range.clone());
        let chunk = self.attempts.run(self.deadline, call).await.map_err(ObjectError::from)?;
        self.offset += chunk.bytes.len() as u64;
        self.total = Some(if chunk.bytes.is_empty() { self.offset } else { chunk.total });
        self.input = chunk.bytes;
        Ok(!self.input.is_empty())
    }

    fn decode(&mut self) -> Result<(), ObjectError> {
        self.output.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.decoder.step(&mut self.input, &mut self.output).map_err(|error| ObjectError::Broken(error.to_string()))
    }
}

impl Decoder {
    fn of(key: &str) -> io::Result<Self> {
        Ok(match key.rsplit('.').next() {
            Some("zst") => Self::Zstd(raw::Decoder::new()?),
            Some("gz") => Self::gzip(),
            _ => Self::Plain,
        })
    }

    fn gzip() -> Self {
        Self::Gzip(Box::new(Decompress::new_gzip(GZIP_WINDOW)))
    }

    /// Decompresses at most [`STEP`] bytes, so that memory stays bounded whatever the input is.
    fn step(&mut self, input: &mut Bytes, output: &mut Vec<u8>) -> io::Result<()> {
        let end = output.len();
        if let Self::Plain = self {
            let length = input.len().min(STEP);
            output.extend_from_slice(&input.split_to(length));
            return Ok(());
        }
        output.resize(end + STEP, 0);
        let result = self.decompress(input, &mut output[end..]);
        output.truncate(end + result.as_ref().map_or(0, |(_, written)| *written));
        let (read, written) = result?;
        if read == 0 && written == 0 {
            return Err(io::Error::other("the decoder makes no progress"));
        }
        input.advance(read);
        Ok(())
    }

    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> io::Result<(usize, usize)> {
        match self {
            Self::Plain => Ok((0, 0)),
            Self::Zstd(decoder) => {
                let (mut from, mut onto) = (InBuffer::around(input), OutBuffer::around(output));
                decoder.run(&mut from, &mut onto)?;
                let written = onto.pos();
                Ok((from.pos(), written))
            }
            Self::Gzip(decoder) => {
                let (read, written) = (decoder.total_in(), decoder.total_out());
                let status = decoder.decompress(input, output, FlushDecompress::None).map_err(io::Error::other)?;
                let done = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
                let counts = (done(decoder.total_in(), read), done(decoder.total_out(), written));
                if status == Status::StreamEnd {
                    // Several members form one file.
                    *self = Self::gzip();
                }
                Ok(counts)
            }
        }
    }

    fn is_between_frames(&self) -> bool {
        match self {
            Self::Gzip(decoder) => decoder.total_in() == 0,
            // A truncated frame of zstd ends in the middle of a line: its last record is then unreadable, and counted.
            Self::Plain | Self::Zstd(_) => true,
        }
    }
}

impl From<GaveUp<ReadError>> for ObjectError {
    fn from(error: GaveUp<ReadError>) -> Self {
        match error {
            GaveUp::Refused(ReadError::Missing) => Self::Missing,
            other => Self::Unavailable(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
