//! Writes the metadata of an object to the file from which `s3s-fs` reads it.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::dto::{Metadata, PutObjectInput};
use serde::Serialize;

/// The maximum length of a file name on common file systems, in bytes.
const MAX_NAME: usize = 255;

#[derive(Serialize)]
struct Attributes<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_metadata: Option<&'a Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_encoding: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_disposition: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_language: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<&'a str>,
}

/// Writes the metadata in `input`. A key that is too long for a file name has no metadata.
pub(super) fn save(internal: &Path, input: &PutObjectInput) -> io::Result<()> {
    let Some(path) = path(internal, &input.bucket, &input.key) else { return Ok(()) };
    let attributes = Attributes {
        user_metadata: input.metadata.as_ref(),
        content_encoding: input.content_encoding.as_deref(),
        content_type: input.content_type.as_deref(),
        content_disposition: input.content_disposition.as_deref(),
        content_language: input.content_language.as_deref(),
        cache_control: input.cache_control.as_deref(),
    };
    std::fs::write(path, serde_json::to_vec(&attributes)?)
}

fn path(internal: &Path, bucket: &str, key: &str) -> Option<PathBuf> {
    let (bucket, key) = (URL_SAFE_NO_PAD.encode(bucket), URL_SAFE_NO_PAD.encode(key));
    let name = format!(".bucket-{bucket}.object-{key}.metadata.json");
    (name.len() <= MAX_NAME).then(|| internal.join(name))
}
