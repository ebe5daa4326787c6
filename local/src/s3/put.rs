//! `PutObject`: writes the body to a temporary file, checks it, and moves the file to its key.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use s3s::dto::{ETag, PutObjectInput, PutObjectOutput, StreamingBlob};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::digests::{Digested, Digests};
use super::events::Events;
use super::place::Placer;
use super::run::Run;
use super::{keys, side};

/// The prefix of the names of unfinished files.
const UNFINISHED: &str = ".put.";

/// Writes objects under one folder.
#[derive(Debug)]
pub(super) struct Writer {
    root: PathBuf,
    internal: PathBuf,
    number: AtomicU64,
    placer: Placer,
    pub(super) run: Run,
    pub(super) events: Events,
}

/// A temporary file that is removed when it is dropped, unless it was moved to its key.
struct Unfinished {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Writer {
    pub(super) fn new(root: PathBuf, internal: PathBuf) -> Self {
        Self {
            root,
            internal,
            number: AtomicU64::new(0),
            placer: Placer::default(),
            run: Run::default(),
            events: Events::default(),
        }
    }

    /// Stores a whole object with matching digests, or nothing.
    pub(super) async fn put(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let S3Request { mut input, headers, trailing_headers, .. } = request;
        self.run.count_put();
        keys::check(&input.key)?;
        let only_new = only_new(&input)?;
        let body = input.body.take().ok_or_else(|| s3_error!(IncompleteBody))?;
        let place = self.root.join(&input.key);
        if only_new && place.exists() {
            // The server may have ended between the first PUT and its event.
            self.events.created(&input.bucket, &input.key).await?;
            return Err(exists(body).await);
        }
        let mut file = Unfinished::create(&self.internal, self.number.fetch_add(1, Ordering::Relaxed))?;
        let digested = file.receive(body, Digests::new(&input, &headers)).await?;
        let trailers = trailing_headers.and_then(|trailers| trailers.take()).unwrap_or_default();
        digested.check(&input, &trailers)?;
        self.placer.place(&file.path, &place, only_new).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => precondition_failed(),
            _ => S3Error::internal_error(error),
        })?;
        self.record(&input, file.bytes, &digested.etag());
        self.events.created(&input.bucket, &input.key).await?;
        Ok(S3Response::new(output(digested)))
    }

    fn record(&self, input: &PutObjectInput, bytes: u64, etag: &str) {
        // The object is complete without its metadata.
        if let Err(error) = side::save(&self.internal, input, etag) {
            tracing::warn!(key = input.key, %error, "the metadata of an object could not be written");
        }
        let records = input.metadata.as_ref().and_then(|metadata| metadata.get("records"));
        self.run.add(&input.key, records.and_then(|records| records.parse().ok()).unwrap_or(0), bytes);
    }
}

impl Unfinished {
    fn create(internal: &Path, number: u64) -> S3Result<Self> {
        let path = internal.join(format!("{UNFINISHED}{number}"));
        let file = File::create(&path).map_err(S3Error::internal_error)?;
        Ok(Self { path, file, bytes: 0 })
    }

    /// Writes in this task, not in a blocking thread, because it only fills the page cache.
    async fn receive(&mut self, mut body: StreamingBlob, mut digests: Digests) -> S3Result<Digested> {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| s3_error!(IncompleteBody, "{error}"))?;
            digests.update(&chunk);
            self.file.write_all(&chunk).map_err(S3Error::internal_error)?;
            self.bytes += chunk.len() as u64;
        }
        Ok(digests.finish())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // A file that was moved to its key has another name.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes the unfinished files of an earlier run.
pub(super) fn remove_unfinished(internal: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(internal)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn only_new(input: &PutObjectInput) -> S3Result<bool> {
    match (&input.if_match, &input.if_none_match) {
        (None, None) => Ok(false),
        (None, Some(condition)) if condition.is_any() => Ok(true),
        _ => Err(s3_error!(NotImplemented, "the only supported condition is `If-None-Match: *`")),
    }
}

/// Reads the body to its end, so that the client reads the response and can reuse the connection.
async fn exists(mut body: StreamingBlob) -> S3Error {
    while let Some(Ok(_)) = body.next().await {}
    precondition_failed()
}

fn precondition_failed() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

fn output(digested: Digested) -> PutObjectOutput {
    let e_tag = Some(ETag::Strong(digested.etag()));
    let checksums = digested.checksums;
    PutObjectOutput {
        e_tag,
        checksum_crc32: checksums.checksum_crc32,
        checksum_crc32c: checksums.checksum_crc32c,
        checksum_sha1: checksums.checksum_sha1,
        checksum_sha256: checksums.checksum_sha256,
        checksum_crc64nvme: checksums.checksum_crc64nvme,
        ..PutObjectOutput::default()
    }
}
