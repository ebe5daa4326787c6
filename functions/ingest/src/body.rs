//! Decodes the body of a request into a document: content type, content encoding, limits.

use std::io::{self, Read};

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use spillway_shared::pool::{Budget, Reservation};

use crate::error::RequestError;

/// The largest window of a zstd frame, as a power of two: 8 MiB, which RFC 8878 asks decoders to support.
const ZSTD_WINDOW_LOG: u32 = 23;
/// The memory of a zstd decoder apart from its output, in bytes.
const ZSTD_WINDOW_BYTES: usize = 1 << ZSTD_WINDOW_LOG;
/// Memory for decoded bytes is reserved in steps of at least this size.
const STEP: usize = 64 << 10;

/// The form of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON value.
    Json,
    /// One JSON object per line.
    Lines,
}

impl Form {
    /// The form's name in digests of documents; changing it changes record ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Lines => "ndjson",
        }
    }
}

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// gzip, one member or several.
    Gzip,
    /// zlib, which HTTP calls `deflate` (RFC 9110, 8.4.1.2).
    Deflate,
    /// zstd, one frame or several.
    Zstd,
}

/// The form that the content type names; parameters are ignored.
///
/// # Errors
/// The type is not supported (415).
pub fn form(headers: &HeaderMap) -> Result<Form, RequestError> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Form::Json) };
    let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
    match value.split(';').next().unwrap_or_default().trim() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/jsonlines" => {
            Ok(Form::Lines)
        }
        "" | "text/plain" | "application/json" | "text/json" | "application/csp-report" => Ok(Form::Json),
        // RFC 6839; this includes `application/reports+json`.
        other if is_one_type(other) && other.ends_with("+json") => Ok(Form::Json),
        _ => Err(RequestError::Unsupported(
            "unsupported content type: send application/json, or application/x-ndjson with one object per line"
                .to_owned(),
        )),
    }
}

/// Whether the text has the form of one media type. API Gateway joins repeated headers by commas.
fn is_one_type(text: &str) -> bool {
    let is_token = |part: &str| part.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b','));
    text.split_once('/').is_some_and(|(kind, subtype)| !kind.is_empty() && is_token(kind) && is_token(subtype))
}

/// The coding that the content encoding names, in any case.
///
/// # Errors
/// The header names more than one encoding, or one that is not supported (415).
pub fn coding(headers: &HeaderMap) -> Result<Coding, RequestError> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let value = values.next().map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase());
    match (value.as_deref().unwrap_or_default(), values.next()) {
        ("" | "identity", None) => Ok(Coding::Identity),
        ("gzip" | "x-gzip", None) => Ok(Coding::Gzip),
        ("deflate", None) => Ok(Coding::Deflate),
        ("zstd", None) => Ok(Coding::Zstd),
        _ => Err(RequestError::Unsupported(
            "unsupported content encoding: send one of gzip, zstd, deflate and identity".to_owned(),
        )),
    }
}

/// A decoded body and the bytes reserved for it.
#[derive(Debug)]
pub struct Decoded {
    /// The document, not yet checked to be text.
    pub bytes: Vec<u8>,
    /// The document's share of the budget.
    pub held: Reservation,
}

/// The most bytes of a budget that a document of at most `limit` bytes after decoding can hold.
///
/// The compressed body is at most a sixteenth larger than the document, memory for the decoded bytes doubles as it
/// grows, and the records may have twice the limit. The window of a zstd frame is released before the records are made.
#[must_use]
pub fn most_held(limit: usize) -> usize {
    let (compressed, decoded, stamped) = (limit + limit / 16, 2 * limit, 2 * limit);
    compressed + decoded + stamped.max(ZSTD_WINDOW_BYTES)
}

/// Decodes a body to at most `limit` bytes. Some clients send gzip without naming it, so its first bytes
/// count as well.
///
/// Memory is reserved from `budget` before it is allocated, and decoding stops at the limit, so a decompression bomb
/// costs no more memory than a document.
///
/// # Errors
/// The body is broken (400), larger than the limit (413), or the budget is exhausted (503).
pub fn decode(body: Vec<u8>, coding: Coding, limit: usize, budget: &Budget) -> Result<Decoded, RequestError> {
    let mut held = budget.try_reserve(body.len()).ok_or(RequestError::Busy)?;
    let source = body.as_slice();
    let coding = if coding == Coding::Identity && is_gzip(source) { Coding::Gzip } else { coding };
    if coding != Coding::Identity && was_read_as_text(source) {
        return Err(read_as_text());
    }
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

/// Whether a body begins like gzip, also after a front read it as text. No JSON begins like this.
fn is_gzip(body: &[u8]) -> bool {
    body.starts_with(b"\x1F\x8B") || body.starts_with("\x1F\u{FFFD}".as_bytes())
}

/// Whether a front read a compressed body as text: U+FFFD replaces the second byte of gzip, zstd and the usual zlib. None
/// of them begins like this.
fn was_read_as_text(body: &[u8]) -> bool {
    matches!(body, [0x1F | 0x28 | 0x78, 0xEF, 0xBF, 0xBD, ..])
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
        // One byte beyond the limit shows that the document is too large.
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
            RequestError::Unreadable("the compressed body is cut off, or other bytes follow it".to_owned())
        }
        _ => broken(),
    }
}

fn broken() -> RequestError {
    RequestError::Unreadable("the body does not match Content-Encoding, or other bytes follow it".to_owned())
}

fn read_as_text() -> RequestError {
    RequestError::Unreadable(
        "API Gateway read the compressed body as text, which destroyed it; send NDJSON with Content-Type: \
         application/x-ndjson, or send the body without Content-Type or without compression"
            .to_owned(),
    )
}

fn too_large(limit: usize) -> RequestError {
    RequestError::TooLarge(format!("the document has more than {limit} bytes after decoding"))
}

#[cfg(test)]
mod tests;
