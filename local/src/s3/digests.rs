//! Digests of a body: those that the client sends must match before the object is stored.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{Checksum, PutObjectInput};
use s3s::{S3Result, s3_error};

/// Hashes a body while it is received.
pub(super) struct Digests {
    md5: Md5,
    checksums: ChecksumHasher,
}

/// The digests of a whole body.
pub(super) struct Digested {
    md5: [u8; 16],
    /// The checksums that the client requested.
    pub(super) checksums: Checksum,
}

impl Digests {
    /// Hashes with MD5, for the `ETag`, and with the algorithms that the client requested.
    pub(super) fn new(input: &PutObjectInput, headers: &HeaderMap) -> Self {
        let trailer = headers.get("x-amz-trailer").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let algorithm = input.checksum_algorithm.as_ref().map(s3s::dto::ChecksumAlgorithm::as_str).unwrap_or_default();
        let named = |header: &Option<String>, name: &str| {
            let in_trailer = trailer.eq_ignore_ascii_case(&format!("x-amz-checksum-{name}"));
            header.is_some() || in_trailer || algorithm.eq_ignore_ascii_case(name)
        };
        let checksums = ChecksumHasher {
            crc32: named(&input.checksum_crc32, "crc32").then(Default::default),
            crc32c: named(&input.checksum_crc32c, "crc32c").then(Default::default),
            sha1: named(&input.checksum_sha1, "sha1").then(Default::default),
            sha256: named(&input.checksum_sha256, "sha256").then(Default::default),
            crc64nvme: named(&input.checksum_crc64nvme, "crc64nvme").then(Default::default),
        };
        Self { md5: Md5::new(), checksums }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.checksums.update(bytes);
    }

    pub(super) fn finish(self) -> Digested {
        Digested { md5: self.md5.finalize(), checksums: self.checksums.finalize() }
    }
}

impl Digested {
    /// The `ETag`, without quotes.
    pub(super) fn etag(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.md5))
    }

    /// Compares the digests that the client sent, in headers or trailers, with those of the body.
    pub(super) fn check(&self, input: &PutObjectInput, trailers: &HeaderMap) -> S3Result<()> {
        let Checksum { checksum_crc32, checksum_crc32c, checksum_sha1, checksum_sha256, checksum_crc64nvme, .. } =
            &self.checksums;
        let md5 = Some(BASE64.encode(self.md5));
        for (name, header, computed) in [
            ("content-md5", &input.content_md5, &md5),
            ("x-amz-checksum-crc32", &input.checksum_crc32, checksum_crc32),
            ("x-amz-checksum-crc32c", &input.checksum_crc32c, checksum_crc32c),
            ("x-amz-checksum-sha1", &input.checksum_sha1, checksum_sha1),
            ("x-amz-checksum-sha256", &input.checksum_sha256, checksum_sha256),
            ("x-amz-checksum-crc64nvme", &input.checksum_crc64nvme, checksum_crc64nvme),
        ] {
            let trailer = trailers.get(name).and_then(|value| value.to_str().ok());
            if header.as_deref().or(trailer).is_some_and(|sent| Some(sent) != computed.as_deref()) {
                return Err(s3_error!(BadDigest, "{name} does not match the body"));
            }
        }
        Ok(())
    }
}
