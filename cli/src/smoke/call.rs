//! One request of the smoke test, and how its body is encoded.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use hyper::Method;

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// The path after the API's address, with the query.
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

/// A `Content-Encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
    Zstd,
    Deflate,
}

impl Call {
    /// A request without key and body.
    pub(super) fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: Vec::new(), body: Bytes::new() }
    }

    /// A POST to a stream, without a key.
    pub(super) fn post(stream: &str, content_type: &str, body: impl Into<Bytes>) -> Self {
        let call = Self::new(Method::POST, &format!("/v1/streams/{stream}"));
        Self { body: body.into(), ..call }.header("content-type", content_type)
    }

    /// The same with this header.
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The same with its body encoded, and the header that says so.
    pub(super) fn encoded(self, coding: Coding) -> Self {
        let body = coding.encode(&mut self.body.as_ref()).into();
        Self { body, ..self }.header("content-encoding", coding.name())
    }
}

impl Coding {
    pub(super) const ALL: [Self; 4] = [Self::Gzip, Self::Identity, Self::Zstd, Self::Deflate];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
        }
    }

    /// The encoded bytes. Encoding in memory cannot fail.
    pub(super) fn encode(self, content: &mut impl io::Read) -> Vec<u8> {
        self.try_encode(content).unwrap_or_default()
    }

    fn try_encode(self, content: &mut impl io::Read) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => copied(content, Vec::new()),
            Self::Gzip => copied(content, GzEncoder::new(Vec::new(), Compression::fast()))?.finish(),
            Self::Zstd => copied(content, zstd::Encoder::new(Vec::new(), 1)?)?.finish(),
            Self::Deflate => copied(content, ZlibEncoder::new(Vec::new(), Compression::fast()))?.finish(),
        }
    }
}

fn copied<W: Write>(content: &mut impl io::Read, mut onto: W) -> io::Result<W> {
    io::copy(content, &mut onto)?;
    Ok(onto)
}
