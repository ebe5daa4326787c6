//! From the bytes of a request to the document's text: content type, content encoding, limits.

use std::io::{self, Read};

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use spillway_shared::pool::{Budget, Reservation};

use crate::error::RequestError;

/// The largest window of a zstd frame, as a power of two: 8 MiB, what RFC 8878 asks decoders to support.
const ZSTD_WINDOW_LOG: u32 = 23;
/// What decoding a zstd frame holds beside its output.
const ZSTD_WINDOW_BYTES: usize = 1 << ZSTD_WINDOW_LOG;
/// Decoded bytes are reserved and made room for in steps of this size.
const STEP: usize = 64 << 10;

/// How a document's payloads are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON value.
    Json,
    /// One JSON object a line.
    Lines,
}

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// gzip, of one member or several.
    Gzip,
    /// zlib, as HTTP's `deflate` means it (RFC 9110, 8.4.1.2).
    Deflate,
    /// zstd, of one frame or several.
    Zstd,
}

/// The form that the content type names; parameters are ignored.
///
/// # Errors
/// A type that is not listed.
pub fn form(headers: &HeaderMap) -> Result<Form, RequestError> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Form::Json) };
    let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
    match value.split(';').next().unwrap_or_default().trim() {
        "" | "application/json" | "text/plain" => Ok(Form::Json),
        "application/x-ndjson" | "application/jsonl" | "application/jsonlines" => Ok(Form::Lines),
        _ => Err(RequestError::Unsupported(
            "content type: send application/json, or application/x-ndjson with one object a line".to_owned(),
        )),
    }
}

/// The coding that the content encoding names, in any case.
///
/// # Errors
/// More than one encoding, or one that is not listed.
pub fn coding(headers: &HeaderMap) -> Result<Coding, RequestError> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let value = values.next().map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase());
    match (value.as_deref().unwrap_or_default(), values.next()) {
        ("" | "identity", None) => Ok(Coding::Identity),
        ("gzip", None) => Ok(Coding::Gzip),
        ("deflate", None) => Ok(Coding::Deflate),
        ("zstd", None) => Ok(Coding::Zstd),
        _ => Err(RequestError::Unsupported(
            "content encoding: send one of gzip, zstd, deflate, identity, and only one".to_owned(),
        )),
    }
}

/// A decoded body and the bytes reserved for it.
#[derive(Debug)]
pub struct Decoded {
    /// The document, not yet known to be text.
    pub bytes: Vec<u8>,
    /// What is held of the budget as long as the document is.
    pub held: Reservation,
}

/// The most that a document of at most `limit` bytes after decoding holds of a budget, in bytes.
///
/// It comes compressed, which makes it no more than a sixteenth larger; room is made by doubling, and for a zstd frame's window; and with what is
/// stamped on its payloads it may have twice the limit.
#[must_use]
pub fn most_held(limit: usize) -> usize {
    let (compressed, decoded, stamped) = (limit + limit / 16, 2 * limit, 2 * limit);
    compressed + decoded + stamped.max(ZSTD_WINDOW_BYTES)
}

/// Decodes a body of at most `limit` bytes.
///
/// What is decoded is reserved from `budget` before it is held, and decoding stops at the limit: a bomb costs no memory.
///
/// # Errors
/// A body that is broken (400), larger than the limit (413), or more than the budget bears now (503).
pub fn decode(body: Vec<u8>, coding: Coding, limit: usize, budget: &Budget) -> Result<Decoded, RequestError> {
    let mut held = budget.try_reserve(body.len()).ok_or(RequestError::Busy)?;
    let source = body.as_slice();
    let bytes = match coding {
        Coding::Identity => {
            if body.len() > limit {
                return Err(too_large(limit));
            }
            return Ok(Decoded { bytes: body, held });
        }
        Coding::Gzip => read_all(MultiGzDecoder::new(source), limit, budget, &mut held),
        Coding::Deflate => inflate(source, limit, budget, &mut held),
        Coding::Zstd => unzstd(source, limit, budget, &mut held),
    }?;
    Ok(Decoded { bytes, held })
}

fn inflate(source: &[u8], limit: usize, budget: &Budget, held: &mut Reservation) -> Result<Vec<u8>, RequestError> {
    let mut decoder = ZlibDecoder::new(source);
    let bytes = read_all(&mut decoder, limit, budget, held)?;
    if decoder.get_ref().is_empty() { Ok(bytes) } else { Err(broken()) }
}

fn unzstd(source: &[u8], limit: usize, budget: &Budget, held: &mut Reservation) -> Result<Vec<u8>, RequestError> {
    let _window = budget.try_reserve(ZSTD_WINDOW_BYTES).ok_or(RequestError::Busy)?;
    let mut decoder = zstd::stream::read::Decoder::with_buffer(source).map_err(|_| broken())?;
    decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|_| broken())?;
    read_all(decoder, limit, budget, held)
}

fn read_all(
    mut source: impl Read,
    limit: usize,
    budget: &Budget,
    held: &mut Reservation,
) -> Result<Vec<u8>, RequestError> {
    let mut bytes = Vec::new();
    loop {
        let step = bytes.len().clamp(STEP, limit.max(STEP));
        held.join(budget.try_reserve(step).ok_or(RequestError::Busy)?);
        bytes.reserve_exact(step);
        // One byte beyond the limit tells a body that just fits from one that does not.
        let room = step.min(limit + 1 - bytes.len());
        match source.by_ref().take(room as u64).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() > limit => return Err(too_large(limit)),
            Ok(read) if read < room => return Ok(bytes),
            Ok(_) => {}
            Err(error) => return Err(explain(&error)),
        }
    }
}

fn explain(error: &io::Error) -> RequestError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            RequestError::Unreadable("content encoding: the body is cut off, or other bytes follow it".to_owned())
        }
        _ => broken(),
    }
}

fn broken() -> RequestError {
    RequestError::Unreadable(
        "content encoding: the body is not what Content-Encoding says, or other bytes follow it".to_owned(),
    )
}

fn too_large(limit: usize) -> RequestError {
    RequestError::TooLarge(format!("the document has more than {limit} bytes after decoding"))
}

#[cfg(test)]
#[path = "body/tests.rs"]
mod tests;
