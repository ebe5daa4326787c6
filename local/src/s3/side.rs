//! Writes the metadata and the `ETag` of an object to the files from which `s3s-fs` reads them.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::dto::PutObjectInput;
use serde_json::json;

/// The maximum length of a file name on common file systems, in bytes.
const MAX_NAME: usize = 255;

/// Writes the metadata in `input`, and the `ETag`: without it, `s3s-fs` reads a whole object for each HEAD and each
/// ranged GET. A key that is too long for a file name has neither.
pub(super) fn save(internal: &Path, input: &PutObjectInput, etag: &str) -> io::Result<()> {
    let place = |end: &str| path(internal, &input.bucket, &input.key, end);
    let Some([metadata, info]) = place("metadata").zip(place("internal")).map(<[_; 2]>::from) else { return Ok(()) };
    std::fs::write(info, json!({"e_tag": etag}).to_string())?;
    let attributes = json!({
        "user_metadata": input.metadata,
        "content_encoding": input.content_encoding,
        "content_type": input.content_type,
        "content_disposition": input.content_disposition,
        "content_language": input.content_language,
        "cache_control": input.cache_control,
    });
    std::fs::write(metadata, attributes.to_string())
}

fn path(internal: &Path, bucket: &str, key: &str, end: &str) -> Option<PathBuf> {
    let (bucket, key) = (URL_SAFE_NO_PAD.encode(bucket), URL_SAFE_NO_PAD.encode(key));
    let name = format!(".bucket-{bucket}.object-{key}.{end}.json");
    (name.len() <= MAX_NAME).then(|| internal.join(name))
}
