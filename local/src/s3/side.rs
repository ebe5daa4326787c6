//! Writes the metadata of an object to the file from which `s3s-fs` reads it.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::dto::PutObjectInput;
use serde_json::json;

/// The maximum length of a file name on common file systems, in bytes.
const MAX_NAME: usize = 255;

/// Writes the metadata in `input`. A key that is too long for a file name has no metadata.
pub(super) fn save(internal: &Path, input: &PutObjectInput) -> io::Result<()> {
    let Some(path) = path(internal, &input.bucket, &input.key) else { return Ok(()) };
    let attributes = json!({
        "user_metadata": input.metadata,
        "content_encoding": input.content_encoding,
        "content_type": input.content_type,
        "content_disposition": input.content_disposition,
        "content_language": input.content_language,
        "cache_control": input.cache_control,
    });
    std::fs::write(path, attributes.to_string())
}

fn path(internal: &Path, bucket: &str, key: &str) -> Option<PathBuf> {
    let (bucket, key) = (URL_SAFE_NO_PAD.encode(bucket), URL_SAFE_NO_PAD.encode(key));
    let name = format!(".bucket-{bucket}.object-{key}.metadata.json");
    (name.len() <= MAX_NAME).then(|| internal.join(name))
}
